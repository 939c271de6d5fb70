"""How many parameters the published models have, counted from their dimensions.

The counts follow the layers of the published networks, so they can be told before anything is downloaded. The
dimensions are those of the base models' public configurations; the vocabulary is Sa2VA's, whose embedding and
output layer are not tied (reference set, sections 2.1 and 2.2). Knows nothing about files or torch.
"""

from typing import Any

from sa2va_cli.checkpoints.parts import GROUPS, LM, SAM2, VIT, Counts

Config = dict[str, Any]

SAM2_HIERA_LARGE = 224_430_386
"""Parameters of the SAM 2 in every published Sa2VA (reference set, section 2.1)."""

SAM2_MASK_DECODER = 4_215_109
"""Parameters of one mask decoder of that SAM 2; a Sa2VA-i has a second one."""

SAM2_WIDTH = 256
POSITIONS = (448 // 14) ** 2 + 1
"""Places in InternViT's position embedding: a 448 pixel tile in patches of 14, and one for the class."""

_INTERNVIT_300M: Config = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "intermediate_size": 4096,
    "patch_size": 14,
    "qkv_bias": True,
    "qk_normalization": False,
    "norm_type": "layer_norm",
}
_INTERNVIT_6B: Config = {
    "hidden_size": 3200,
    "num_hidden_layers": 45,
    "intermediate_size": 12800,
    "patch_size": 14,
    "qkv_bias": False,
    "qk_normalization": True,
    "norm_type": "rms_norm",
}
_QWEN2_5_VIT: Config = {
    "model_type": "qwen2_5_vl",
    "hidden_size": 1280,
    "depth": 32,
    "intermediate_size": 3420,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
}
_QWEN3_VIT: Config = {
    "model_type": "qwen3_vl",
    "hidden_size": 1024,
    "depth": 24,
    "intermediate_size": 4096,
    "patch_size": 16,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [5, 11, 17],
}


def _text(kind: str, width: int, inner: int, layers: int, heads: tuple[int, int], **more: int) -> Config:
    """Dimensions of a language model; ``heads`` are those of queries and of keys."""
    return {
        "model_type": kind,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        **more,
    }


def _internvl(text: Config, vision: Config = _INTERNVIT_300M) -> Config:
    vocabulary = 92558 if text["model_type"] == "internlm2" else 151679
    return {"vision_config": vision, "llm_config": text | {"vocab_size": vocabulary}}


def _qwen_vl(text: Config, vision: Config) -> Config:
    vocabulary = 151670 if vision is _QWEN2_5_VIT else 151674
    return {
        "vision_config": vision | {"out_hidden_size": text["hidden_size"]},
        "text_config": text | {"vocab_size": vocabulary},
    }


_QWEN2_5_0_5B = _text("qwen2", 896, 4864, 24, (14, 2))
_QWEN2_5_3B = _text("qwen2", 2048, 11008, 36, (16, 2))
_INTERNLM2_5_7B = _text("internlm2", 4096, 14336, 32, (32, 8))
_INTERNLM2_5_20B = _text("internlm2", 6144, 16384, 48, (48, 8))

PUBLISHED: dict[str, Config] = {
    "1b": _internvl(_QWEN2_5_0_5B),
    "4b": _internvl(_QWEN2_5_3B),
    "8b": _internvl(_INTERNLM2_5_7B),
    "26b": _internvl(_INTERNLM2_5_20B, _INTERNVIT_6B),
    "internvl3-2b": _internvl(_text("qwen2", 1536, 8960, 28, (12, 2))),
    "internvl3-8b": _internvl(_text("qwen2", 3584, 18944, 28, (28, 4))),
    "internvl3-14b": _internvl(_text("qwen2", 5120, 13824, 48, (40, 8))),
    "qwen2.5-vl-3b": _qwen_vl(_text("qwen2_5_vl_text", 2048, 11008, 36, (16, 2)), _QWEN2_5_VIT),
    "qwen2.5-vl-7b": _qwen_vl(_text("qwen2_5_vl_text", 3584, 18944, 28, (28, 4)), _QWEN2_5_VIT),
    "qwen3-vl-2b": _qwen_vl(_text("qwen3_vl_text", 2048, 6144, 28, (16, 8), head_dim=128), _QWEN3_VIT),
    "qwen3-vl-4b": _qwen_vl(_text("qwen3_vl_text", 2560, 9728, 36, (32, 8), head_dim=128), _QWEN3_VIT),
}
"""Dimensions by alias, in the words of a published ``config.json``; a Sa2VA-i has its plain model's."""


def published_parameters(alias: str) -> int | None:
    """Counts the parameters of a published model; None for an alias whose dimensions are not known."""
    counts = published_counts(alias)
    return None if counts is None else counts.total


def published_counts(alias: str) -> Counts | None:
    """Counts the parameters of a published model by groups; None for an alias that is not known."""
    plain = alias.removeprefix("i-")
    if plain not in PUBLISHED:
        return None
    config = PUBLISHED[plain]
    groups = {LM: 0, VIT: 0, SAM2: SAM2_HIERA_LARGE + (SAM2_MASK_DECODER if alias != plain else 0)}
    for part, number in chat_parameters(config).items():
        groups[GROUPS[part]] += number
    text = config["llm_config"] if "llm_config" in config else config["text_config"]
    return Counts(groups, int(text["num_hidden_layers"] * _layer_weights(text)))


def chat_parameters(config: Config) -> dict[str, int]:
    """Counts the parameters of everything but SAM 2.

    Args:
        config: a published ``config.json``, or what it has of ``PUBLISHED``.

    Returns:
        The number for each part: ``vision``, ``projector``, ``language model`` and ``[SEG] projection``. A
        Qwen-VL's projector belongs to its vision part.
    """
    vision = config["vision_config"]
    text = config["llm_config"] if "llm_config" in config else config["text_config"]
    width = text["hidden_size"]
    out = config.get("grounding_encoder_config", {}).get("d_model", SAM2_WIDTH)
    parts = {
        "language model": _language_model(text),
        "[SEG] projection": _linear(width, width) + _linear(width, out),
    }
    if "text_config" in config:
        eyes = _qwen3_vision if "num_position_embeddings" in vision else _qwen2_5_vision
        return {"vision": eyes(vision), "projector": 0} | parts
    shuffled = 4 * vision["hidden_size"]
    projector = 2 * shuffled + _linear(shuffled, width) + _linear(width, width)
    return {"vision": _internvit(vision), "projector": projector} | parts


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> int:
    return inputs * outputs + outputs * bias


def _layer_weights(text: Config) -> int:
    """Numbers in the weights of a layer of the language model, without biases and norms."""
    width, heads, shared = text["hidden_size"], text["num_attention_heads"], text["num_key_value_heads"]
    size = text.get("head_dim") or width // heads
    attention = width * (heads + 2 * shared) * size + heads * size * width  # queries, keys, values; output
    return int(attention + 3 * width * text["intermediate_size"])


def _language_model(text: Config) -> int:
    width, heads, shared = text["hidden_size"], text["num_attention_heads"], text["num_key_value_heads"]
    size = text.get("head_dim") or width // heads
    qwen2, qwen3 = text["model_type"].startswith("qwen2"), text["model_type"].startswith("qwen3")
    biases, norms = (heads + 2 * shared) * size * qwen2, 2 * width + 2 * size * qwen3
    layer = _layer_weights(text) + biases + norms
    return int(text["num_hidden_layers"] * layer + 2 * text["vocab_size"] * width + width)


def _internvit(vision: Config) -> int:
    width, inner = vision["hidden_size"], vision["intermediate_size"]
    norm = width * (2 if vision["norm_type"] == "layer_norm" else 1)
    layer = _linear(width, 3 * width, bias=vision["qkv_bias"]) + _linear(width, width)
    layer += _linear(width, inner) + _linear(inner, width) + 2 * norm + 2 * width
    layer += 2 * width * vision["qk_normalization"]
    embeddings = width + _linear(3 * vision["patch_size"] ** 2, width) + POSITIONS * width
    return int(vision["num_hidden_layers"] * layer + embeddings)


def _patches(vision: Config) -> int:
    """Numbers in one patch of a Qwen-VL."""
    return int(3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2)


def _qwen2_5_vision(vision: Config) -> int:
    width, inner = vision["hidden_size"], vision["intermediate_size"]
    merged = width * vision["spatial_merge_size"] ** 2
    block = 2 * width + _linear(width, 3 * width) + _linear(width, width)
    block += 2 * _linear(width, inner) + _linear(inner, width)
    merger = width + _linear(merged, merged) + _linear(merged, vision["out_hidden_size"])
    return int(_linear(_patches(vision), width, bias=False) + vision["depth"] * block + merger)


def _qwen3_vision(vision: Config) -> int:
    width, inner = vision["hidden_size"], vision["intermediate_size"]
    merged = width * vision["spatial_merge_size"] ** 2
    block = 4 * width + _linear(width, 3 * width) + _linear(width, width)
    block += _linear(width, inner) + _linear(inner, width)
    merger = _linear(merged, merged) + _linear(merged, vision["out_hidden_size"])
    deep = len(vision["deepstack_visual_indexes"]) * (merger + 2 * merged)  # these normalise after merging
    embeddings = _linear(_patches(vision), width) + vision["num_position_embeddings"] * width
    return int(embeddings + vision["depth"] * block + merger + 2 * width + deep)
