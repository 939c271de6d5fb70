"""Image files: read upright in sRGB, and written so that they appear only when they are complete."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.authorship import mark
from sa2va_cli.datatypes import RGB, Publication
from sa2va_cli.errors import UsageError
from sa2va_cli.media.png import encode_deep_png
from sa2va_cli.media.stills import read_still
from sa2va_cli.staging import atomic, output_error


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
    how: Publication | None = None,
) -> None:
    """Writes a PNG or JPEG file that appears only when it is complete; missing folders are made.

    Args:
        path: a name that ends in .png, .jpg, .jpeg, .tif or .tiff; what is there is replaced.
        array: (H, W) uint8 or uint16 grey, or palette indices when ``palette`` is given; (H, W, 3) uint8 RGB,
            in PNG and TIFF uint16 too; (H, W, 4) uint8 or uint16 RGBA with straight alpha.
        palette: 768 bytes, red, green and blue of 256 colours.
        quality: of JPEG, 1 to 100.
        icc_profile: what the numbers mean; None for sRGB.
        how: see ``staging.publish``.

    Raises:
        OutputError: when the file cannot be written.
        UsageError: for another ending.
    """
    channels = 1 if array.ndim == 2 else array.shape[-1]
    if array.ndim not in (2, 3) or (channels, array.dtype.name) not in _TIFF_FORMATS:
        raise ValueError(
            f"got an array {array.shape} {array.dtype}; allowed are uint8 and uint16 grey, RGB and RGBA"
        )
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        _write_tiff(path, array, icc_profile, how)
        return
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{path.name}: images are written as .png, .jpg, .jpeg or .tif")
    if array.ndim == 3 and array.dtype == np.uint16:
        _write_deep_png(path, array, icc_profile, how)
        return
    image = Image.fromarray(np.ascontiguousarray(array))
    if palette is not None:
        if array.ndim != 2 or array.dtype != np.uint8 or len(palette) != 768:
            raise ValueError(
                f"a palette of 768 bytes goes with (H, W) uint8, got {array.shape} {array.dtype}"
            )
        image = image.convert("L")
        image.putpalette(palette)
    profile = {} if icc_profile is None else {"icc_profile": icc_profile}
    with atomic(path, how) as hidden:
        try:
            if suffix == ".png":
                image.save(hidden, "PNG", compress_level=4, **profile)
                mark(hidden)
            else:
                plain = image.convert("RGB" if array.ndim == 3 else "L")
                plain.save(hidden, "JPEG", quality=quality, **profile)
        except (OSError, ValueError) as error:
            raise output_error(path, error) from error


def _write_deep_png(
    path: Path, array: NDArray[Any], icc_profile: bytes | None, how: Publication | None
) -> None:
    """PNG with colours of 16 bits, as Pillow has no such modes."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path.name}: 16-bit colours are written as .png or .tif")
    with atomic(path, how) as hidden:
        try:
            hidden.write_bytes(encode_deep_png(array, icc_profile))
            mark(hidden)
        except (OSError, ValueError) as error:
            raise output_error(path, error) from error


_TIFF_FORMATS = {
    (1, "uint8"): "gray",
    (1, "uint16"): "gray16le",
    (3, "uint8"): "rgb24",
    (3, "uint16"): "rgb48le",
    (4, "uint8"): "rgba",
    (4, "uint16"): "rgba64le",
}
"""By channels and type: FFmpeg's names of pixel formats."""


def _write_tiff(path: Path, array: NDArray[Any], icc_profile: bytes | None, how: Publication | None) -> None:
    """A TIFF file through FFmpeg, as Pillow has no colours of 16 bits; its alpha is stated as straight."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    pixel_format = _TIFF_FORMATS[channels, array.dtype.name]
    with atomic(path, how) as hidden:
        try:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=pixel_format)
            context: Any = av.CodecContext.create("tiff", "w")
            context.width, context.height, context.pix_fmt = frame.width, frame.height, pixel_format
            context.time_base = Fraction(1)
            context.options = {"compression_algo": "deflate"}
            data = [*context.encode(frame), *context.encode(None)]
            tiff = b"".join(bytes(packet) for packet in data)
            hidden.write_bytes(tiff if icc_profile is None else _profiled_tiff(tiff, icc_profile))
            mark(hidden)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise output_error(path, error) from error


_ICC_TAG, _UNDEFINED = 34675, 7
"""TIFF's number of the field that holds a profile (ICC.1:2022, B.4), and of its type."""


def _profiled_tiff(tiff: bytes, profile: bytes) -> bytes:
    """A little-endian TIFF file of one picture with a profile; its directory moves behind the end."""
    (place,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, place)
    fields = [tiff[place + 2 + 12 * number :][:12] for number in range(count)]
    tiff += b"\0" * (len(tiff) % 2)
    fields.append(struct.pack("<HHII", _ICC_TAG, _UNDEFINED, len(profile), len(tiff)))
    fields.sort(key=lambda field: struct.unpack_from("<H", field))
    body = tiff + profile + b"\0" * (len(profile) % 2)
    directory = struct.pack("<H", len(fields)) + b"".join(fields) + struct.pack("<I", 0)
    return body[:4] + struct.pack("<I", len(body)) + body[8:] + directory
