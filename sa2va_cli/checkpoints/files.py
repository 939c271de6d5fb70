"""Which files a checkpoint folder's weights are, and what the headers of those files hold.

A safetensors file begins with the length of its header (8 bytes, little endian) and the header itself, a JSON
object of ``{name: {dtype, shape, data_offsets}}``. Reading it takes milliseconds, however large the weights.
Knows nothing of torch, so that models can be listed without it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa2va_cli.checkpoints.json_files import Config, parse_json_object, read_json_object
from sa2va_cli.errors import ModelError

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
FOLLOWER_TYPES = ("sam2_video", "edgetam_video")
"""What transformers calls networks that follow objects through a video, in ``model_type``."""

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")
"""A checkpoint has at least one of them."""

LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself."""

ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1} | {
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
"""Bytes of one number of each kind that can be read (format description, huggingface/safetensors)."""

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
    folder = weights_folder(folder)
    headers = [header for name in weight_files(folder) for header in read_header(folder / name)]
    listed = {} if (folder / WEIGHTS_FILE).exists() else _index(folder)
    if absent := sorted(listed.keys() - {header.name for header in headers}):
        raise ModelError(f"the shards of {folder} lack tensors that their index lists, such as {absent[0]}")
    return headers


def is_adapter(folder: Path) -> bool:
    """Whether a folder has an adapter, whose weights change those of another model."""
    return (folder / ADAPTER_CONFIG).is_file()


def weights_folder(folder: Path) -> Path:
    """Where the weights of a checkpoint are: its own folder, or for an adapter that of its base.

    Raises:
        ModelError: the base is not on this machine.
    """
    if not is_adapter(folder):
        return folder
    config = read_json_object(folder / ADAPTER_CONFIG)
    name, known = str(config.get("base_model_name_or_path") or ""), str(config.get("base_folder") or "")
    if known and (Path(known) / CONFIG_FILE).is_file() and not is_adapter(Path(known)):
        return Path(known)
    from sa2va_cli.checkpoints.hub import find_local  # which needs this module

    found = find_local(name) if name else None
    if found is None or is_adapter(found):
        raise ModelError(
            f"{folder} is an adapter of {name or 'no model that it names'}, which is not on this machine; "
            f"get it with: sa2va models pull {name}, or write its folder into {ADAPTER_CONFIG} as base_folder"
        )
    return found


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
        headers = _parsed(parse_json_object(text, "the header"), path.name, start=8 + length)
    except ModelError as error:
        reason = f"its header is damaged ({error})"
        raise ModelError(f"{path} is not a readable safetensors file; {reason}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a readable safetensors file; its header is damaged") from error
    end = max((header.start + header.size for header in headers), default=8 + length)
    if end > size:
        raise ModelError(f"{path} is cut off: {size:,} bytes of {end:,}; is the download complete?")
    return headers


def _parsed(header: Config, file: str, start: int) -> list[TensorHeader]:
    headers = [
        _parsed_entry(name, entry, file, start) for name, entry in header.items() if name != "__metadata__"
    ]
    return sorted(headers, key=lambda tensor: tensor.start)


def _parsed_entry(name: str, entry: Config, file: str, start: int) -> TensorHeader:
    """Takes a tensor's place and shape, which must be whole numbers that go together.

    Raises:
        ValueError: they are not; TypeError, KeyError or AttributeError: something else is in their place.
    """
    begin, end = entry["data_offsets"]
    shape, dtype = tuple(entry["shape"]), str(entry["dtype"])
    if any(type(number) is not int or number < 0 for number in (begin, end, *shape)):
        raise ValueError("an offset or a side is no whole number")
    width = ITEM_BYTES.get(dtype, 0)
    if end < begin or (width and end - begin != width * math.prod(shape)):
        raise ValueError("a tensor has other bytes than its shape needs")
    return TensorHeader(name, dtype, shape, file, start + begin, end - begin)


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
    places: Any = read_json_object(path).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ModelError(f"{path} has no weight_map")
    for name in places.values():
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{path} names the shard {name!r}, which is not a safetensors file beside it")
    return dict(places)


def is_follower(config: Config) -> bool:
    """Whether a config is of a network that follows what a Sa2VA finds: a SAM 2 as transformers saves it."""
    return config.get("model_type") in FOLLOWER_TYPES


def is_complete(folder: Path) -> bool:
    """Whether config, tokenizer and all weights are there: a download may have been interrupted.

    A follower reads no words and has no tokenizer.
    """
    try:
        files = weight_files(folder)
    except ModelError:
        return False
    if not all((folder / name).is_file() for name in (CONFIG_FILE, *files)):
        return False
    return any((folder / name).is_file() for name in TOKENIZER_FILES) or _follows(folder)


def _follows(folder: Path) -> bool:
    try:
        return is_follower(read_json_object(folder / CONFIG_FILE))
    except ModelError:
        return False
