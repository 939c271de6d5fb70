"""Rewrites checkpoints: published layout to native and back, and a plain Sa2VA to Sa2VA-i.

One tensor is in memory at a time. A folder appears whole or not at all, and holds data only: configs,
tokenizer and weights; never a python file. The published config is stored in the native one, so that
converting there and back ends where it began.
"""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from sa2va_cli.checkpoints.families.sam2 import NATIVE_DECODERS, NATIVE_SAM2, PUBLISHED_DECODERS
from sa2va_cli.checkpoints.files import ADAPTER_CONFIG, CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE, is_adapter
from sa2va_cli.checkpoints.finetuned import FineTuned
from sa2va_cli.checkpoints.hub import resolve_part
from sa2va_cli.checkpoints.json_files import Config, read_json_object
from sa2va_cli.checkpoints.key_rules import native_tensors
from sa2va_cli.checkpoints.layout import (
    Layout,
    find_stock,
    native_config,
    published_config,
    require_masks,
)
from sa2va_cli.checkpoints.named_tensors import (
    Source,
    Tensors,
    full_layout,
    outlines,
    with_native_names,
    with_published_names,
)
from sa2va_cli.checkpoints.streaming import TensorFiles, Written, write_tensors
from sa2va_cli.errors import ModelError, OutputError
from sa2va_cli.staging import discard, output_errors, publish, staged

LayoutName = Literal["native", "published"]

ORIGIN = "published"
"""The key of a native config under which the published one is stored."""

_DATA = (".json", ".txt", ".model", ".jinja")


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


def convert(
    source: Path, target: Path, to: LayoutName, dtype: torch.dtype | None, state: Path | None = None
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
    layout = check_convertible(source, to)
    if state is not None and layout.native:
        raise ModelError(f"{source} is native; a state dict goes with a checkpoint in the published layout")
    files = TensorFiles(source)
    taken = files if state is None else FineTuned.open(state, files)
    named = with_native_names if to == "native" else with_published_names
    with new_folder(target) as part:
        copy_data(source, part)
        _write_json(part / CONFIG_FILE, _config(layout, source, to))
        written = write_tensors(
            part / WEIGHTS_FILE,
            _cast(named(layout, outlines(taken)), dtype),
            named(layout, taken),
        )
    return Rewritten(target, written.tensors, sum(h.size for h in files.headers.values()), written.size)


def check_convertible(source: Path, to: LayoutName) -> Layout:
    """Makes sure that a layout can hold what a checkpoint describes; returns the checkpoint's own.

    Raises:
        ModelError: it cannot, or the checkpoint is an adapter or in the layout of transformers.
    """
    refuse_adapter(source)
    if stock := find_stock(source):
        raise ModelError(f"{source} is a {stock}, which is used in the layout of transformers and no other")
    layout = full_layout(source)
    _config(layout, source, to)
    return layout


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
    refuse_adapter(source)
    layout = full_layout(source)
    require_masks(layout, str(source))
    if layout.two_pass:
        raise ModelError(f"{source} has both decoders already; there is nothing to upgrade")
    refuse_existing(target)
    files, original = TensorFiles(source), TensorFiles(resolve_part(sam2))
    own = _original_names(layout, files, original)
    with new_folder(target) as part:
        copy_data(source, part)
        config = read_json_object(source / CONFIG_FILE)
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


def refuse_adapter(source: Path) -> None:
    """Makes sure that a folder has weights of its own.

    Raises:
        ModelError: it is one of an adapter.
    """
    if is_adapter(source):
        raise ModelError(f"{source} is an adapter; first make a model of it: sa2va models merge {source} DST")


def require_published(source: Path) -> None:
    """Makes sure that the published layout can hold what a checkpoint describes.

    Raises:
        ModelError: it cannot.
    """
    _config(full_layout(source), source, "published")


def write_native(
    source: Path,
    target: Path,
    layout: Layout,
    outlined: Tensors,
    tensors: Tensors,
    dtype: torch.dtype | None = None,
) -> Written:
    """Writes the files of a native checkpoint into an empty folder.

    Args:
        source: the checkpoint whose config and tokenizer it has.
        target: the folder.
        layout: of the source.
        outlined: every tensor by its native name, without numbers.
        tensors: the same with their numbers.
        dtype: of the file; None for that of each tensor in the outlines.

    Raises:
        ModelError: the tensors are not those that were announced.
        OSError: the disk is full, or the like.
    """
    copy_data(source, target)
    _write_json(target / CONFIG_FILE, _config(layout, source, "native"))
    return write_tensors(target / WEIGHTS_FILE, _cast(outlined, dtype), tensors)


def _original_names(layout: Layout, files: TensorFiles, original: TensorFiles) -> dict[str, str]:
    """What each tensor of the decoder is called in the original SAM 2, whose names are the network's."""
    plain = (NATIVE_DECODERS if layout.native else PUBLISHED_DECODERS)[0]
    names = {}
    for name in files.names:
        if name.startswith(plain):
            native = name if layout.native else next(native_tensors(layout.rules, [name], files.outline))[0]
            names[name] = native.removeprefix(NATIVE_SAM2)
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
    first, second = NATIVE_DECODERS if layout.native else PUBLISHED_DECODERS
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

    return map(cast, tensors)  # which holds no tensor while the next one is read


def _config(layout: Layout, source: Path, to: LayoutName) -> Config:
    config = read_json_object(source / CONFIG_FILE)
    if layout.native == (to == "native"):
        return config
    if to == "native":
        return native_config(layout) | {ORIGIN: config}
    origin = config.get(ORIGIN)
    return origin if isinstance(origin, dict) else published_config(layout)


def copy_data(source: Path, target: Path) -> None:
    """Takes tokenizer and processor along, without the programs that their configs name."""
    for path in sorted(source.iterdir()):
        if path.suffix in _DATA and path.name not in (CONFIG_FILE, INDEX_FILE, ADAPTER_CONFIG):
            shutil.copyfile(path, target / path.name)


def _write_json(path: Path, value: Config) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
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
