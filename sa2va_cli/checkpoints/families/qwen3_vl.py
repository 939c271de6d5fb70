"""The Qwen3-VL family."""

from typing import TYPE_CHECKING

from sa2va_cli.checkpoints.families import qwen_vl
from sa2va_cli.checkpoints.families.family import Family
from sa2va_cli.checkpoints.families.language_config import language_dimensions
from sa2va_cli.checkpoints.json_files import Config

if TYPE_CHECKING:
    from sa2va_cli.model.qwen_vl import QwenVLSizes

_KIND = "qwen3_vl"
_VISION_KEYS = ("num_position_embeddings", "deepstack_visual_indexes")

# Qwen/Qwen3-VL-2B-Instruct, config.json.
_VISION: Config = {
    "depth": 24,
    "hidden_size": 1024,
    "hidden_act": "gelu_pytorch_tanh",
    "intermediate_size": 4096,
    "num_heads": 16,
    "in_channels": 3,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [5, 11, 17],
}


def _read(config: Config) -> "QwenVLSizes":
    text = config[qwen_vl.TEXT_CONFIG]
    more = {"head_dim": text["head_dim"], "attention_bias": bool(text.get("attention_bias"))}
    return qwen_vl.read_sizes(config, "3", _VISION_KEYS, more)


def _write(sizes: "QwenVLSizes") -> Config:
    return qwen_vl.write_config(sizes, _KIND)


def _released(width: int, inner: int, layers: int, heads: tuple[int, int]) -> Config:
    text = language_dimensions(width, inner, layers, heads, words=151674)  # Sa2VA's vocabulary
    return {
        "vision_config": _VISION | {"out_hidden_size": width},
        "text_config": text | {"model_type": f"{_KIND}_text", "head_dim": 128, "eos_token_id": 151645},
    }


QWEN3_VL = Family(
    name="qwen3-vl",
    title="Qwen3-VL",
    text_config=qwen_vl.TEXT_CONFIG,
    text_type=_KIND,
    make_sizes=qwen_vl.make_sizes,
    read=_read,
    write=_write,
    rules=qwen_vl.rules,
    prefixes=qwen_vl.PREFIXES,
    embedding=qwen_vl.EMBEDDING,
    output_layer=qwen_vl.OUTPUT_LAYER,
    released={
        "qwen3-vl-2b": _released(2048, 6144, 28, (16, 8)),
        "qwen3-vl-4b": _released(2560, 9728, 36, (32, 8)),
    },
)
