"""Which files a checkpoint folder's weights are, and what the headers of those files say.

A safetensors file begins with the length of its header (8 bytes, little endian) and the header itself, a JSON
object of ``{name: {dtype, shape, data_offsets}}``. Reading it takes milliseconds, however large the weights.
Knows nothing of torch, so that models can be listed without it.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa2va_cli.errors import ModelError

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")
"""A checkpoint has at least one of them."""

LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself."""

_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class TensorHeader:
    """A tensor of a file, unread.

    Attributes:
        name: under which it is saved.
        dtype: as safetensors writes it: ``BF16``, ``F32``, ...
        shape: its sides.
        file: the file's name in the checkpoint folder.
        start: its first byte in the file.
        size: its bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str
    start: int
    size: int

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def read_headers(folder: Path) -> list[TensorHeader]:
    """Reads the headers of a checkpoint's weights; in the order in which the tensors lie on the disk.

    Raises:
        ModelError: a file is missing, cut off or no safetensors file, or lacks what the index lists.
    """
    headers = [header for name in weight_files(folder) for header in read_header(folder / name)]
    listed = {} if (folder / WEIGHTS_FILE).exists() else _index(folder)
    if absent := sorted(listed.keys() - {header.name for header in headers}):
        raise ModelError(f"the shards of {folder} lack tensors that their index lists, such as {absent[0]}")
    return headers


def read_header(path: Path) -> list[TensorHeader]:
    """Reads the header of one safetensors file.

    Raises:
        ModelError: the file is missing, cut off or no safetensors file.
    """
    try:
        with path.open("rb") as file:
            first = file.read(8)
            length = int.from_bytes(first, "little")
            text = file.read(length) if len(first) == 8 and length <= LONGEST_HEADER else b""
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; the checkpoint is incomplete") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if len(text) < max(length, 2):
        pointer = (first + text).startswith(_LFS_POINTER[:8])
        hint = "it is a Git LFS pointer, run 'git lfs pull' there" if pointer else "is the download complete?"
        raise ModelError(f"{path} is not a readable safetensors file; {hint}")
    try:
        headers = _parsed(json.loads(text), path.name, start=8 + length)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a readable safetensors file; its header is damaged") from error
    end = max((header.start + header.size for header in headers), default=8 + length)
    if end > size:
        raise ModelError(f"{path} is cut off: {size:,} bytes of {end:,}; is the download complete?")
    return headers


def _parsed(header: dict[str, Any], file: str, start: int) -> list[TensorHeader]:
    headers = []
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (int(offset) for offset in entry["data_offsets"])
            shape = tuple(int(side) for side in entry["shape"])
            headers.append(TensorHeader(name, str(entry["dtype"]), shape, file, start + begin, end - begin))
    return sorted(headers, key=lambda tensor: tensor.start)


def weight_files(folder: Path) -> list[str]:
    """Names of the files that hold a checkpoint's weights, whether they are there or not.

    Raises:
        ModelError: there is neither a single file nor a valid index.
    """
    if (folder / WEIGHTS_FILE).exists():
        return [WEIGHTS_FILE]
    return sorted(set(_index(folder).values()))


def _index(folder: Path) -> dict[str, str]:
    """The shard of each tensor, by the index file; shards lie beside it."""
    path = folder / INDEX_FILE
    if not path.exists():
        raise ModelError(
            f"{folder} has neither {WEIGHTS_FILE} nor {INDEX_FILE}; pickled weights are never read"
        )
    try:
        places: dict[str, Any] = dict(json.loads(path.read_bytes())["weight_map"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} has no weight_map") from error
    if not places:
        raise ModelError(f"{path} has no weight_map")
    for name in places.values():
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{path} names the shard {name!r}, which is not a safetensors file beside it")
    return places


def is_complete(folder: Path) -> bool:
    """Whether config, tokenizer and all weights are there: a download may have been interrupted."""
    try:
        files = weight_files(folder)
    except ModelError:
        return False
    tokenizer = any((folder / name).is_file() for name in TOKENIZER_FILES)
    return tokenizer and all((folder / name).is_file() for name in ("config.json", *files))
