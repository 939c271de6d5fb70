"""Reads and writes safetensors one tensor at a time, so that a model larger than memory can be rewritten.

The safetensors library maps a whole file and saves a whole dictionary. Here a tensor is read into memory of
its own and put where the header, which is written first, says that it will be.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from sa2va_cli.checkpoints.files import TensorHeader, read_headers, weights_folder
from sa2va_cli.errors import ModelError

DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Names in a safetensors header (format description, huggingface/safetensors)."""

_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ALIGNMENT = 8
"""The header is padded to a multiple of it, as the library does."""


class TensorFiles:
    """The tensors of a checkpoint folder, each read when it is asked for.

    Args:
        folder: with one safetensors file, or shards and an index; for an adapter, those of its base are read.

    Raises:
        ModelError: when a file is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = weights_folder(folder)
        self.headers: dict[str, TensorHeader] = {header.name: header for header in read_headers(folder)}

    @classmethod
    def of(cls, folder: Path, headers: Sequence[TensorHeader]) -> "TensorFiles":
        """The tensors of files of a folder whose headers were read."""
        made = cls.__new__(cls)
        made.folder, made.headers = folder, {header.name: header for header in headers}
        return made

    @property
    def names(self) -> list[str]:
        """Names of all tensors, in the order in which they lie on the disk."""
        return list(self.headers)

    def read(self, name: str) -> Tensor:
        """Reads one tensor as it is in the file.

        Raises:
            ModelError: its numbers are of a kind that is not known, or the file changed under way.
        """
        header = self.headers[name]
        buffer = bytearray(header.size)
        with (self.folder / header.file).open("rb") as file:
            file.seek(header.start)
            if file.readinto(buffer) != header.size:
                raise ModelError(f"{self.folder / header.file} is cut off; is the download complete?")
        if not buffer:
            return torch.empty(header.shape, dtype=_dtype(header))
        return torch.frombuffer(buffer, dtype=_dtype(header)).reshape(header.shape)

    def map(self, name: str) -> Tensor:
        """Gives one tensor as a view of the file, which takes no memory of the program's own.

        What is written to it never reaches the file. One that lies crookedly in the file is read.
        """
        header = self.headers[name]
        dtype = _dtype(header)
        if not header.size or header.start % dtype.itemsize:
            return self.read(name)
        path = self.folder / header.file
        numbers = np.memmap(path, np.uint8, mode="c", offset=header.start, shape=(header.size,))
        return torch.from_numpy(numbers).view(dtype).reshape(header.shape)

    def dtype(self, name: str) -> torch.dtype:
        """The kind of numbers that a tensor holds.

        Raises:
            ModelError: it is not known.
        """
        return _dtype(self.headers[name])

    def outline(self, name: str) -> Tensor:
        """Gives a tensor of the same shape and dtype that has no numbers."""
        header = self.headers[name]
        return torch.empty(header.shape, dtype=_dtype(header), device="meta")


def _dtype(header: TensorHeader) -> torch.dtype:
    if header.dtype not in DTYPES:
        raise ModelError(f"the tensor {header.name} is of the unknown kind {header.dtype}")
    return DTYPES[header.dtype]


@dataclass(frozen=True)
class Written:
    """What a new file came to.

    Attributes:
        tensors: how many it has.
        size: its bytes.
    """

    tensors: int
    size: int


def write_tensors(
    path: Path, outlines: Iterable[tuple[str, Tensor]], tensors: Iterator[tuple[str, Tensor]]
) -> Written:
    """Writes a safetensors file, holding one tensor at a time.

    Args:
        path: a new file.
        outlines: every tensor's name, shape and dtype; the numbers are not looked at.
        tensors: the same names with their numbers, in any order; they are cast to the outline's dtype.

    Raises:
        ModelError: a name comes twice, not at all, or with another shape.
        OSError: the disk is full, or the like.
    """
    planned = sorted(outlines, key=lambda item: (-item[1].itemsize, item[0]))  # keeps every start aligned
    places: dict[str, tuple[int, Tensor]] = {}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, outline in planned:
        if name in places:
            raise ModelError(f"two tensors become {name}")
        places[name] = (end, outline)
        begin, end = end, end + outline.numel() * outline.itemsize
        kind = _NAMES[outline.dtype]
        header[name] = {"dtype": kind, "shape": list(outline.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        _fill(file, places, tensors, start=8 + len(text))
        file.truncate(8 + len(text) + end)
    return Written(len(places), 8 + len(text) + end)


def _fill(
    file: BinaryIO, places: dict[str, tuple[int, Tensor]], tensors: Iterator[tuple[str, Tensor]], start: int
) -> None:
    missing = set(places)
    for name, tensor in tensors:
        if name not in missing or tensor.shape != places[name][1].shape:
            raise ModelError(f"the tensor {name} comes twice, or not in the shape that was announced")
        missing.remove(name)
        offset, outline = places[name]
        numbers = tensor.detach().to("cpu", outline.dtype).contiguous().reshape(-1)
        file.seek(start + offset)
        if numbers.numel():
            numbers.view(torch.uint8).numpy().tofile(file)
        del tensor, numbers  # before the next one is read
    if missing:
        raise ModelError(f"the tensor {min(missing)} never came")
