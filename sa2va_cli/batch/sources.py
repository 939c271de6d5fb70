"""Which inputs a batch has: files, folders, patterns and lists of names.

Knows nothing about what is done with them.
"""

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.media.formats import SUFFIXES
from sa2va_cli.media.sequences import is_pattern, natural
from sa2va_cli.pipeline.storage import is_stored, stored_files

STANDARD_INPUT = "-"

VIDEO_ENDINGS = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "mpg", "mpeg", "m2v", "vob", "ts", "m2ts", "mts"),
        *("mxf", "flv", "f4v", "wmv", "asf", "ogv", "ogg", "3gp", "3g2", "dv", "y4m", "mjpeg", "mjpg"),
    )
)
"""Endings, in small letters, by which videos are found in folders; others are read when they are named."""

MEDIA_ENDINGS = VIDEO_ENDINGS | SUFFIXES
TRACKS_ENDINGS = frozenset((".sa2va",))

_HERE = PurePath()


class Name(str):
    """A name from a list, which stands for itself, also where a shell would take it for a pattern."""

    __slots__ = ()


@dataclass(frozen=True)
class Source:
    """One input.

    Attributes:
        path: as a command would be given it.
        relative: its folder, seen from the folder or the beginning of the pattern that it was found by.
        found: whether it was found in a folder or by a pattern, and not named.
    """

    path: str
    relative: PurePath = _HERE
    found: bool = False


def sources(
    given: Iterable[str], endings: frozenset[str], unread: Callable[[OSError], None] | None = None
) -> Iterator[Source]:
    """Takes inputs apart.

    A folder stands for all files with known endings in it and below, a shell pattern for all files that fit;
    both without hidden files, in natural order. What has a place for a frame's number (``%04d``, ``####``)
    is one input: a sequence.

    Args:
        given: files, folders and patterns.
        endings: by which files in folders are chosen, in small letters.
        unread: is given each folder below that cannot be looked into, and why.

    Raises:
        InputError: a folder or a pattern leads to nothing.
    """
    for text in given:
        if is_stored(text):
            yield from _stored(text, endings)
            continue
        path = Path(text)
        if path.is_dir():
            yield from _below(path, endings, unread)
        elif not isinstance(text, Name) and not path.exists() and glob.has_magic(text):
            yield from _matching(text)
        else:
            yield Source(text)


def _stored(url: str, endings: frozenset[str]) -> Iterator[Source]:
    found = stored_files(url, endings)
    if not found and (url.endswith("/") or "*" in url):
        raise InputError(f"{url}: no file there has a known ending, or fits; name files, or a pattern")
    if not found:
        yield Source(url)
        return
    plain = url[: url.index("*")].rpartition("/")[0] if "*" in url else url.rstrip("/")
    for name in found:
        yield Source(name, PurePath(name.removeprefix(plain).strip("/")).parent, found=True)


def _below(
    folder: Path, endings: frozenset[str], unread: Callable[[OSError], None] | None
) -> Iterator[Source]:
    files = []
    for place, folders, names in os.walk(folder, onerror=unread):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(place, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings  # noqa: PTH122
        ]
    if not files:
        raise InputError(f"{folder}: no file in it or below has a known ending; name files, or a pattern")
    for file in sorted(files, key=natural):
        yield Source(str(file), file.parent.relative_to(folder), found=True)


def _matching(pattern: str) -> Iterator[Source]:
    files = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (takes absolute ones)
    files = [file for file in files if file.is_file()]
    if not files:
        raise InputError(f"{pattern}: no file fits this pattern")
    parts = Path(pattern).parts
    plain = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    base = Path(*parts[:plain])
    for file in sorted(files, key=natural):
        yield Source(str(file), file.parent.relative_to(base), found=True)


def listed_names(*, ended_by_zero: bool, read: Callable[[], bytes] | None = None) -> list[Name]:
    """Names on standard input, one a line or, as ``find -print0`` writes them, each ended by a zero byte.

    Args:
        ended_by_zero: which of the two.
        read: gives all bytes; None for standard input.

    Raises:
        UsageError: they are ended by zero bytes, and nobody said so.
    """
    data = (read or sys.stdin.buffer.read)()
    if b"\0" in data and not ended_by_zero:
        raise UsageError("names on standard input have zero bytes in them; -0 says that each ends in one")
    lines = data.split(b"\0") if ended_by_zero else data.splitlines()
    return [Name(os.fsdecode(line)) for line in lines if line.strip()]


def source_kind(path: str) -> str:
    """What an input most likely is, by its name: ``video``, ``image`` or ``frames``; nothing is opened."""
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122  (10,000 of them)
    if is_pattern(path) and not os.path.lexists(path):
        return "frames"
    if ending in SUFFIXES:
        return "video" if ending in (".gif", ".apng") else "image"
    return "frames" if not ending and os.path.isdir(path) else "video"  # noqa: PTH112


def file_list(path: str) -> Sequence[Path]:
    """The files that an input is made of, in order; none where there are none."""
    from sa2va_cli.media.sequences import matches

    place = Path(path)
    if place.is_dir():
        return sorted((file for file in place.iterdir() if file.is_file()), key=natural)
    if place.exists():
        return [place]
    return matches(path) if is_pattern(path) else []
