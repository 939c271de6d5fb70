"""Image files: read upright in sRGB, and written so that they appear only when they are complete."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.authorship import mark
from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import UsageError
from sa2va_cli.media.stills import read_still
from sa2va_cli.staging import atomic, output_error

_PNG_HEAD = 33
"""Bytes of a PNG file's signature and of the chunk that says its size; a profile comes right behind."""


def read_image(path: Path) -> RGB:
    """Decodes an image file: (H, W, 3) uint8 in sRGB, turned as its EXIF data say, alpha laid over grey.

    Raises:
        InputError: when the file is not an image, or is damaged.
    """
    return read_still(path).image


def write_image(
    path: Path,
    array: NDArray[Any],
    *,
    palette: bytes | None = None,
    quality: int = 95,
    icc_profile: bytes | None = None,
) -> None:
    """Writes a PNG or JPEG file that appears only when it is complete; missing folders are made.

    Args:
        path: a name that ends in .png, .jpg or .jpeg; what is there is replaced.
        array: (H, W) uint8 or uint16 grey, or palette indices when ``palette`` is given; (H, W, 3) uint8 RGB;
            (H, W, 4) uint8 or uint16 RGBA with straight alpha.
        palette: 768 bytes, red, green and blue of 256 colours.
        quality: of JPEG, 1 to 100.
        icc_profile: what the numbers mean; None for sRGB.

    Raises:
        OutputError: when the file cannot be written.
        UsageError: for another ending.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{path.name}: images are written as .png, .jpg or .jpeg")
    if array.ndim == 3 and array.shape[2] == 4 and array.dtype == np.uint16:
        _write_rgba64(path, array, icc_profile)
        return
    if array.dtype not in (np.uint8, np.uint16) or (array.dtype == np.uint16 and array.ndim != 2):
        raise ValueError(
            f"got an array {array.shape} {array.dtype}; allowed are uint8, and uint16 grey or RGBA"
        )
    image = Image.fromarray(np.ascontiguousarray(array))
    if palette is not None:
        if array.ndim != 2 or array.dtype != np.uint8 or len(palette) != 768:
            raise ValueError(
                f"a palette of 768 bytes goes with (H, W) uint8, got {array.shape} {array.dtype}"
            )
        image = image.convert("L")
        image.putpalette(palette)
    profile = {} if icc_profile is None else {"icc_profile": icc_profile}
    with atomic(path) as hidden:
        try:
            if suffix == ".png":
                image.save(hidden, "PNG", compress_level=4, **profile)
                mark(hidden)
            else:
                plain = image.convert("RGB" if array.ndim == 3 else "L")
                plain.save(hidden, "JPEG", quality=quality, **profile)
        except (OSError, ValueError) as error:
            raise output_error(path, error) from error


def _write_rgba64(path: Path, array: NDArray[Any], icc_profile: bytes | None) -> None:
    """16-bit RGBA PNG through FFmpeg, as Pillow has no such mode."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path.name}: 16-bit images are written as .png")
    with atomic(path) as hidden:
        try:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgba64le")
            context: Any = av.CodecContext.create("png", "w")
            context.width, context.height, context.pix_fmt = frame.width, frame.height, "rgba64be"
            context.time_base = Fraction(1)
            data = [*context.encode(frame.reformat(format="rgba64be", threads=1)), *context.encode(None)]
            png = b"".join(bytes(packet) for packet in data)
            hidden.write_bytes(png[:_PNG_HEAD] + _profile_chunk(icc_profile) + png[_PNG_HEAD:])
            mark(hidden)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise output_error(path, error) from error


def _profile_chunk(profile: bytes | None) -> bytes:
    """A PNG chunk that holds a profile (PNG, third edition, 11.3.2.3); nothing for none."""
    if profile is None:
        return b""
    body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
