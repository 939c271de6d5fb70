"""How wide pixels are, in AVI, which keeps the shape of the whole picture.

FFmpeg's muxer takes it from a field that PyAV cannot set. So the muxer is made to leave room for it among
what describes the stream (``make_room``), and the numbers are written when the file is complete
(``write_aspect``). Knows nothing about pictures.
"""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

ENDING = ".avi"
"""Files that are AVI."""

_HEAD = 1 << 20
"""Bytes from the beginning among which the streams are described, before any picture."""

_NAME, _PROPERTIES = b"strn", b"vprp"
"""Chunks with a stream's name, and with the properties of its pictures."""

_LAYOUT = struct.Struct("<5I2H3I8I")
"""Of the properties (OpenDML AVI File Format Extensions 1.02, "Video Properties Header"): format, standard,
refresh rate, total width and height, the shape's height and width, width and height in pixels, number of
fields, and of the one field its height and width, those that count, and four places."""

_ROOM = "aspect".ljust(_LAYOUT.size - 1)
"""A name that is stored in as many bytes, with the zero at its end."""


def make_room(stream: Any) -> None:
    """Makes the muxer write a chunk of the size that a stream's properties need: its name."""
    stream.metadata["title"] = _ROOM


def write_aspect(path: Path, size: tuple[int, int], aspect: Fraction, rate: Fraction) -> None:
    """Writes how wide pixels are into a complete file; one without room for it stays as it is.

    Args:
        path: the file.
        size: (width, height) of the pictures.
        aspect: width of a pixel over its height.
        rate: pictures per second.

    Raises:
        OSError: it cannot be read or written.
    """
    width, height = size
    shape = (aspect * width / height).limit_denominator(_most(aspect * width / height))
    field = height, width, height, width, 0, 0, 0, 0
    told = 0, 0, round(rate), width, height, shape.denominator, shape.numerator, width, height, 1, *field
    room = _NAME + struct.pack("<I", _LAYOUT.size) + _ROOM.encode() + b"\0"
    with path.open("r+b") as file:
        place = file.read(_HEAD).find(room)
        if place >= 0:
            file.seek(place)
            file.write(_PROPERTIES + struct.pack("<I", _LAYOUT.size) + _LAYOUT.pack(*told))


def _most(shape: Fraction) -> int:
    """The largest denominator with which both parts of a shape fit into 16 bits."""
    return max(1, int(0xFFFF / max(shape, Fraction(1))))
