"""PNG files with colours of 16 bits, which Pillow cannot write (PNG, third edition).

A cut-out is mostly nothing, and an encoder spends most of its time on that: rows of zeros are neither
filtered nor compressed here but taken from what was compressed once. OpenCV's encoder takes twice as long for
one of 720p, whatever its level and strategy. Knows nothing about where files go.
"""

import struct
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {3: 2, 4: 6}
"""By channels (11.2.1)."""
_SUB = 1
"""The filter: each value less the one to its left (9.2). Of the five it is the fastest here, and as small as
any on cut-outs."""
_LEVEL = 1
"""Of zlib: a cut-out takes a third of the time that the usual level takes, and a fifth more space."""
_ROWS = 64
"""Empty rows that are compressed at once, and kept."""
_MODULUS = 65521
"""Of the checksum Adler-32 (RFC 1950, section 9)."""


def encode_deep_png(array: NDArray[np.uint16], icc_profile: bytes | None = None) -> bytes:
    """Encodes a picture.

    Args:
        array: (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.
        icc_profile: what the numbers mean; None for sRGB.

    Returns:
        The whole file.
    """
    height, width, channels = array.shape
    head = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    profile = b"" if icc_profile is None else b"ICC profile\0\0" + zlib.compress(icc_profile)
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", head),
            _chunk(b"iCCP", profile) if profile else b"",
            _chunk(b"IDAT", _compressed(array)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


def _compressed(array: NDArray[Any]) -> bytes:
    """The rows of a picture as a stream of zlib's (RFC 1950), its blocks put together from three parts."""
    length = 1 + 2 * array.shape[1] * array.shape[2]  # bytes of a row, its filter's first
    begin, end = _filled_rows(array)
    rows = _filtered(array[begin:end])
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    checksum = zlib.adler32(rows, _adler_of_zeros(1, begin * length))
    checksum = _adler_of_zeros(checksum, (len(array) - end) * length)
    return b"".join(
        [
            b"\x78\x01",
            *_empty(begin, length),
            packer.compress(rows),
            packer.flush(zlib.Z_FULL_FLUSH),
            *_empty(len(array) - end, length),
            b"\x03\x00",  # a last block without anything
            struct.pack(">I", checksum),
        ]
    )


def _filled_rows(array: NDArray[Any]) -> tuple[int, int]:
    """The first row that holds something, and the one behind the last."""
    filled = np.flatnonzero(array.any(axis=(1, 2)))
    return (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)


def _filtered(array: NDArray[Any]) -> bytes:
    """Rows as they are compressed: the filter's number, and the differences it leaves of each byte."""
    step = 2 * array.shape[2]
    coded = np.ascontiguousarray(array, ">u2").view(np.uint8).reshape(len(array), step * array.shape[1])
    rows = np.empty((len(coded), 1 + coded.shape[1]), np.uint8)
    rows[:, 0] = _SUB
    rows[:, 1 : 1 + step] = coded[:, :step]
    np.subtract(coded[:, step:], coded[:, :-step], out=rows[:, 1 + step :])
    return rows.tobytes()


def _empty(rows: int, length: int) -> list[bytes]:
    """Blocks that stand for rows of zeros, each of ``length`` bytes with the number of no filter."""
    whole, rest = divmod(rows, _ROWS)
    return [_zeros(_ROWS * length)] * whole + ([_zeros(rest * length)] if rest else [])


@lru_cache(maxsize=2 * _ROWS)
def _zeros(count: int) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    packed = packer.compress(bytes(count))
    return packed + packer.flush(zlib.Z_FULL_FLUSH)  # the next block refers to nothing in this one


def _adler_of_zeros(checksum: int, count: int) -> int:
    """What a checksum becomes when so many zeros follow."""
    low, high = checksum & 0xFFFF, checksum >> 16
    return ((high + count * low) % _MODULUS) << 16 | low
