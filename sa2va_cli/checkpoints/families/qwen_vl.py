"""What the versions of Qwen-VL have in common: configs and the key table.

The names are those of the reference set, section 2.1. A version is a file of its own.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sa2va_cli.checkpoints.families.family import LANGUAGE_MODEL, VISION
from sa2va_cli.checkpoints.families.language_config import read_language, select, write_language
from sa2va_cli.checkpoints.families.sam2 import MASK_RULES
from sa2va_cli.checkpoints.json_files import Config
from sa2va_cli.checkpoints.key_rules import Rule, renamed

if TYPE_CHECKING:
    from sa2va_cli.model.qwen_vl import QwenVLSizes

TEXT_CONFIG = "text_config"
PREFIXES: Mapping[str, tuple[str, ...]] = {VISION: ("model.model.visual.",), LANGUAGE_MODEL: ("model.",)}
"""A Qwen-VL's projector belongs to its vision encoder."""

EMBEDDING = "model.model.language_model.embed_tokens.weight"
OUTPUT_LAYER = "model.lm_head.weight"

_VISION_KEYS = (
    "depth",
    "hidden_size",
    "hidden_act",
    "intermediate_size",
    "num_heads",
    "in_channels",
    "patch_size",
    "spatial_merge_size",
    "temporal_patch_size",
    "out_hidden_size",
)

_RULES: tuple[Rule, ...] = (
    *renamed(
        (
            ("model.model.visual.**", "vision_model.**"),
            ("model.model.language_model.norm.weight", "norm.weight"),
            ("model.model.language_model.**", "language_model.**"),
            ("model.lm_head.weight", "lm_head.weight"),
        ),
        native="chat.",
    ),
    *MASK_RULES,
)


def rules(_: Any) -> tuple[Rule, ...]:
    """Gives the key table, which is the same for all sizes."""
    return _RULES


def make_sizes(chat: Config) -> "QwenVLSizes":
    """Makes the sizes of the ``chat`` object of a native config."""
    from sa2va_cli.model.qwen_vl import QwenVLSizes

    return QwenVLSizes(**chat)


def read_sizes(config: Config, version: str, vision_keys: Sequence[str], text: Config) -> "QwenVLSizes":
    """Reads the sizes of a published config.

    Args:
        config: the whole of it.
        version: a name in ``model.qwen_vl.VERSIONS``.
        vision_keys: what this version's vision encoder has beside the keys of all versions.
        text: what this version's language model has, for transformers, beside those.
    """
    language = config[TEXT_CONFIG]
    words = read_language(language, tied=bool(config.get("tie_word_embeddings")))
    stop = language["eos_token_id"]
    return make_sizes(
        {
            "vision": select(config["vision_config"], (*_VISION_KEYS, *vision_keys)),
            "text": words | {"hidden_act": language.get("hidden_act", "silu")} | text,
            "version": version,
            "stop_ids": list(stop) if isinstance(stop, list) else [int(stop)],
        }
    )


def write_config(sizes: "QwenVLSizes", kind: str) -> Config:
    """Writes what ``read_sizes`` reads; ``kind`` is the ``model_type`` of the whole base model."""
    stop = sizes.stop_ids[0] if len(sizes.stop_ids) == 1 else sizes.stop_ids
    return {
        "architectures": ["Sa2VAChatModelQwen"],
        "template": "qwen_chat",
        "vision_config": sizes.vision | {"model_type": kind},
        TEXT_CONFIG: write_language(sizes.text) | {"model_type": f"{kind}_text", "eos_token_id": stop},
        "tie_word_embeddings": sizes.text["tie_word_embeddings"],
    }
