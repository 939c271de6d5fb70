"""Rewrites checkpoints: published layout to native and back, and a plain Sa2VA to Sa2VA-i.

One tensor is in memory at a time. A folder appears whole or not at all, and holds data only: configs,
tokenizer and weights; never a python file. What the published config said is kept in the native one, so that
the way there and back ends where it began.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from sa2va_cli.checkpoints.convert import native_tensors, published_tensors
from sa2va_cli.checkpoints.files import INDEX_FILE, WEIGHTS_FILE
from sa2va_cli.checkpoints.finetuned import FineTuned
from sa2va_cli.checkpoints.hub import resolve_part
from sa2va_cli.checkpoints.layout import (
    CONFIG_FILE,
    Layout,
    amended,
    native_config,
    published_config,
    read_json,
    read_layout,
)
from sa2va_cli.checkpoints.streaming import TensorFiles, write_tensors
from sa2va_cli.errors import ModelError, OutputError
from sa2va_cli.staging import discard, output_errors, publish, staged

Kind = Literal["native", "published"]
Tensors = Iterator[tuple[str, Tensor]]

ORIGIN = "published"
"""Where a native config keeps the published one."""

_DATA = (".json", ".txt", ".model", ".jinja")

# First the decoder that a plain Sa2VA has, and that is SAM 2's own in a Sa2VA-i; then the one that Sa2VA-i
# trained (reference set, section 2.1).
_PUBLISHED_DECODERS = (
    "grounding_encoder.sam2_model.sam_mask_decoder.",
    "grounding_encoder.sam2_model.sam_mask_decoder_modified.",
)
_NATIVE_DECODERS = ("sam2.layers.mask_decoder.", "sam2.language_decoder.")
_NATIVE_SAM2 = "sam2.layers."


@dataclass(frozen=True)
class Rewritten:
    """What a new checkpoint came to.

    Attributes:
        folder: where it is.
        tensors: how many it has.
        before: bytes of the weights that were read.
        size: bytes of its weights.
    """

    folder: Path
    tensors: int
    before: int
    size: int


class Source(Protocol):
    """Tensors by name; ``TensorFiles`` is one."""

    @property
    def names(self) -> list[str]:
        """All names."""
        ...

    def read(self, name: str) -> Tensor:
        """Reads one tensor."""
        ...


class _Outlined(Source, Protocol):
    def outline(self, name: str) -> Tensor:
        """Gives a tensor's shape and dtype, without numbers."""
        ...


@dataclass(frozen=True)
class _Outlines:
    names: list[str]
    read: Callable[[str], Tensor]


def outlines(source: _Outlined) -> Source:
    """Gives the same tensors without their numbers: what becomes of them is known before any is read."""
    return _Outlines(source.names, source.outline)


def convert(
    source: Path, target: Path, to: Kind, dtype: torch.dtype | None, state: Path | None = None
) -> Rewritten:
    """Writes a checkpoint in another layout or precision.

    Args:
        source: a checkpoint folder of a supported family.
        target: a folder that does not exist, or is empty.
        to: its layout.
        dtype: its precision; None to leave every tensor as it is.
        state: a state dict whose tensors replace those of ``source``, which must be published; see
            ``FineTuned``.

    Raises:
        ModelError: the source is not understood, or a tensor has no place in the other layout.
        OutputError: the target exists, or cannot be written.
    """
    layout = full_layout(source)
    if state is not None and layout.native:
        raise ModelError(f"{source} is native; a state dict goes with a checkpoint in the published layout")
    files = TensorFiles(source)
    taken = files if state is None else FineTuned.open(state, files)
    change = native_names if to == "native" else _published_names
    with _new_folder(target) as part:
        _copy_data(source, part)
        _write_json(part / CONFIG_FILE, _config(layout, source, to))
        written = write_tensors(
            part / WEIGHTS_FILE,
            _cast(change(layout, outlines(taken)), dtype),
            change(layout, taken),
        )
    return Rewritten(target, written.tensors, sum(h.size for h in files.headers.values()), written.size)


def upgrade(source: Path, target: Path, sam2: str) -> Rewritten:
    """Makes a Sa2VA-i of a plain Sa2VA: the decoder that it trained finds the object, SAM 2's own follows it.

    What is new comes from the original SAM 2; everything else stays as it is, in its layout and precision.

    Args:
        source: a checkpoint folder of a supported family.
        target: a folder that does not exist, or is empty.
        sam2: the original SAM 2 as transformers saves it: a folder, or a hub id such as
            ``facebook/sam2-hiera-large``, which is fetched once it is known to be of use.

    Raises:
        ModelError: the source is a Sa2VA-i already, or SAM 2 cannot be had or has another size.
        OutputError: the target exists, or cannot be written.
    """
    layout = full_layout(source)
    if layout.two_pass:
        raise ModelError(f"{source} has both decoders already; there is nothing to upgrade")
    refuse_existing(target)
    files, original = TensorFiles(source), TensorFiles(resolve_part(sam2))
    own = _original_names(layout, files, original)
    with _new_folder(target) as part:
        _copy_data(source, part)
        config = read_json(source / CONFIG_FILE)
        if layout.native:
            config |= native_config(dataclasses.replace(layout, two_pass=True))
        _write_json(part / CONFIG_FILE, config)
        written = write_tensors(
            part / WEIGHTS_FILE,
            _upgraded(layout, outlines(files), outlines(original), own),
            _upgraded(layout, files, original, own),
        )
    return Rewritten(target, written.tensors, sum(h.size for h in files.headers.values()), written.size)


def refuse_existing(target: Path) -> None:
    """Makes sure that a folder can be made under this name.

    Raises:
        OutputError: there is something already.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target} exists already; name a folder that does not")


def full_layout(folder: Path) -> Layout:
    """Reads a checkpoint's layout, and believes its tensors where the config does not say.

    Raises:
        ModelError: the folder is not a complete checkpoint of a supported family.
    """
    return amended(read_layout(folder), TensorFiles(folder).names)


def native_names(layout: Layout, source: Source) -> Tensors:
    """Yields the tensors of a checkpoint under their names in the network."""
    if layout.native:
        return ((name, source.read(name)) for name in source.names)
    return native_tensors(layout.rules, source.names, source.read)


def _published_names(layout: Layout, source: Source) -> Tensors:
    if not layout.native:
        return ((name, source.read(name)) for name in source.names)
    return published_tensors(layout.rules, source.names, source.read)


def _original_names(layout: Layout, files: TensorFiles, original: TensorFiles) -> dict[str, str]:
    """What each tensor of the decoder is called in the original SAM 2, whose names are the network's."""
    plain = (_NATIVE_DECODERS if layout.native else _PUBLISHED_DECODERS)[0]
    names = {}
    for name in files.names:
        if name.startswith(plain):
            native = name if layout.native else next(native_tensors(layout.rules, [name], files.outline))[0]
            names[name] = native.removeprefix(_NATIVE_SAM2)
    if not names:
        raise ModelError(f"{files.folder} has no SAM 2 mask decoder")
    for name, theirs in names.items():
        if theirs not in original.headers:
            raise ModelError(f"{original.folder} has no tensor {theirs}; is this a SAM 2 of transformers?")
        ours, shape = files.headers[name].shape, original.headers[theirs].shape
        if shape != ours:
            raise ModelError(
                f"{theirs} of {original.folder} has the shape {list(shape)}, the model's is {list(ours)}; "
                "Sa2VA needs the SAM 2 that it was trained with, facebook/sam2-hiera-large"
            )
    return names


def _upgraded(layout: Layout, source: Source, original: Source, own: dict[str, str]) -> Tensors:
    first, second = _NATIVE_DECODERS if layout.native else _PUBLISHED_DECODERS
    for name in source.names:
        tensor = source.read(name)
        if name not in own:
            yield name, tensor
        else:
            yield second + name.removeprefix(first), tensor
            yield name, original.read(own[name]).to(tensor.dtype)


def _cast(tensors: Tensors, dtype: torch.dtype | None) -> Tensors:
    def cast(item: tuple[str, Tensor]) -> tuple[str, Tensor]:
        name, tensor = item
        return name, tensor if dtype is None or not tensor.is_floating_point() else tensor.to(dtype)

    return map(cast, tensors)  # which keeps no tensor while the next one is read


def _config(layout: Layout, source: Path, to: Kind) -> dict[str, Any]:
    config = read_json(source / CONFIG_FILE)
    if layout.native == (to == "native"):
        return config
    if to == "native":
        return native_config(layout) | {ORIGIN: config}
    origin = config.get(ORIGIN)
    return origin if isinstance(origin, dict) else published_config(layout)


def _copy_data(source: Path, target: Path) -> None:
    """Takes tokenizer and processor along, without the programs that their configs name."""
    for path in sorted(source.iterdir()):
        if path.suffix in _DATA and path.name not in (CONFIG_FILE, INDEX_FILE):
            shutil.copyfile(path, target / path.name)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Yields a hidden folder that becomes ``target`` when all went well."""
    refuse_existing(target)
    part = staged(target)
    try:
        with output_errors(target):
            part.mkdir(parents=True)
            yield part
        publish(part, target)
    finally:
        discard(part)
