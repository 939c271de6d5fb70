"""Image files: read upright as RGB, written so that they appear only when they are complete."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sa2va_cli.authorship import mark
from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.staging import atomic, output_error

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "avif", "gif", "bmp"),
        *("tif", "tiff", "jp2", "j2k", "tga", "ppm", "pgm", "pnm", "pbm"),
    )
)
"""Endings, in small letters, of the files that a folder of images is made of."""

_LARGEST_PIXELS = 500_000_000
"""Larger images (22,000 x 22,000) are refused: decoded they would fill the memory, and few are meant."""

_NOT_STILL = frozenset({"MPEG", "FLI", "XVTHUMB"})
"""Formats that Pillow recognises but that are not images to us."""

_opening = threading.Lock()


def open_image(path: Path) -> Any:
    """Opens an image without decoding it.

    Returns:
        Pillow's image, or None when the file is not an image.

    Raises:
        InputError: when the image is larger than 500 million pixels or cannot be read.
    """
    try:
        with _larger_images_allowed():
            image = Image.open(path)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return None
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read it") from error
    except (OSError, ValueError, SyntaxError):
        return None
    if image.format in _NOT_STILL:
        image.close()
        return None
    if image.width * image.height > _LARGEST_PIXELS:
        size = f"{image.width}x{image.height}"
        image.close()
        raise InputError(
            f"{path}: {size} pixels are more than the {_LARGEST_PIXELS:,} that are read; scale it down"
        )
    return image


def read_image(path: Path) -> RGB:
    """Decodes an image file: (H, W, 3) uint8 RGB, turned as its EXIF data say, alpha left out.

    Raises:
        InputError: when the file is not an image, or is damaged.
    """
    image = open_image(path)
    if image is None:
        raise InputError(f"{path}: not an image that can be read")
    with image:
        return decode_image(image, path)


def decode_image(image: Any, path: Path) -> RGB:
    """Decodes the current picture of an opened Pillow image, upright and in RGB.

    Raises:
        InputError: when it is damaged.
    """
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _grey_to_rgb(np.asarray(upright))
        return np.array(upright.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: the image is damaged ({' '.join(str(error).split())})") from error


def upright_size(image: Any) -> tuple[int, int]:
    """(width, height) of an opened Pillow image once its EXIF rotation is applied; may decode a PNG."""
    return _turned_size(image, image.getexif())  # looks behind the pixels of a PNG as well


def stated_size(image: Any) -> tuple[int, int]:
    """The same as far as it is told before the pixels: nothing is decoded."""
    return _turned_size(image, Image.Image.getexif(image))


def _turned_size(image: Any, exif: Any) -> tuple[int, int]:
    if image.format == "TIFF":  # Pillow turns these by itself, and has swapped the sides already
        return image.width, image.height
    orientation = exif.get(0x0112, 1)
    return (image.height, image.width) if orientation in (5, 6, 7, 8) else (image.width, image.height)


def write_image(path: Path, array: NDArray[Any], *, palette: bytes | None = None, quality: int = 95) -> None:
    """Writes a PNG or JPEG file that appears only when it is complete; missing folders are made.

    Args:
        path: a name that ends in .png, .jpg or .jpeg; what is there is replaced.
        array: (H, W) uint8 or uint16 grey, or palette indices when ``palette`` is given; (H, W, 3) uint8 RGB;
            (H, W, 4) uint8 or uint16 RGBA with straight alpha.
        palette: 768 bytes, red, green and blue of 256 colours.
        quality: of JPEG, 1 to 100.

    Raises:
        OutputError: when the file cannot be written.
        UsageError: for another ending.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{path.name}: images are written as .png, .jpg or .jpeg")
    if array.ndim == 3 and array.shape[2] == 4 and array.dtype == np.uint16:
        _write_rgba64(path, array)
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
    with atomic(path) as hidden:
        try:
            if suffix == ".png":
                image.save(hidden, "PNG", compress_level=4)
                mark(hidden)
            else:
                image.convert("RGB" if array.ndim == 3 else "L").save(hidden, "JPEG", quality=quality)
        except (OSError, ValueError) as error:
            raise output_error(path, error) from error


def _write_rgba64(path: Path, array: NDArray[Any]) -> None:
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
            hidden.write_bytes(b"".join(bytes(packet) for packet in data))
            mark(hidden)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise output_error(path, error) from error


@contextmanager
def _larger_images_allowed() -> Iterator[None]:
    """Lifts Pillow's own limit, which is far below what panoramas have, while a file is being opened."""
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _grey_to_rgb(values: NDArray[Any]) -> RGB:
    """One channel of more than 8 bits to 8-bit RGB: floats are taken as 0..1, integers as 16 bit."""
    if values.dtype.kind == "f":
        scaled = np.clip(np.nan_to_num(values), 0, 1) * 255 if np.nanmax(values, initial=0) <= 1 else values
    elif values.dtype.itemsize == 2 or values.max(initial=0) > 255:
        scaled = values / 257
    else:
        scaled = values
    grey = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
