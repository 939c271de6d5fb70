"""How wide pixels are, in Matroska and WebM, which keep the size at which a picture is shown.

FFmpeg's muxer takes it from a field that PyAV cannot set, and codecs such as ProRes, VP9 and FFV1 have no
place of their own that every player reads. So the muxer is made to leave room for it (``make_room``), and the
numbers are written when the file is complete (``write_aspect``). Knows nothing about pictures.
"""

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

ENDINGS = (".mkv", ".webm")
"""Files that are Matroska."""

_HEAD = 1 << 20
"""Bytes from the beginning among which the tracks are described: the muxer writes them before any picture."""

_SEGMENT, _TRACKS, _TRACK, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
_CHECKSUM, _STEREO, _WIDTH, _HEIGHT = 0xBF, 0x53B8, 0x54B0, 0x54BA
"""Identifiers of elements (RFC 9559, section 5.1; the checksum is EBML's, RFC 8794, section 11.3.1)."""

_WITHIN = (_SEGMENT, _TRACKS, _TRACK, _VIDEO)
"""Elements that hold the others which are looked for."""


def make_room(stream: Any) -> None:
    """Makes the muxer write the size at which a video stream is shown.

    It does that by itself only for pictures of two eyes; ``write_aspect`` takes the claim back.
    """
    stream.metadata["stereo_mode"] = "left_right"


def write_aspect(path: Path, size: tuple[int, int], aspect: Fraction) -> None:
    """Writes how wide pixels are into a complete file; one without room for it stays as it is.

    Args:
        path: the file.
        size: (width, height) of the pictures.
        aspect: width of a pixel over its height.

    Raises:
        OSError: it cannot be read or written.
    """
    with path.open("r+b") as file:
        head = bytearray(file.read(_HEAD))
        places = {name: (begin, end) for name, begin, end in _elements(head, 0, len(head))}
        if not {_STEREO, _WIDTH, _HEIGHT} <= set(places):
            return
        most = (256 ** (places[name][1] - places[name][0]) - 1 for name in (_WIDTH, _HEIGHT))
        width, height = shown_size(size, aspect, (next(most), next(most)))
        for name, value in ((_STEREO, 0), (_WIDTH, width), (_HEIGHT, height)):
            begin, end = places[name]
            head[begin:end] = value.to_bytes(end - begin, "big")
        if _CHECKSUM in places:
            begin, end = places[_CHECKSUM]
            head[begin:end] = zlib.crc32(head[end : places[_TRACKS][1]]).to_bytes(4, "little")
        file.seek(0)
        file.write(head)


def shown_size(size: tuple[int, int], aspect: Fraction, most: tuple[int, int]) -> tuple[int, int]:
    """The largest size whose shape is nearest to that of pictures with such pixels.

    Args:
        size: (width, height) of the pictures.
        aspect: width of a pixel over its height.
        most: the largest (width, height) there is room for.
    """
    shape = aspect * size[0] / size[1]
    heights = range(min(size[1], most[1], max(1, int(most[0] / shape))), 0, -1)
    sizes = [(max(1, round(height * shape)), height) for height in heights]
    fitting = [one for one in sizes if one[0] <= most[0]] or [(most[0], 1)]
    return min(fitting, key=lambda one: abs(Fraction(*one) - shape))


def _elements(data: bytearray, begin: int, end: int, parent: int = 0) -> Iterator[tuple[int, int, int]]:
    """Identifier, begin and end of the payloads of elements; checksums only of the tracks."""
    at = begin
    while at < end - 1:
        name, at = _number(data, at, marked=True)
        length, at = _number(data, at, marked=False)
        if name != _CHECKSUM or parent == _TRACKS:
            yield name, at, at + length
        if name in _WITHIN:
            yield from _elements(data, at, min(end, at + length), name)
        at += length


def _number(data: bytearray, at: int, *, marked: bool) -> tuple[int, int]:
    """A number of variable length and where it ends; identifiers keep the bit that marks the length."""
    first = data[at] if at < len(data) else 0
    length = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return value if marked else value & ((1 << 7 * length) - 1), at + length
