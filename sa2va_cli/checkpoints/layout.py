"""What a checkpoint folder's ``config.json`` says: which family, which sizes, which layout.

Two layouts are read. *Published* is that of the released Sa2VA models: ``model_type`` is ``sa2va_chat``, and
what the official code hard-codes is filled in here. *Native* is our own: the sizes as they are, written by
``native.save_network``. Knows nothing about tensors.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from sa2va_cli.checkpoints.convert import native_tensors
from sa2va_cli.errors import ModelError
from sa2va_cli.model.internvl import TEMPLATES, InternVLSizes
from sa2va_cli.model.sam2 import HIERA_LARGE

CONFIG_FILE = "config.json"
PUBLISHED_TYPE = "sa2va_chat"
NATIVE_FORMAT = "sa2va"
NATIVE_VERSION = 1

Config = dict[str, Any]
TensorReader = Callable[[Iterable[str], Callable[[str], Tensor]], Iterator[tuple[str, Tensor]]]


@dataclass(frozen=True)
class Family:
    """A kind of Sa2VA checkpoint.

    Attributes:
        title: what messages call it.
        matches: whether a published config is of this kind.
        sizes: reads the chat model's sizes from a published config; None while the family is not supported.
        tensors: renames published tensors, as ``convert.native_tensors`` does.
    """

    title: str
    matches: Callable[[Config], bool]
    sizes: Callable[[Config], InternVLSizes] | None = None
    tensors: TensorReader = native_tensors

    @property
    def supported(self) -> bool:
        """Whether checkpoints of this family can be loaded."""
        return self.sizes is not None


@dataclass(frozen=True)
class Layout:
    """What is needed to build a checkpoint's network and to find its tensors.

    Attributes:
        family: a name in ``FAMILIES``.
        chat: sizes of the chat model.
        sam2: sizes of SAM 2, in the shape of ``HIERA_LARGE``.
        native: True for our own layout, whose tensors are named as in the network.
    """

    family: str
    chat: InternVLSizes
    sam2: dict[str, Any] = field(repr=False)
    native: bool


def read_layout(folder: Path) -> Layout:
    """Reads a checkpoint folder's ``config.json``.

    Raises:
        ModelError: when there is none, or it is not one of a supported Sa2VA.
    """
    config = read_json(folder / CONFIG_FILE)
    try:
        return _native(config) if config.get("format") == NATIVE_FORMAT else _published(config)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / CONFIG_FILE} is not understood: {one_line(error)}") from error


def read_json(path: Path) -> Config:
    """Reads a JSON object.

    Raises:
        ModelError: when the file is missing or holds no JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; is this a checkpoint folder?") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {one_line(error)}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} should hold a JSON object, got a {type(value).__name__}")
    return value


def one_line(error: Exception) -> str:
    """What another library's error says, fit for a message of ours."""
    words = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return " ".join(words.split())[:200] or type(error).__name__


def _native(config: Config) -> Layout:
    if config["version"] != NATIVE_VERSION:
        raise ModelError(f"format version {config['version']!r} is not known, only {NATIVE_VERSION} is")
    name = config["family"]
    if name not in FAMILIES or not FAMILIES[name].supported:
        raise ModelError(f"family {name!r} is not supported, only {', '.join(supported_families())}")
    return Layout(name, _checked(InternVLSizes(**config["chat"])), dict(config["sam2"]), native=True)


def _published(config: Config) -> Layout:
    kind = config.get("model_type")
    if kind != PUBLISHED_TYPE:
        raise ModelError(
            f"model_type {kind!r} is not a Sa2VA checkpoint, whose model_type is {PUBLISHED_TYPE!r}"
        )
    for name, family in FAMILIES.items():
        if family.matches(config):
            if family.sizes is None:
                raise ModelError(f"Sa2VA of the {family.title} type is recognised but not supported yet")
            sam2 = config.get("grounding_encoder_config") or HIERA_LARGE
            return Layout(name, _checked(family.sizes(config)), sam2, native=False)
    part = "text_config" if "text_config" in config else "llm_config"
    inner = config[part].get("model_type")
    raise ModelError(f"Sa2VA is recognised, but not its language model: {part} has the model_type {inner!r}")


def _checked(sizes: InternVLSizes) -> InternVLSizes:
    if sizes.template not in TEMPLATES:
        raise ModelError(f"prompt template {sizes.template!r} is not known, only {', '.join(TEMPLATES)}")
    return sizes


def supported_families() -> list[str]:
    """Names of the families that can be loaded."""
    return [name for name, family in FAMILIES.items() if family.supported]


def _internvl_sizes(config: Config) -> InternVLSizes:
    """Sizes of an InternVL with Qwen2; tile size and tile count are literals of the official code."""
    if config.get("ps_version", "v2") != "v2" or config.get("select_layer", -1) != -1:
        raise ModelError("only ps_version 'v2' and select_layer -1 are supported")
    return InternVLSizes(
        vision=_internvit(config["vision_config"]),
        text=_qwen2(config["llm_config"]),
        template=config["template"].replace("-", "_"),
    )


def _internvit(vision: Config) -> Config:
    same = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "patch_size")
    return {key: vision[key] for key in same} | {
        "attention_bias": vision["qkv_bias"],
        "use_qk_norm": vision["qk_normalization"],
        "norm_type": vision["norm_type"],
        "layer_norm_eps": vision["layer_norm_eps"],
        "hidden_act": vision.get("hidden_act", "gelu"),
    }


def _qwen2(text: Config) -> Config:
    same = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
    )
    more = ("rms_norm_eps", "vocab_size", "max_position_embeddings")
    return {key: text[key] for key in same + more} | {
        "rope_parameters": _rope(text),
        "tie_word_embeddings": bool(text.get("tie_word_embeddings")),
    }


def _rope(text: Config) -> Config:
    """Rotary embedding in the vocabulary of transformers 5, which knows no ``rope_scaling``."""
    if "rope_parameters" in text:
        return dict(text["rope_parameters"])
    scaling = dict(text.get("rope_scaling") or {})
    kind = scaling.pop("rope_type", None) or scaling.get("type", "default")
    scaling.pop("type", None)
    if kind not in ("default", "dynamic"):
        raise ModelError(f"rope_scaling of the type {kind!r} is not supported, only 'dynamic'")
    return {"rope_type": kind, "rope_theta": float(text["rope_theta"]), **scaling}


def _has(part: str, start: str) -> Callable[[Config], bool]:
    def matches(config: Config) -> bool:
        return str(config.get(part, {}).get("model_type", "")).startswith(start)

    return matches


# A published config is of the first family that it matches. Sa2VA-i has the config of an InternVL; only its
# tensors tell it apart (see loader).
FAMILIES: dict[str, Family] = {
    "internvl": Family("InternVL (Qwen2)", _has("llm_config", "qwen2"), _internvl_sizes),
    "internvl-internlm2": Family("InternVL (InternLM2)", _has("llm_config", "internlm2")),
    "qwen2.5-vl": Family("Qwen2.5-VL", _has("text_config", "qwen2_5_vl")),
    "qwen3-vl": Family("Qwen3-VL", _has("text_config", "qwen3_vl")),
    "sa2va-i": Family("Sa2VA-i", lambda _: False),
}
