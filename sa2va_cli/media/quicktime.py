"""The vendor that a QuickTime file names for its pictures.

FFmpeg's muxer writes its own, ``FFMP``, beside every codec. The encoder's stands in each frame of ProRes as
well; programs that ask the file instead of a frame get the same answer from both. Knows nothing about
pictures.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sa2va_cli.media.tail import boxes

ENDING = ".mov"
"""Files whose muxer names a vendor."""

_WAY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
"""Boxes within each other that lead to what describes the samples (QuickTime File Format, "Sample
description atoms")."""

_VENDOR = 20
"""Bytes from the beginning of a video sample description to its vendor."""


def write_vendor(path: Path, vendor: bytes) -> None:
    """Writes a vendor into every description of ProRes in a complete file.

    Args:
        path: the file.
        vendor: four bytes.

    Raises:
        OSError: it cannot be read or written.
    """
    with path.open("r+b") as file:
        places = [at for at, codec in _descriptions(file, path.stat().st_size) if codec.startswith(b"ap")]
        for place in places:
            file.seek(place + _VENDOR)
            file.write(vendor)


def _descriptions(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """Where each sample description begins, and which codec it is of."""
    for place, size in _found(file, 0, end, _WAY):
        # A version and a number of entries come first; each entry is laid out as a box.
        for begin, codec, _ in boxes(file, place + 8, place + size):
            yield begin - 8, codec


def _found(file: BinaryIO, place: int, end: int, way: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """Beginning and length of the contents of the boxes that a way leads to."""
    for begin, kind, size in boxes(file, place, end):
        if kind == way[0] and len(way) == 1:
            yield begin, size
        elif kind == way[0]:
            yield from _found(file, begin, begin + size, way[1:])
