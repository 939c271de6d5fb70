"""Pictures say which program wrote them, so that a folder of them can be told from a folder of someone's own.

The mark is a text chunk ``Software`` before the end of a PNG (PNG, third edition, 11.3.3.2), which no reader
of pictures minds; a file of ours in or beside the folder would disturb those who take every file they find
for a picture. It holds the size that the file had: a picture that was edited, or made from one of ours by a
program that hands text chunks on, is not taken for ours. TIFF and OpenEXR files, whose readers go by offsets,
have the same bytes behind their end.

Text files have no such place. A folder of them holds a hidden list of what was written into it, with a
checksum of each; their readers take files by their ending and do not see it.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_SIGNATURES_BEHIND = (b"II*\0", b"MM\0*", b"v/1\x01")
"""How TIFF files of both byte orders and OpenEXR files begin."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))

_LEFT_BY_SYSTEMS = frozenset({".DS_Store", ".directory", "Thumbs.db", "desktop.ini"})
"""What file managers leave in every folder that is looked into."""

LIST = ".sa2va-files"
"""The list of the text files of a folder, in it."""


def _chunk(size: int) -> bytes:
    """The mark of a file that has ``size`` bytes with it."""
    body = b"tEXtSoftware\0sa2va (%012d bytes)" % size
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


_LENGTH = len(_chunk(0))


def mark(path: Path) -> None:
    """Marks a finished PNG, TIFF or OpenEXR file as written by this program; leaves other files as they are.

    Raises:
        OSError: the file cannot be changed.
    """
    with path.open("r+b") as file:
        head = file.read(len(_SIGNATURE))
        if head.startswith(_SIGNATURES_BEHIND):
            end = file.seek(0, os.SEEK_END)
            file.write(_chunk(end + _LENGTH))
            return
        if head != _SIGNATURE:
            return
        end = file.seek(-len(_END), os.SEEK_END)
        if file.read() == _END:
            file.seek(end)
            file.write(_chunk(end + _LENGTH + len(_END)) + _END)


def is_marked(path: Path) -> bool:
    """Whether a file is a picture that this program wrote, and nobody has changed."""
    if path.is_symlink() or not path.is_file():
        return False
    size = path.stat().st_size
    if size < len(_SIGNATURE) + _LENGTH + len(_END):
        return False
    with path.open("rb") as file:
        head = file.read(len(_SIGNATURE))
        if head.startswith(_SIGNATURES_BEHIND):
            file.seek(-_LENGTH, os.SEEK_END)
            return file.read() == _chunk(size)
        if head != _SIGNATURE:
            return False
        file.seek(-_LENGTH - len(_END), os.SEEK_END)
        return file.read() == _chunk(size) + _END


def listed(name: str, content: bytes) -> str:
    """The line of ``LIST`` for a file: checksum, number of bytes, and its name relative to the folder."""
    return f"{zlib.crc32(content):08x} {len(content)} {name}\n"


def stranger_in(folder: Path) -> Path | None:
    """Finds something in a folder, at any depth, that this program did not make; None where all is ours.

    Raises:
        OSError: it cannot be looked into.
    """
    lines = _lines(folder)
    ours = (LIST,) if lines else ()

    def is_ours(path: Path) -> bool:
        name = path.relative_to(folder).as_posix()
        return name in ours or is_marked(path) or (bool(lines) and _line_of(path, name) in lines)

    return next((path for path in inside(folder) if not is_ours(path)), None)


def _lines(folder: Path) -> frozenset[str]:
    """The lines of a folder's list; none where there is no list, or something else of its name."""
    path = folder / LIST
    if path.is_symlink() or not path.is_file():
        return frozenset()
    return frozenset(path.read_text("utf-8", "replace").splitlines(keepends=True))


def _line_of(path: Path, name: str) -> str | None:
    return None if path.is_symlink() or not path.is_file() else listed(name, path.read_bytes())


def inside(folder: Path) -> Iterator[Path]:
    """Everything in a folder, at any depth, but what systems leave; links are not followed.

    A folder counts for itself where it is empty, else for what is in it.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from inside(path) if any(path.iterdir()) else [path]
        elif path.name not in _LEFT_BY_SYSTEMS:
            yield path
