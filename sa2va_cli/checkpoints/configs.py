"""What the ``config.json`` of a published checkpoint says about the chat model, and how to say it again.

A pair of functions for each type: from a published config to sizes, and back. What the official code
hard-codes is filled in here. Knows nothing about files or tensors.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sa2va_cli.errors import ModelError
from sa2va_cli.model.internvl import InternVLSizes
from sa2va_cli.model.qwen_vl import QwenVLSizes

Config = dict[str, Any]

_INTERNVIT = (
    ("hidden_size", "hidden_size"),
    ("num_hidden_layers", "num_hidden_layers"),
    ("num_attention_heads", "num_attention_heads"),
    ("intermediate_size", "intermediate_size"),
    ("patch_size", "patch_size"),
    ("qkv_bias", "attention_bias"),
    ("qk_normalization", "use_qk_norm"),
    ("norm_type", "norm_type"),
    ("layer_norm_eps", "layer_norm_eps"),
)
"""A published key of the vision encoder, and what transformers calls it."""

_DECODER = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "rms_norm_eps",
    "vocab_size",
    "max_position_embeddings",
)
"""Keys of every language model."""

_LANGUAGES = {"qwen2": "Qwen2ForCausalLM", "internlm2": "InternLM2ForCausalLM"}
"""The official class of each language model of an InternVL."""

_QWEN_VISION = (
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
_QWEN_VISION_MORE = {
    "2.5": ("window_size", "fullatt_block_indexes"),
    "3": ("num_position_embeddings", "deepstack_visual_indexes"),
}


def internvl_sizes(config: Config) -> InternVLSizes:
    """Reads the sizes of an InternVL; tile size and tile count are literals of the official code."""
    if config.get("ps_version", "v2") != "v2" or config.get("select_layer", -1) != -1:
        raise ModelError("only ps_version 'v2' and select_layer -1 are supported")
    vision, text = config["vision_config"], config["llm_config"]
    internlm2 = text["model_type"].startswith("internlm2")
    words = _taken(text, _DECODER) | {
        "rope_parameters": _rope(text),
        "tie_word_embeddings": bool(text.get("tie_word_embeddings")),
    }
    return InternVLSizes(
        vision={new: vision[old] for old, new in _INTERNVIT}
        | {"hidden_act": vision.get("hidden_act", "gelu")},
        text=words | ({"attention_bias": bool(text.get("bias"))} if internlm2 else {}),
        template=config["template"].replace("-", "_"),
        language="internlm2" if internlm2 else "qwen2",
    )


def internvl_config(sizes: InternVLSizes) -> Config:
    """Writes what ``internvl_sizes`` reads.

    Raises:
        ModelError: when the sizes are not those that the official code hard-codes.
    """
    if (sizes.tile_size, sizes.max_tiles, sizes.shuffle) != (448, 12, 0.5):
        raise ModelError(
            "the published layout knows nothing but 12 tiles of 448 pixels, "
            f"this network has {sizes.max_tiles} of {sizes.tile_size}"
        )
    vision = {old: sizes.vision[new] for old, new in _INTERNVIT}
    text = _decoder(sizes.text) | {
        "model_type": sizes.language,
        "architectures": [_LANGUAGES[sizes.language]],
    }
    if sizes.language == "internlm2":
        text["bias"] = text.pop("attention_bias")
    return {
        "architectures": ["Sa2VAChatModel"],
        "template": sizes.template,
        "ps_version": "v2",
        "select_layer": -1,
        "downsample_ratio": sizes.shuffle,
        "force_image_size": sizes.tile_size,
        "max_dynamic_patch": sizes.max_tiles,
        "vision_config": vision
        | {
            "model_type": "intern_vit_6b",
            "architectures": ["InternVisionModel"],
            "hidden_act": sizes.vision["hidden_act"],
            "image_size": sizes.tile_size,
        },
        "llm_config": text,
        "tie_word_embeddings": sizes.text["tie_word_embeddings"],
    }


def qwen_vl_sizes(version: str) -> Callable[[Config], QwenVLSizes]:
    """Makes the reader of the sizes of a Qwen-VL of a version."""

    def read(config: Config) -> QwenVLSizes:
        vision, text = config["vision_config"], config["text_config"]
        words = _taken(text, _DECODER) | {
            "hidden_act": text.get("hidden_act", "silu"),
            "rope_parameters": _rope(text),
            "tie_word_embeddings": bool(config.get("tie_word_embeddings")),
        }
        if version == "3":
            words |= {"head_dim": text["head_dim"], "attention_bias": bool(text.get("attention_bias"))}
        elif text.get("use_sliding_window"):
            raise ModelError("use_sliding_window is not supported in text_config")
        stop = text["eos_token_id"]
        seen = _taken(vision, (*_QWEN_VISION, *_QWEN_VISION_MORE[version]))
        return QwenVLSizes(seen, words, version, list(stop) if isinstance(stop, list) else [int(stop)])

    return read


def qwen_vl_config(sizes: QwenVLSizes) -> Config:
    """Writes what ``qwen_vl_sizes`` reads."""
    kind = {"2.5": "qwen2_5_vl", "3": "qwen3_vl"}[sizes.version]
    stop = sizes.stop_ids[0] if len(sizes.stop_ids) == 1 else sizes.stop_ids
    return {
        "architectures": ["Sa2VAChatModelQwen"],
        "template": "qwen_chat",
        "vision_config": sizes.vision | {"model_type": kind},
        "text_config": _decoder(sizes.text) | {"model_type": f"{kind}_text", "eos_token_id": stop},
        "tie_word_embeddings": sizes.text["tie_word_embeddings"],
    }


def _taken(config: Config, keys: Iterable[str]) -> Config:
    return {key: config[key] for key in keys}


def _decoder(text: Config) -> Config:
    """The language model's part of a published config."""
    rope = dict(text["rope_parameters"])
    theta, kind = rope.pop("rope_theta"), rope["rope_type"]
    kept = {key: value for key, value in text.items() if key != "rope_parameters"}
    return kept | {"rope_theta": theta, "rope_scaling": rope | {"type": kind} if len(rope) > 1 else None}


def _rope(text: Config) -> Config:
    """Rotary embedding in the vocabulary of transformers 5, which knows no ``rope_scaling``."""
    if "rope_parameters" in text:
        return dict(text["rope_parameters"])
    scaling = dict(text.get("rope_scaling") or {})
    kind = scaling.pop("rope_type", None) or scaling.get("type", "default")
    scaling.pop("type", None)
    if kind == "mrope":  # what Qwen2.5-VL's older configs call its sections of the default kind
        kind = "default"
    if kind not in ("default", "dynamic"):
        raise ModelError(f"rope_scaling of the type {kind!r} is not supported, only 'dynamic'")
    return {"rope_type": kind, "rope_theta": float(text["rope_theta"]), **scaling}
