"""How wide pixels are, in NUT, whose muxer takes it from a field that PyAV cannot set.

The two numbers are there, as zeros of one byte each, and are written when the file is complete. Knows nothing
about pictures.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

ENDING = ".nut"
"""Files that are NUT."""

_HEAD = 1 << 20
"""Bytes from the beginning among which the streams are described, before any picture."""

_STREAM = bytes.fromhex("4e5311405bf2f9db")
"""What the description of a stream begins with (NUT Open Container Format, "Startcodes")."""

_VIDEO = 0
_MOST = 127
"""The largest number that takes one byte."""

_LONG = 4096
"""Descriptions of more bytes have a checksum of their own in front."""

_POLYNOMIAL = 0x04C11DB7


def write_aspect(path: Path, size: tuple[int, int], aspect: Fraction) -> None:
    """Writes how wide pixels are into a complete file; one that is laid out otherwise stays as it is.

    Args:
        path: the file.
        size: (width, height) of the pictures.
        aspect: width of a pixel over its height; numbers that take more than a byte are rounded.

    Raises:
        OSError: it cannot be read or written.
    """
    shape = _rounded(aspect)
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        for begin, end in _descriptions(head):
            place = _place(head, begin, size)
            if place is None:
                continue
            told = head[begin:place] + bytes(shape.as_integer_ratio()) + head[place + 2 : end]
            file.seek(begin)
            file.write(told + _checksum(told))


def _rounded(aspect: Fraction) -> Fraction:
    """The nearest aspect of two numbers of one byte."""
    shapes = (Fraction(max(1, round(aspect * below)), below) for below in range(1, _MOST + 1))
    fitting = [shape for shape in shapes if max(shape.as_integer_ratio()) <= _MOST]
    return min(fitting, key=lambda shape: abs(shape - aspect))


def _descriptions(head: bytes) -> Iterator[tuple[int, int]]:
    """Where the description of each stream begins and ends, its checksum not counted."""
    at = head.find(_STREAM)
    while at >= 0:
        length, begin = _number(head, at + len(_STREAM))
        begin += 4 if length > _LONG else 0
        end = begin + length - 4
        if head[end : end + 4] == _checksum(head[begin:end]):
            yield begin, end
        at = head.find(_STREAM, at + len(_STREAM))


def _place(head: bytes, at: int, size: tuple[int, int]) -> int | None:
    """Where the two zeros of a video stream are; None where it has none of that size."""
    _, at = _number(head, at)
    kind, at = _number(head, at)
    at = _behind(head, at)  # the codec's name
    for _ in range(5):  # its clock, how stamps are stored, delay, flags
        _, at = _number(head, at)
    at = _behind(head, at)  # what the codec says of itself
    width, at = _number(head, at)
    height, at = _number(head, at)
    fits = kind == _VIDEO and (width, height) == size and head[at : at + 2] == b"\0\0"
    return at if fits else None


def _behind(data: bytes, at: int) -> int:
    """Where bytes end that their number stands in front of."""
    length, at = _number(data, at)
    return at + length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length and where it ends."""
    value = 0
    while at < len(data):
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            break
    return value, at


def _checksum(data: bytes) -> bytes:
    """CRC-32 from the highest bit on, beginning with zero."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = ((value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value.to_bytes(4, "big")
