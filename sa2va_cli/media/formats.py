"""Which image files there are, and opening them without decoding: everything that Pillow knows, and HEIC."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from sa2va_cli.errors import InputError
from sa2va_cli.media.signatures import head_of, is_heif, open_heif_with_pillow, refuse_unreadable

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "avif", "gif", "bmp"),
        *("tif", "tiff", "jp2", "j2k", "tga", "ppm", "pgm", "pnm", "pbm"),
        *("heic", "heif", "hif", "mpo", "exr", "dpx"),
    )
)
"""Endings, in small letters, of the files that a folder of images is made of."""

_LARGEST_PIXELS = 500_000_000
"""Larger images (22,000 x 22,000) are refused: decoded they would fill the memory, and few are meant."""

_NOT_STILL = frozenset({"MPEG", "FLI", "XVTHUMB"})
"""Formats that Pillow recognises but that are not images to us."""

_opening = threading.Lock()


def open_image(path: Path) -> Any:
    """Opens an image of a kind that Pillow knows, HEIC included, without decoding it.

    Returns:
        Pillow's image, or None when the file is not an image.

    Raises:
        InputError: when the image is larger than 500 million pixels, or is one but of a kind that is not
        read.
    """
    head = head_of(path)
    heif = is_heif(head)
    if heif:
        open_heif_with_pillow(path)
    refuse_unreadable(path, head)
    image = _opened(path)
    if image is None and heif:
        raise InputError(f"{path}: the HEIC picture is damaged, or of a kind that is not read")
    if image is not None:
        check_pixels(path, image.size)
    return image


def check_pixels(path: Path, size: tuple[int, int]) -> None:
    """Refuses images that would fill the memory.

    Raises:
        InputError: it has more than 500 million pixels.
    """
    if size[0] * size[1] > _LARGEST_PIXELS:
        raise InputError(
            f"{path}: {size[0]}x{size[1]} pixels are more than the {_LARGEST_PIXELS:,} that are read; "
            "scale it down"
        )


def _opened(path: Path) -> Any:
    """Pillow's image; None when it knows none."""
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
    return image


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


@contextmanager
def _larger_images_allowed() -> Iterator[None]:
    """Lifts Pillow's own limit, which is far below what panoramas have, while a file is being opened."""
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
