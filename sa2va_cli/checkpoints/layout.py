"""What a checkpoint folder's ``config.json`` describes: which family, which sizes, which layout.

Two layouts are read. *Published* is that of the released models: ``model_type`` is ``sa2va_chat``, or
``architectures`` has the name of a chat model without a mask decoder. *Native* is our own: the sizes as they
are. Knows nothing about tensors.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.checkpoints.catalog import CATALOG, NO_MASKS, ONLY_FOLLOWS
from sa2va_cli.checkpoints.families.sam2 import PUBLISHED_DECODERS
from sa2va_cli.checkpoints.families.table import FAMILIES
from sa2va_cli.checkpoints.files import CONFIG_FILE, is_follower
from sa2va_cli.checkpoints.json_files import Config, one_line, read_json_object
from sa2va_cli.checkpoints.key_rules import Rule
from sa2va_cli.checkpoints.stock import stock_architecture
from sa2va_cli.errors import ModelError
from sa2va_cli.model.chat import ChatSizes
from sa2va_cli.model.sam2_config import HIERA_LARGE

PUBLISHED_TYPE = "sa2va_chat"
NATIVE_FORMAT = "sa2va"
NATIVE_VERSION = 1

LARGEST_SIZE = 2**31 - 1
"""Of any number in the sizes of a network; torch counts elements in 64 bits, and sizes are multiplied."""

MOST_LAYERS = 1000
"""Of any stack; the released networks have at most 48. A network is built before it is compared with the
tensors, so that an absurd number would be built for hours."""

_NOT_UNDERSTOOD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading a JSON object raises when it has other keys or other types than it should."""

_LAYER_KEYS = ("layers", "depth", "num_maskmem", "stages", "blocks_per_stage", "depths")
"""Ends of the names of such numbers."""


@dataclass(frozen=True)
class Layout:
    """What is needed to build a checkpoint's network and to find its tensors.

    Attributes:
        family: a name in ``FAMILIES``.
        chat: sizes of the chat model.
        sam2: sizes of SAM 2, in the shape of ``HIERA_LARGE``; empty for a chat model without a mask decoder.
        native: True for our own layout, whose tensors are named as in the network.
        two_pass: whether SAM 2 has the second decoder of Sa2VA-i. A published config does not say so: of a
            published checkpoint it is False until ``corrected`` has looked at its tensors.

    Raises:
        ValueError: a size is one that no network has.
    """

    family: str
    chat: ChatSizes
    sam2: dict[str, Any] = field(repr=False)
    native: bool
    two_pass: bool = False

    def __post_init__(self) -> None:
        check_sizes({"chat": vars(self.chat), "sam2": self.sam2})

    @property
    def has_masks(self) -> bool:
        """Whether there is a SAM 2 behind the chat model."""
        return bool(self.sam2)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The key table between the published and the native layout."""
        return FAMILIES[self.family].rules(self.chat)


def check_sizes(sizes: Config) -> None:
    """Looks at every number; configs that are read are not nested deeply.

    Raises:
        ValueError: one is of a size that no network has.
    """
    for key, value in sizes.items():
        numbers = value if isinstance(value, list) else [value]
        most = MOST_LAYERS if key.endswith(_LAYER_KEYS) else LARGEST_SIZE
        for number in numbers:
            if isinstance(number, int | float) and not abs(number) <= most:
                raise ValueError(f"{key} is {number}, at most {most} is possible")
        if isinstance(value, dict):
            check_sizes(value)


def read_layout(folder: Path) -> Layout:
    """Reads a checkpoint folder's ``config.json``.

    Raises:
        ModelError: when there is none, or it is not one of a supported Sa2VA.
    """
    config = read_json_object(folder / CONFIG_FILE)
    try:
        return _native(config) if config.get("format") == NATIVE_FORMAT else _published(config)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    except _NOT_UNDERSTOOD as error:
        raise ModelError(f"{folder / CONFIG_FILE} is not understood: {one_line(error)}") from error


def require_masks(layout: Layout, name: str) -> None:
    """Makes sure that a model makes masks.

    Raises:
        ModelError: it is a chat model and nothing else.
    """
    if not layout.has_masks:
        raise ModelError(f"{name} is {NO_MASKS}")


def find_stock(folder: Path) -> str | None:
    """The class of transformers that runs a checkpoint; None for one that ``read_layout`` reads.

    Raises:
        ModelError: when there is no config, or neither knows it.
    """
    try:
        read_layout(folder)
    except ModelError:
        if stock := stock_architecture(read_json_object(folder / CONFIG_FILE)):
            return stock
        raise
    return None


def _native(config: Config) -> Layout:
    if config["version"] != NATIVE_VERSION:
        raise ModelError(f"format version {config['version']!r} is not known, only {NATIVE_VERSION} is")
    name = config["family"]
    if name not in FAMILIES:
        raise ModelError(f"family {name!r} is not supported, only {', '.join(FAMILIES)}")
    sizes = FAMILIES[name].make_sizes(config["chat"])
    if sizes.family != name:
        raise ModelError(f"the sizes are those of {sizes.family!r}, but the family is {name!r}")
    sam2 = dict(config["sam2"])
    if bool(sam2) != FAMILIES[name].has_masks:
        raise ModelError(f"a network of the family {name!r} has {'no' if sam2 else 'a'} SAM 2")
    return Layout(name, sizes, sam2, native=True, two_pass=bool(config.get("two_pass")))


def _published(config: Config) -> Layout:
    has_masks = config.get("model_type") == PUBLISHED_TYPE
    families = [family for family in FAMILIES.values() if family.has_masks == has_masks]
    family = next((family for family in families if family.matches(config)), None)
    if family is None:
        raise ModelError(_unknown_language_model(config) if has_masks else _no_sa2va(config))
    sam2 = (config.get("grounding_encoder_config") or HIERA_LARGE) if has_masks else {}
    return Layout(family.name, family.read(config), dict(sam2), native=False)


def _no_sa2va(config: Config) -> str:
    if stock := stock_architecture(config):
        return f"{stock} is {NO_MASKS}"
    if is_follower(config):
        return f"model_type {config['model_type']!r} is {ONLY_FOLLOWS}"
    program = "; programs that come with a checkpoint are never run" if config.get("auto_map") else ""
    return (
        f"model_type {config.get('model_type')!r} is not a Sa2VA checkpoint, whose model_type is "
        f"{PUBLISHED_TYPE!r}, nor a chat model that transformers knows{program}"
    )


def _unknown_language_model(config: Config) -> str:
    families = [family for family in FAMILIES.values() if family.has_masks]
    keys = list(dict.fromkeys(family.text_config for family in families))
    part = next((key for key in keys if key in config), keys[0])
    inner = config[part].get("model_type")
    known = ", ".join(family.title for family in families)
    return (
        f"Sa2VA is recognised, but not its language model: {part} has the model_type {inner!r}; "
        f"supported are {known}"
    )


def released_layout(alias: str) -> Layout:
    """The layout of a released model, before any of its files is here.

    Args:
        alias: of the catalogue; not of the demo, which is always here.

    Raises:
        KeyError: there is no such model.
    """
    entry = CATALOG[alias]
    family = FAMILIES[entry.family]
    sizes = family.read(family.released[entry.sizes_of])
    sam2 = HIERA_LARGE if family.has_masks else {}
    return Layout(family.name, sizes, sam2, native=False, two_pass=entry.two_pass)


def native_config(layout: Layout) -> Config:
    """Writes the ``config.json`` of a native checkpoint."""
    return {
        "format": NATIVE_FORMAT,
        "version": NATIVE_VERSION,
        "family": layout.family,
        "chat": dataclasses.asdict(layout.chat),  # type: ignore[call-overload]  # every one is a dataclass
        "sam2": layout.sam2,
    } | ({"two_pass": True} if layout.two_pass else {})


def published_config(layout: Layout) -> Config:
    """Writes the ``config.json`` of a published checkpoint.

    Raises:
        ModelError: when the network has sizes that the published layout cannot express, or lacks some.
    """
    try:
        written = FAMILIES[layout.family].write(layout.chat)
    except _NOT_UNDERSTOOD as error:  # a native config may lack any of the sizes
        raise ModelError(f"the sizes have no published form: {one_line(error)}") from error
    config = {"model_type": PUBLISHED_TYPE} | written
    plain = layout.sam2 == HIERA_LARGE or not layout.has_masks
    return config if plain else config | {"grounding_encoder_config": layout.sam2}


def corrected(layout: Layout, names: Iterable[str]) -> Layout:
    """Believes the tensors rather than a published config.

    An output layer that was saved is not tied to the embedding, and only a second decoder reveals a Sa2VA-i.

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
        chat = dataclasses.replace(chat, text=text)  # type: ignore[type-var]  # every one is a dataclass
    two_pass = any(name.startswith(PUBLISHED_DECODERS[1]) for name in known)
    return dataclasses.replace(layout, chat=chat, two_pass=two_pass)
