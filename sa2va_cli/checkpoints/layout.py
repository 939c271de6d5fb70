"""What a checkpoint folder's ``config.json`` says: which family, which sizes, which layout.

Two layouts are read. *Published* is that of the released Sa2VA models: ``model_type`` is ``sa2va_chat``.
*Native* is our own: the sizes as they are. Knows nothing about tensors.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.checkpoints.configs import (
    Config,
    internvl_config,
    internvl_sizes,
    qwen_vl_config,
    qwen_vl_sizes,
)
from sa2va_cli.checkpoints.convert import Rule
from sa2va_cli.checkpoints.tables import INTERNVIT, PROJECTIONS, QUERIES, QWEN2, QWEN_VL, SAM2, internlm2
from sa2va_cli.errors import ModelError
from sa2va_cli.model.chat import ChatSizes
from sa2va_cli.model.internvl import InternVLSizes
from sa2va_cli.model.qwen_vl import QwenVLSizes
from sa2va_cli.model.sam2 import HIERA_LARGE

CONFIG_FILE = "config.json"
PUBLISHED_TYPE = "sa2va_chat"
NATIVE_FORMAT = "sa2va"
NATIVE_VERSION = 1
TWO_PASS_TENSOR = "sam_mask_decoder_modified"
"""Part of the published names of the second decoder, by which alone Sa2VA-i is recognised."""


@dataclass(frozen=True)
class Family:
    """A kind of Sa2VA checkpoint: a row of the table ``FAMILIES``.

    Attributes:
        title: what messages call it.
        matches: whether a published config is of this kind.
        kind: the dataclass of the chat model's sizes, whose fields a native config holds.
        read: reads those sizes from a published config.
        write: writes a published config that says the same.
        rules: the key table, given the sizes.
        output_layer: the published name of the tensor that is absent when the output layer is the embedding.
    """

    title: str
    matches: Callable[[Config], bool]
    kind: Callable[..., ChatSizes]
    read: Callable[[Config], ChatSizes]
    write: Callable[[Any], Config]
    rules: Callable[[Any], tuple[Rule, ...]]
    output_layer: str


@dataclass(frozen=True)
class Layout:
    """What is needed to build a checkpoint's network and to find its tensors.

    Attributes:
        family: a name in ``FAMILIES``.
        chat: sizes of the chat model.
        sam2: sizes of SAM 2, in the shape of ``HIERA_LARGE``.
        native: True for our own layout, whose tensors are named as in the network.
        two_pass: whether SAM 2 has the second decoder of Sa2VA-i. A published config does not say so: of a
            published checkpoint it is False until ``amended`` has looked at its tensors.
    """

    family: str
    chat: ChatSizes
    sam2: dict[str, Any] = field(repr=False)
    native: bool
    two_pass: bool = False

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The key table between the published and the native layout."""
        return FAMILIES[self.family].rules(self.chat)


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
    if name not in FAMILIES:
        raise ModelError(f"family {name!r} is not supported, only {', '.join(FAMILIES)}")
    sizes = FAMILIES[name].kind(**config["chat"])
    if sizes.family != name:
        raise ModelError(f"the sizes are those of {sizes.family!r}, but the family is {name!r}")
    return Layout(name, sizes, dict(config["sam2"]), native=True, two_pass=bool(config.get("two_pass")))


def _published(config: Config) -> Layout:
    kind = config.get("model_type")
    if kind != PUBLISHED_TYPE:
        raise ModelError(
            f"model_type {kind!r} is not a Sa2VA checkpoint, whose model_type is {PUBLISHED_TYPE!r}"
        )
    for name, family in FAMILIES.items():
        if family.matches(config):
            sam2 = config.get("grounding_encoder_config") or HIERA_LARGE
            return Layout(name, family.read(config), sam2, native=False)
    part = "text_config" if "text_config" in config else "llm_config"
    inner = config[part].get("model_type")
    raise ModelError(f"Sa2VA is recognised, but not its language model: {part} has the model_type {inner!r}")


def native_config(layout: Layout) -> Config:
    """Writes the ``config.json`` of a native checkpoint."""
    return {
        "format": NATIVE_FORMAT,
        "version": NATIVE_VERSION,
        "family": layout.family,
        "chat": dataclasses.asdict(layout.chat),  # type: ignore[call-overload]  # every kind is a dataclass
        "sam2": layout.sam2,
    } | ({"two_pass": True} if layout.two_pass else {})


def published_config(layout: Layout) -> Config:
    """Writes the ``config.json`` of a published checkpoint.

    Raises:
        ModelError: when the network has sizes that the published layout cannot say.
    """
    config = {"model_type": PUBLISHED_TYPE} | FAMILIES[layout.family].write(layout.chat)
    return config if layout.sam2 == HIERA_LARGE else config | {"grounding_encoder_config": layout.sam2}


def amended(layout: Layout, names: Iterable[str]) -> Layout:
    """Believes the tensors rather than a published config.

    An output layer that was saved is not tied to the embedding, and only a second decoder tells Sa2VA-i.

    Args:
        layout: as ``read_layout`` returned it.
        names: of all tensors of the checkpoint.
    """
    if layout.native:
        return layout
    known = set(names)
    chat = layout.chat
    if FAMILIES[layout.family].output_layer in known:
        text = chat.text | {"tie_word_embeddings": False}
        chat = dataclasses.replace(chat, text=text)  # type: ignore[type-var]  # every kind is a dataclass
    return dataclasses.replace(layout, chat=chat, two_pass=any(TWO_PASS_TENSOR in name for name in known))


def _has(part: str, start: str) -> Callable[[Config], bool]:
    def matches(config: Config) -> bool:
        return str(config.get(part, {}).get("model_type", "")).startswith(start)

    return matches


def _internvl_rules(
    language: Callable[[InternVLSizes], tuple[Rule, ...]],
) -> Callable[[Any], tuple[Rule, ...]]:
    def rules(sizes: InternVLSizes) -> tuple[Rule, ...]:
        return (*INTERNVIT, *PROJECTIONS, *language(sizes), *QUERIES, *SAM2)

    return rules


def _internlm2(sizes: InternVLSizes) -> tuple[Rule, ...]:
    return internlm2(sizes.text["num_attention_heads"], sizes.text["num_key_value_heads"])


def _qwen_vl(version: str, title: str) -> Family:
    return Family(
        title,
        _has("text_config", f"{title.lower().replace('-', '_').replace('.', '_')}"),
        kind=QwenVLSizes,
        read=qwen_vl_sizes(version),
        write=qwen_vl_config,
        rules=lambda _: (*QWEN_VL, *QUERIES, *SAM2),
        output_layer="model.lm_head.weight",
    )


# A published config is of the first family that it matches. Whether a checkpoint also has the second decoder
# of Sa2VA-i is told by its tensors alone (see amended).
FAMILIES: dict[str, Family] = {
    "internvl": Family(
        "InternVL (Qwen2)",
        _has("llm_config", "qwen2"),
        kind=InternVLSizes,
        read=internvl_sizes,
        write=internvl_config,
        rules=_internvl_rules(lambda _: QWEN2),
        output_layer="language_model.lm_head.weight",
    ),
    "internvl-internlm2": Family(
        "InternVL (InternLM2)",
        _has("llm_config", "internlm2"),
        kind=InternVLSizes,
        read=internvl_sizes,
        write=internvl_config,
        rules=_internvl_rules(_internlm2),
        output_layer="language_model.output.weight",
    ),
    "qwen2.5-vl": _qwen_vl("2.5", "Qwen2.5-VL"),
    "qwen3-vl": _qwen_vl("3", "Qwen3-VL"),
}
