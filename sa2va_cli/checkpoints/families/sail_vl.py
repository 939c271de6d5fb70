"""SAIL-VL: an InternVL (InternViT-300M, projector, Qwen2) with another prompt and without a mask decoder.

Names, sizes and defaults are those of the reference set, section 9.
"""

from typing import TYPE_CHECKING

from sa2va_cli.checkpoints.families.family import Family
from sa2va_cli.checkpoints.families.internvl import (
    INTERNVL,
    QWEN2_RULES,
    VISION_RULES,
    make_sizes,
    read_vision,
    write_parts,
)
from sa2va_cli.checkpoints.families.internvl import released as released_sizes
from sa2va_cli.checkpoints.families.language_config import read_language
from sa2va_cli.checkpoints.json_files import Config

if TYPE_CHECKING:
    from sa2va_cli.model.internvl import InternVLSizes

_ARCHITECTURE = "SailVLModel"
_MAX_TILES = 10
"""Of the model card, whatever the config's ``max_dynamic_patch``."""

# The defaults of the class SailVLConfig for keys that a config lacks.
_SELECT_LAYER, _SHUFFLE_VERSION, _DOWNSAMPLING = -4, "v1", 0.5


def _read(config: Config) -> "InternVLSizes":
    text = config["llm_config"]
    return make_sizes(
        {
            "vision": read_vision(config),
            "text": read_language(text, tied=bool(text.get("tie_word_embeddings"))),
            "template": config.get("template", "sailvl-chat").replace("-", "_"),
            "tile_size": config.get("force_image_size") or config["vision_config"]["image_size"],
            "max_tiles": _MAX_TILES,
            "shuffle": config.get("downsample_ratio", _DOWNSAMPLING),
            "select_layer": config.get("select_layer", _SELECT_LAYER),
            "shuffle_version": config.get("ps_version", _SHUFFLE_VERSION),
        }
    )


def _write(sizes: "InternVLSizes") -> Config:
    return write_parts(sizes) | {
        "model_type": "internvl_chat",
        "architectures": [_ARCHITECTURE],
        "template": sizes.template.replace("_", "-"),
        "ps_version": sizes.shuffle_version,
        "select_layer": sizes.select_layer,
        "dynamic_image_size": True,
        "use_thumbnail": True,
    }


SAIL_VL = Family(
    name="sail-vl",
    title="SAIL-VL",
    text_config="llm_config",
    text_type="qwen2",
    make_sizes=make_sizes,
    read=_read,
    write=_write,
    rules=lambda _: (*VISION_RULES, *QWEN2_RULES),
    prefixes=INTERNVL.prefixes,
    embedding=INTERNVL.embedding,
    output_layer=INTERNVL.output_layer,
    released={
        # Qwen/Qwen2.5-1.5B, config.json; more rows than tokens.
        "sail-vl-2b": released_sizes("qwen2", 1536, 8960, 28, (12, 2), words=151_936)
        | {"template": "sailvl-chat", "force_image_size": 448, "select_layer": -1, "ps_version": "v2"},
    },
    architecture=_ARCHITECTURE,
)
