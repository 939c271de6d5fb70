"""Pictures joined end to end in one file, as cameras on a network and ``cat *.jpg`` leave them.

Knows nothing about how they are decoded.
"""

import mmap
import re
import struct
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker in coded data of JPEG other than a restart (ITU-T T.81, B.1.1)."""
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BETWEEN = 1024
"""Most bytes of filling, or of a line for a browser, between two pictures."""


def joined_pictures(path: Path, most: int | None = None) -> list[tuple[int, int]]:
    """Where the pictures of a JPEG or PNG file begin and end, as far as they have the size of the first.

    Previews and second views that cameras put behind a picture have other sizes, or are marked as such. A
    picture that was cut off ends the list.

    Args:
        path: the file.
        most: after how many pictures to stop looking.
    """
    found: list[tuple[int, int]] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        walk, start = (_png, _PNG) if data[:8] == _PNG else (_jpeg, b"\xff\xd8\xff")
        begin, size = 0, None
        while begin >= 0 and (most is None or len(found) < most):
            picture = walk(data, begin)
            if picture is None or size not in (None, picture[0]):
                break
            size, end = picture
            found.append((begin, end))
            begin = data.find(start, end, end + _BETWEEN)
    return found


def _png(data: mmap.mmap, place: int) -> tuple[tuple[int, int], int] | None:
    """(width, height) of a PNG picture, and where it ends; None where it does not."""
    if len(data) < place + 33:
        return None
    size: tuple[int, int] = struct.unpack_from(">2I", data, place + 16)
    place += 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        place += 12 + length
        if kind == b"IEND":
            return size, place
    return None


def _jpeg(data: mmap.mmap, place: int) -> tuple[tuple[int, int], int] | None:
    """Likewise for JPEG; segments are skipped, and with them the thumbnails in EXIF data."""
    size = (0, 0)
    place += 2
    while place + 4 <= len(data):
        marker = data[place + 1]
        if data[place] != 0xFF:
            return None
        if marker == 0xFF:  # filling
            place += 1
            continue
        if marker == _END:
            return size, place + 2
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _SIZES and place + 9 <= len(data):
            height, width = struct.unpack_from(">2H", data, place + 5)
            size = width, height
        place += 2 + length
        if marker == _SCAN:
            found = _MARKER.search(data, place)
            if found is None:
                return None
            place = found.start()
    return (size, place + 2) if data[place : place + 2] == bytes((0xFF, _END)) else None
