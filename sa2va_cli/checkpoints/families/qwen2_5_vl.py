"""The Qwen2.5-VL family."""

from typing import TYPE_CHECKING

from sa2va_cli.checkpoints.families import qwen_vl
from sa2va_cli.checkpoints.families.family import Family
from sa2va_cli.checkpoints.families.language_config import language_dimensions
from sa2va_cli.checkpoints.json_files import Config
from sa2va_cli.errors import ModelError

if TYPE_CHECKING:
    from sa2va_cli.model.qwen_vl import QwenVLSizes

_KIND = "qwen2_5_vl"
_VISION_KEYS = ("window_size", "fullatt_block_indexes")

# Qwen/Qwen2.5-VL-3B-Instruct, config.json.
_VISION: Config = {
    "depth": 32,
    "hidden_size": 1280,
    "hidden_act": "silu",
    "intermediate_size": 3420,
    "num_heads": 16,
    "in_channels": 3,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}


def _read(config: Config) -> "QwenVLSizes":
    if config[qwen_vl.TEXT_CONFIG].get("use_sliding_window"):
        raise ModelError("use_sliding_window is not supported in text_config")
    return qwen_vl.read_sizes(config, "2.5", _VISION_KEYS, {})


def _write(sizes: "QwenVLSizes") -> Config:
    return qwen_vl.write_config(sizes, _KIND)


def _released(width: int, inner: int, layers: int, heads: tuple[int, int]) -> Config:
    text = language_dimensions(width, inner, layers, heads, words=151670)  # Sa2VA's vocabulary
    return {
        "vision_config": _VISION | {"out_hidden_size": width},
        "text_config": text | {"model_type": f"{_KIND}_text", "eos_token_id": 151645},
    }


QWEN2_5_VL = Family(
    name="qwen2.5-vl",
    title="Qwen2.5-VL",
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
        "qwen2.5-vl-3b": _released(2048, 11008, 36, (16, 2)),
        "qwen2.5-vl-7b": _released(3584, 18944, 28, (28, 4)),
    },
)
