"""The InternVL families: InternViT (300M or 6B), a projector, and Qwen2 or InternLM2.

Names and sizes are those of the reference set, sections 2.1, 2.2 and 6.1.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sa2va_cli.checkpoints.families.family import LANGUAGE_MODEL, PROJECTOR, VISION, Family
from sa2va_cli.checkpoints.families.language_config import language_dimensions, read_language, write_language
from sa2va_cli.checkpoints.families.sam2 import MASK_RULES
from sa2va_cli.checkpoints.json_files import Config
from sa2va_cli.checkpoints.key_rules import Names, Rule, Transform, join_rows, renamed, split_in_three
from sa2va_cli.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from sa2va_cli.model.internvl import InternVLSizes

_VISION_KEYS: tuple[Names, ...] = (
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
"""A key of the vision encoder in a published config, and in one of transformers."""

_ARCHITECTURES = {"qwen2": "Qwen2ForCausalLM", "internlm2": "InternLM2ForCausalLM"}
"""The official class of each language model."""


def make_sizes(chat: Config) -> "InternVLSizes":
    """Makes the sizes of the ``chat`` object of a native config."""
    from sa2va_cli.model.internvl import InternVLSizes

    return InternVLSizes(**chat)


def _read(config: Config) -> "InternVLSizes":
    """Reads the sizes; tile size and tile count are literals of the official code."""
    if config.get("ps_version", "v2") != "v2" or config.get("select_layer", -1) != -1:
        raise ModelError("only ps_version 'v2' and select_layer -1 are supported")
    text = config["llm_config"]
    internlm2 = text["model_type"].startswith("internlm2")
    language = read_language(text, tied=bool(text.get("tie_word_embeddings")))
    return make_sizes(
        {
            "vision": read_vision(config),
            "text": language | ({"attention_bias": bool(text.get("bias"))} if internlm2 else {}),
            "template": config["template"].replace("-", "_"),
            "language": "internlm2" if internlm2 else "qwen2",
        }
    )


def read_vision(config: Config) -> Config:
    """Reads the keyword arguments of transformers' ``InternVLVisionConfig`` from a published config."""
    vision = config["vision_config"]
    return {new: vision[old] for old, new in _VISION_KEYS} | {"hidden_act": vision.get("hidden_act", "gelu")}


def _write(sizes: "InternVLSizes") -> Config:
    """Writes what ``_read`` reads.

    Raises:
        ModelError: when the sizes are not those that the official code hard-codes.
    """
    if (sizes.tile_size, sizes.max_tiles, sizes.shuffle) != (448, 12, 0.5):
        raise ModelError(
            "the published layout knows nothing but 12 tiles of 448 pixels, "
            f"this network has {sizes.max_tiles} of {sizes.tile_size}"
        )
    return write_parts(sizes) | {
        "architectures": ["Sa2VAChatModel"],
        "template": sizes.template,
        "ps_version": "v2",
        "select_layer": -1,
    }


def write_parts(sizes: "InternVLSizes") -> Config:
    """Writes what a published config says about the parts of a network."""
    vision = {old: sizes.vision[new] for old, new in _VISION_KEYS}
    text = write_language(sizes.text) | {
        "model_type": sizes.language,
        "architectures": [_ARCHITECTURES[sizes.language]],
    }
    if sizes.language == "internlm2":
        text["bias"] = text.pop("attention_bias")
    return {
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


_LAYER: tuple[Names, ...] = (
    ("attn.proj.*", "attention.projection_layer.*"),
    ("attn.q_norm.*", "attention.q_norm.*"),
    ("attn.k_norm.*", "attention.k_norm.*"),
    ("mlp.fc1.*", "mlp.fc1.*"),
    ("mlp.fc2.*", "mlp.fc2.*"),
    ("ls1", "lambda_1"),
    ("ls2", "lambda_2"),
    ("norm1.*", "layernorm_before.*"),
    ("norm2.*", "layernorm_after.*"),
)

VISION_RULES: tuple[Rule, ...] = (
    *renamed(
        (
            ("class_embedding", "cls_token"),
            ("patch_embedding.*", "patch_embeddings.projection.*"),
            ("position_embedding", "position_embeddings"),
        ),
        "vision_model.embeddings.",
        "chat.vision_model.embeddings.",
    ),
    *renamed(_LAYER, "vision_model.encoder.layers.*.", "chat.vision_model.encoder.layer.*."),
    Rule(
        ("vision_model.encoder.layers.*.attn.qkv.*",),
        tuple(f"chat.vision_model.encoder.layer.*.attention.{x}_proj.*" for x in "qkv"),
        split_in_three,
        join_rows,
    ),
    *renamed((("mlp1.*.*", "chat.projector.*.*"),)),
)
"""InternViT of either size, and the projector behind it."""

_LANGUAGE = ("language_model.", "chat.language_model.")

QWEN2_RULES = renamed((("model.**", "model.**"), ("lm_head.weight", "lm_head.weight")), *_LANGUAGE)

_INTERNLM2_LAYER: tuple[Names, ...] = (
    ("attention.wo.*", "self_attn.o_proj.*"),
    ("attention_norm.weight", "input_layernorm.weight"),
    ("ffn_norm.weight", "post_attention_layernorm.weight"),
    ("feed_forward.w1.weight", "mlp.gate_proj.weight"),
    ("feed_forward.w3.weight", "mlp.up_proj.weight"),
    ("feed_forward.w2.weight", "mlp.down_proj.weight"),
)


def internlm2_rules(heads: int, key_heads: int) -> tuple[Rule, ...]:
    """InternLM2 as Llama.

    Args:
        heads: number of query heads.
        key_heads: number of key heads. The rows of ``wqkv`` are, for each of them, its query heads, its key
            and its value (reference set, section 6.1).
    """
    published, native = (f"{prefix}model.layers.*." for prefix in _LANGUAGE)
    return (
        *renamed(
            (
                ("model.tok_embeddings.weight", "model.embed_tokens.weight"),
                ("model.norm.weight", "model.norm.weight"),
                ("output.weight", "lm_head.weight"),
            ),
            *_LANGUAGE,
        ),
        *renamed(_INTERNLM2_LAYER, published, native),
        Rule(
            (f"{published}attention.wqkv.*",),
            tuple(f"{native}self_attn.{x}_proj.*" for x in "qkv"),
            _unpack(heads // key_heads, key_heads),
            _pack(heads // key_heads, key_heads),
        ),
    )


def _unpack(group: int, key_heads: int) -> Transform:
    def unpack(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
        import torch

        packed = _by_head(tensors[0], key_heads, group + 2)
        return [part.flatten(0, 2) for part in torch.split(packed, [group, 1, 1], dim=1)]

    return unpack


def _pack(group: int, key_heads: int) -> Transform:
    def pack(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
        import torch

        sizes = (group, 1, 1)
        parts = [_by_head(part, key_heads, size) for part, size in zip(tensors, sizes, strict=True)]
        return [torch.cat(parts, dim=1).flatten(0, 2)]

    return pack


def _by_head(tensor: "Tensor", key_heads: int, group: int) -> "Tensor":
    """Splits rows: (key heads, heads of each group, head width, ...)."""
    return tensor.reshape(key_heads, group, -1, *tensor.shape[1:])


def _rules(language: Callable[["InternVLSizes"], tuple[Rule, ...]]) -> Callable[..., tuple[Rule, ...]]:
    def rules(sizes: "InternVLSizes") -> tuple[Rule, ...]:
        return (*VISION_RULES, *language(sizes), *MASK_RULES)

    return rules


def _internlm2(sizes: "InternVLSizes") -> tuple[Rule, ...]:
    return internlm2_rules(sizes.text["num_attention_heads"], sizes.text["num_key_value_heads"])


# What the base models' configs say (OpenGVLab/InternVL2_5-1B to -26B, OpenGVLab/InternVL3-2B to -14B,
# config.json), with Sa2VA's vocabularies; embedding and output layer are not tied.
_INTERNVIT_300M: Config = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "patch_size": 14,
    "qkv_bias": True,
    "qk_normalization": False,
    "norm_type": "layer_norm",
    "layer_norm_eps": 1e-6,
}
_INTERNVIT_6B: Config = {
    "hidden_size": 3200,
    "num_hidden_layers": 45,
    "num_attention_heads": 25,
    "intermediate_size": 12800,
    "patch_size": 14,
    "qkv_bias": False,
    "qk_normalization": True,
    "norm_type": "rms_norm",
    "layer_norm_eps": 1e-6,
}


def released(
    language: str,
    width: int,
    inner: int,
    layers: int,
    heads: tuple[int, int],
    vision: Config = _INTERNVIT_300M,
    words: int | None = None,
) -> Config:
    """Describes a released model in the words of its config; see ``language_dimensions``.

    Args:
        language: a key of ``_ARCHITECTURES``.
        width: of the hidden states.
        inner: width within the feed-forward layers.
        layers: how many there are.
        heads: how many of queries, and of keys and values.
        vision: the sizes of its vision encoder.
        words: entries of the vocabulary; None for those of a Sa2VA.
    """
    own, template = {"qwen2": (151679, "qwen_chat"), "internlm2": (92558, "internlm2_chat")}[language]
    text = language_dimensions(width, inner, layers, heads, words or own) | {"model_type": language}
    return {"template": template, "vision_config": vision, "llm_config": text}


INTERNVL = Family(
    name="internvl",
    title="InternVL (Qwen2)",
    text_config="llm_config",
    text_type="qwen2",
    make_sizes=make_sizes,
    read=_read,
    write=_write,
    rules=_rules(lambda _: QWEN2_RULES),
    prefixes={VISION: ("vision_model.",), PROJECTOR: ("mlp1.",), LANGUAGE_MODEL: ("language_model.",)},
    embedding="language_model.model.embed_tokens.weight",
    output_layer="language_model.lm_head.weight",
    released={
        "1b": released("qwen2", 896, 4864, 24, (14, 2)),
        "4b": released("qwen2", 2048, 11008, 36, (16, 2)),
        "internvl3-2b": released("qwen2", 1536, 8960, 28, (12, 2)),
        "internvl3-8b": released("qwen2", 3584, 18944, 28, (28, 4)),
        "internvl3-14b": released("qwen2", 5120, 13824, 48, (40, 8)),
    },
    knows_regions=True,
)

INTERNVL_INTERNLM2 = Family(
    name="internvl-internlm2",
    title="InternVL (InternLM2)",
    text_config="llm_config",
    text_type="internlm2",
    make_sizes=make_sizes,
    read=_read,
    write=_write,
    rules=_rules(_internlm2),
    prefixes=INTERNVL.prefixes,
    embedding="language_model.model.tok_embeddings.weight",
    output_layer="language_model.output.weight",
    released={
        "8b": released("internlm2", 4096, 14336, 32, (32, 8)),
        "26b": released("internlm2", 6144, 16384, 48, (48, 8), _INTERNVIT_6B),
    },
    knows_regions=True,
)
