"""Finds out what an input is: a video, an image, a folder or a pattern of images."""

import glob
import re
from pathlib import Path

from sa2va_cli.errors import InputError
from sa2va_cli.media.images import SUFFIXES, open_image
from sa2va_cli.media.pictures import AnimationSource, ImageSource
from sa2va_cli.media.source import Source, SourceInfo
from sa2va_cli.media.video import VideoSource

__all__ = ["SourceInfo", "find_source", "probe"]

_ALBUMS = frozenset({"TIFF", "MPO"})
"""Formats whose further pictures are pages or views and not frames."""

_BY_FFMPEG = frozenset({"GIF", "PNG"})
"""Animated image formats that FFmpeg reads; the others go through Pillow."""


def probe(source: Path | str) -> SourceInfo:
    """Describes an input; its packets are read, one frame is decoded.

    Args:
        source: a video, an image, a folder of images, or a pattern: ``shot/*.png``, ``shot/%04d.png``.

    Raises:
        InputError: when there is nothing that can be read.
    """
    return find_source(source).info


def find_source(source: Path | str) -> Source:
    """Opens an input of any kind.

    Raises:
        InputError: when there is nothing that can be read.
    """
    path = Path(source)
    try:
        if path.is_dir():
            return ImageSource(path, _images_in(path), "frames")
        if path.exists():
            return _file(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if files := _matches(str(source)):
        return ImageSource(path, files, "frames")
    if glob.has_magic(str(source)) or "%" in str(source):
        raise InputError(f"{source}: no image matches this pattern")
    if "://" in str(source):
        raise InputError(
            f"{source}: addresses are not read; pipe it in: curl -s ADDRESS | sa2va segment - PROMPT"
        )
    raise InputError(f"{path}: no such file or folder")


def _file(path: Path) -> Source:
    if not path.is_file():
        raise InputError(f"{path}: not a regular file; to read a stream, pipe it in and give - as the input")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    image = open_image(path)
    if image is None:
        return VideoSource(path)
    with image:
        animated = getattr(image, "is_animated", False) and image.format not in _ALBUMS
        video = animated and image.format in _BY_FFMPEG
    if video:
        return VideoSource(path)
    return AnimationSource(path) if animated else ImageSource(path, [path], "image")


def _images_in(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if _is_image_name(file)]
    if not files:
        raise InputError(
            f"{folder}: the folder holds no images (png, jpg, webp, tif, ...); give a video by its own name"
        )
    return sorted(files, key=_natural)


def _matches(pattern: str) -> list[Path]:
    """Image files of a shell pattern, or of a numbered one as FFmpeg and editors write it (``%04d``)."""
    numbered = re.sub(r"%0?\d*d", "[0-9]*", pattern)
    if not glob.has_magic(numbered):
        return []
    files = [Path(name) for name in glob.glob(numbered, recursive=True)]  # noqa: PTH207 (takes absolute ones)
    return sorted((file for file in files if _is_image_name(file)), key=_natural)


def _is_image_name(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which ``frame2`` comes before ``frame10``."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part.lower()) for part in parts]
