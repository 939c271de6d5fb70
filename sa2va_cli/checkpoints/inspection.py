"""What a checkpoint is made of, and whether it is whole, without loading it.

Everything is read from ``config.json`` and the headers of the weights; only checksums need the bytes.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.checkpoints.catalog import STOCK
from sa2va_cli.checkpoints.families.family import LANGUAGE_MODEL, VISION
from sa2va_cli.checkpoints.families.table import FAMILIES
from sa2va_cli.checkpoints.files import CONFIG_FILE, TensorHeader, is_follower, read_headers, weight_files
from sa2va_cli.checkpoints.json_files import Config, read_json_object
from sa2va_cli.checkpoints.parts import GROUPS, SEGMENTER, part_of
from sa2va_cli.errors import ModelError

# Sides that are worth showing, in the words of the configs of the families.
_DIMENSIONS = (
    "hidden_size",
    "num_hidden_layers",
    "depth",
    "num_attention_heads",
    "num_heads",
    "num_key_value_heads",
    "intermediate_size",
    "patch_size",
    "vocab_size",
)

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """A part of a network, as it lies in the files.

    Attributes:
        title: as from ``part_of``.
        tensors: how many it has.
        parameters: how many numbers they hold.
        size: their bytes.
        dtypes: as safetensors writes them, the most frequent first.
        files: where they lie.
        dimensions: the sides that the config gives for it.
    """

    title: str
    tensors: int
    parameters: int
    size: int
    dtypes: tuple[str, ...]
    files: tuple[str, ...]
    dimensions: dict[str, int]


@dataclass(frozen=True)
class Description:
    """What a checkpoint folder holds.

    Attributes:
        folder: where it is.
        family: what the loader calls it; empty when the loader does not take it.
        concern: why the loader does not take it; empty when it does.
        layout: ``native`` or ``published``.
        template: the prompt template, if the config names one.
        parts: as data goes through them.
    """

    folder: Path
    family: str
    concern: str
    layout: str
    template: str
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class FileCheck:
    """What came of comparing a file with the checksum that the hub gave it.

    Attributes:
        name: of the file.
        state: ``right``, ``wrong``, or ``unknown`` when no checksum is at hand.
    """

    name: str
    state: str


def describe(folder: Path) -> Description:
    """Reads what a checkpoint is made of.

    Raises:
        ModelError: the folder holds no config, or no weights that can be read.
    """
    from sa2va_cli.checkpoints.layout import NATIVE_FORMAT, find_stock, read_layout

    config = read_json_object(folder / CONFIG_FILE)
    headers = read_headers(folder)
    follows = is_follower(config)
    try:
        family = (
            str(config["model_type"])
            if follows
            else STOCK
            if find_stock(folder)
            else read_layout(folder).family
        )
        concern = ""
    except ModelError as error:
        family, concern = "", str(error).removeprefix(f"{folder}: ")
    grouped: dict[str, list[TensorHeader]] = {title: [] for title in GROUPS}
    for header in headers:
        grouped[SEGMENTER if follows else part_of(header.name)].append(header)
    return Description(
        folder=folder,
        family=family,
        concern=concern,
        layout="native" if config.get("format") == NATIVE_FORMAT else "published",
        template=str(config.get("template") or _child(config, "chat").get("template") or ""),
        parts=tuple(_summary(title, members, config) for title, members in grouped.items() if members),
    )


def _summary(title: str, members: list[TensorHeader], config: Config) -> Part:
    numbers: Counter[str] = Counter()
    for header in members:
        numbers[header.dtype] += header.parameters
    return Part(
        title=title,
        tensors=len(members),
        parameters=numbers.total(),
        size=sum(header.size for header in members),
        dtypes=tuple(dtype for dtype, _ in numbers.most_common()),
        files=tuple(sorted({header.file for header in members})),
        dimensions=_dimensions(title, config),
    )


def _dimensions(title: str, config: Config) -> dict[str, int]:
    chat = _child(config, "chat")
    if title == VISION:
        sizes = _child(config, "vision_config") or _child(chat, "vision")
    elif title == LANGUAGE_MODEL:
        published = (_child(config, family.text_config) for family in FAMILIES.values())
        sizes = next(filter(None, published), {}) or _child(chat, "text")
    elif title == SEGMENTER:
        sizes = _child(config, "grounding_encoder_config") or _child(config, "sam2") or config
        return {key: sizes[key] for key in ("image_size", "d_model") if isinstance(sizes.get(key), int)}
    else:
        sizes = {}
    return {key: sizes[key] for key in _DIMENSIONS if isinstance(sizes.get(key), int)}


def _child(config: Config, key: str) -> Config:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def check_tensors(folder: Path) -> int:
    """Makes sure that every tensor has its place in the network, and every parameter its tensor.

    The network is built without memory and filled with tensors that have shapes and no numbers. That of a
    chat model that transformers runs itself must also have a processor that can be loaded.

    Returns:
        How many tensors the files hold.

    Raises:
        ModelError: naming what is missing, left over or of a wrong shape.
    """
    from sa2va_cli.checkpoints.layout import find_stock
    from sa2va_cli.checkpoints.loader import build_network, fill
    from sa2va_cli.checkpoints.named_tensors import full_layout, outlines, with_native_names
    from sa2va_cli.checkpoints.streaming import TensorFiles
    from sa2va_cli.checkpoints.tokenizer import load_tokenizer

    if is_follower(read_json_object(folder / CONFIG_FILE)):
        from sa2va_cli.checkpoints.followers import check_follower_tensors

        return check_follower_tensors(folder)
    if find_stock(folder):
        from sa2va_cli.checkpoints.stock_loader import check_stock_tensors, stock_class
        from sa2va_cli.checkpoints.stock_processor import load_processor

        load_processor(folder, stock_class(folder)[1])
        return check_stock_tensors(folder)
    files = TensorFiles(folder)
    layout = full_layout(folder)
    network = build_network(layout, load_tokenizer(folder, layout.chat.special_tokens), folder)
    fill(network, with_native_names(layout, outlines(files)), lambda _, tensor: tensor)
    return len(files.names)


def check_files(folder: Path, started: Callable[[str], None]) -> list[FileCheck]:
    """Compares the weight files with the checksums that the hub gave them.

    They are known for files from the hub's cache, whose blobs are named by their checksums, and for folders
    that ``hf download --local-dir`` made.

    Args:
        folder: a checkpoint.
        started: called with the name of each file before its bytes are read.
    """
    checks = []
    for name in (*weight_files(folder), *_small_files(folder)):
        wanted = _expected(folder, name)
        if wanted is None:
            checks.append(FileCheck(name, "unknown"))
            continue
        started(name)
        checks.append(FileCheck(name, "right" if _digest(folder / name, wanted) == wanted else "wrong"))
    return checks


def _small_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".json", ".model", ".txt"))


def _expected(folder: Path, name: str) -> str | None:
    """The checksum that the hub sent as an ETag: SHA-256 of a large file, git's SHA-1 of a small one."""
    path = folder / name
    known = path.resolve().name if path.is_symlink() else ""
    note = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
    if note.is_file():  # its lines: commit, ETag, time
        known = [*note.read_text(encoding="utf-8").splitlines(), "", ""][1].strip('"')
    return known if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", known) else None


def _digest(path: Path, like: str) -> str:
    """The checksum of a file, of the kind that another one is."""
    if len(like) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(f"blob {path.stat().st_size}\0".encode())  # as git names its blobs
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
