"""Tells from a file's own structure whether its end is missing, and how long a track is shown.

Interrupted copies, downloads and recordings leave such files. Knows nothing about what is in them.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_MOST_BOXES = 100_000
_BOXES = frozenset(
    (
        b"ftyp",
        b"moov",
        b"mdat",
        b"wide",
        b"free",
        b"skip",
        b"moof",
        b"mfra",
        b"sidx",
        b"styp",
        b"uuid",
        b"meta",
    )
)
"""Kinds of boxes that stand by themselves; anything else at a file's end is no box."""

_ENDLESS = 0xFFFFFFFF


def missing_bytes(path: Path) -> int:
    """How many bytes a file should hold behind its end, for MP4, MOV, Matroska, WebM, AVI and WAV.

    Returns:
        0 for whole files and for those whose structure does not tell.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == _EBML:
            end = _matroska_end(file)
        elif head[:4] == b"RIFF":
            size = int.from_bytes(head[4:8], "little")
            end = 0 if size == _ENDLESS else 8 + size
        elif head[4:8] in _BOXES:
            end = _boxes_end(file, length)
        else:
            end = 0
    return max(0, end - length)


def track_seconds(path: Path, number: int) -> Fraction | None:
    """For how long an MP4's header says that a track is shown, which FFmpeg does not pass on.

    Args:
        path: the file.
        number: the track's, from 0 in the order of the file.

    Returns:
        Seconds; None where the header does not say.
    """
    with path.open("rb") as file:
        for place, kind, size in boxes(file, 0, path.stat().st_size):
            if kind != b"moov":
                continue
            inside = list(boxes(file, place, place + size))
            clocks = [_read(file, at, 4, 32) for at, box, _ in inside if box == b"mvhd"]
            tracks = [(at, length) for at, box, length in inside if box == b"trak"]
            if not clocks or number >= len(tracks):
                return None
            at, length = tracks[number]
            heads = [
                _read(file, begin, 4, 36) for begin, box, _ in boxes(file, at, at + length) if box == b"tkhd"
            ]
            return _shown(clocks[0], heads[0]) if heads else None
    return None


def _shown(movie: bytes, track: bytes) -> Fraction | None:
    """Seconds from the movie's units per second and the track's duration (ISO 14496-12, 8.2.2 and 8.3.2)."""
    scale = _number(movie, 20 if movie[0] else 12, 4)
    duration = _number(track, 28, 8) if track[0] else _number(track, 20, 4)
    endless = duration in (_ENDLESS, 2**64 - 1)
    return Fraction(duration, scale) if scale and duration and not endless else None


def _number(data: bytes, place: int, length: int) -> int:
    return int.from_bytes(data[place : place + length], "big")


def _read(file: BinaryIO, place: int, least: int, most: int) -> bytes:
    file.seek(place)
    return file.read(most).ljust(least, b"\0")


def boxes(file: BinaryIO, place: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Where the content of each box begins, the box's kind, and its content's length."""
    while place + 8 <= end:
        head = _read(file, place, 16, 16)
        size, begin = _number(head, 0, 4), 8
        if size == 1:
            size, begin = _number(head, 8, 8), 16
        if size < begin:
            return
        yield place + begin, head[4:8], size - begin
        place += size


def _boxes_end(file: BinaryIO, length: int) -> int:
    """Where the last box of an ISO base media file ends (ISO 14496-12, 4.2)."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        (size,) = struct.unpack(">I", head[:4])
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack(">Q", head[8:])
        if size < 8 or head[4:8] not in _BOXES:  # 0: to the end of the file, whatever that is
            break
        place += size
        if place >= length:
            break
    return place


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment of a Matroska file ends (RFC 8794, 4 and 5); 0 where it does not say."""
    file.seek(4)
    header = _variable(file)
    if header is None:
        return 0
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return 0
    size = _variable(file)
    return 0 if size is None else file.tell() + size


def _variable(file: BinaryIO) -> int | None:
    """A size of variable length; None where it is unknown or damaged."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = first[0] & ((1 << (7 - more)) - 1)
    for byte in file.read(more):
        value = value << 8 | byte
    return None if value == (1 << (7 * (more + 1))) - 1 else value
