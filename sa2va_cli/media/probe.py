"""Finds out what an input is: a video, an image, a folder or a pattern of images."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError, parameter
from sa2va_cli.events import Report, no_report
from sa2va_cli.media.animations import AnimationSource, JoinedSource
from sa2va_cli.media.formats import SUFFIXES, open_image
from sa2va_cli.media.joined import joined_pictures
from sa2va_cli.media.pictures import ImageSource, PagesSource
from sa2va_cli.media.sequences import is_pattern, matches, natural
from sa2va_cli.media.signatures import UNREAD_SUFFIXES, head_of, is_dpx, is_exr
from sa2va_cli.media.source import Source, SourceInfo
from sa2va_cli.media.stills import PAGES_CUT_OFF, frame_pages, no_image
from sa2va_cli.media.tiff import is_tiff
from sa2va_cli.media.video import VideoSource

__all__ = ["SourceInfo", "find_source", "probe"]

_BY_FFMPEG = frozenset({"GIF", "PNG"})
"""Animated image formats that FFmpeg reads."""
_BY_PILLOW = frozenset({"WEBP", "AVIF"})
"""Animated image formats that Pillow reads. All others' further pictures are views, layers or thumbnails."""
_MAY_BE_JOINED = frozenset({"JPEG", "PNG"})


def probe(source: Path | str) -> SourceInfo:
    """Describes an input; the times of its frames are read, one is decoded.

    Args:
        source: a video, an image, a folder of images, or a pattern: ``shot/*.png``, ``shot/%04d.png``,
            ``shot/####.exr``.

    Raises:
        InputError: when there is nothing that can be read.
    """
    return find_source(source).info


def find_source(
    source: Path | str,
    *,
    stream_index: int | None = None,
    deinterlace: bool = False,
    progress: Report = no_report,
    only_first: bool = False,
) -> Source:
    """Opens an input of any kind.

    Args:
        source: a video, an image, a folder or a pattern.
        stream_index: number of the stream in a video file; None for the main video.
        deinterlace: whether interlaced frames of a video are made whole.
        progress: is told how far a large video was read whose times stand in no table.
        only_first: whether nothing but the first frame of a video is wanted; its length is wrong then.

    Raises:
        InputError: when there is nothing that can be read, or it has no streams to choose from.
    """
    video = partial(
        VideoSource,
        stream_index=stream_index,
        deinterlace=deinterlace,
        progress=progress,
        only_first=only_first,
    )
    found = _found(source, video)
    if stream_index is not None and not isinstance(found, VideoSource):
        raise InputError(
            f"{source}: has no streams to choose from, as it is no video; leave out {parameter('stream')}"
        )
    return found


def _found(source: Path | str, video: Callable[[Path], Source]) -> Source:
    path = Path(source)
    try:
        if path.is_dir():
            files, notes = _images_in(path)
            return ImageSource(path, files, "frames", notes)
        if path.exists():
            return _file(path, video)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if is_pattern(str(source)):
        return _sequence(path, str(source))
    if "://" in str(source):
        raise InputError(
            f"{source}: addresses are not read; pipe it in: curl -s ADDRESS | sa2va segment - PROMPT"
        )
    raise InputError(f"{path}: no such file or folder")


def _file(path: Path, video: Callable[[Path], Source]) -> Source:
    if not path.is_file():
        raise InputError(f"{path}: not a regular file; to read a stream, pipe it in and give - as the input")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    head = head_of(path)
    if is_exr(head) or is_dpx(head):
        return ImageSource(path, [path], "image")
    image = open_image(path)
    if image is None and is_tiff(head):
        return ImageSource(path, [path], "image")
    if image is None:
        try:
            return video(path)
        except InputError as error:
            if path.suffix.lower() in SUFFIXES:  # what is damaged is a picture, and no video
                raise no_image(path) from error
            raise
    with image:
        return _pillow_file(path, image)


def _pillow_file(path: Path, image: Any) -> Source:
    """A file of a format that Pillow knows: one picture, or several in time."""
    kind = str(image.format)
    if kind == "TIFF":
        return _pages(path, image)
    animated = bool(getattr(image, "is_animated", False))
    if animated and kind in _BY_PILLOW:
        return AnimationSource(path)
    if animated and kind in _BY_FFMPEG:
        video = VideoSource(path)
        # FFmpeg takes pictures without a delay before each of them, as in GIF87a, for one.
        return AnimationSource(path) if kind == "GIF" and video.info.frames == 1 else video
    if kind in _MAY_BE_JOINED and len(joined_pictures(path, most=2)) > 1:
        # FFmpeg knows streams of pictures, but not under the name of one picture.
        return JoinedSource(path) if path.suffix.lower() in SUFFIXES else VideoSource(path)
    return ImageSource(path, [path], "image")


def _pages(path: Path, image: Any) -> Source:
    """A TIFF file of several pages: frames where they are of one size, else the first is the picture."""
    pages = frame_pages(image)
    if len(pages.numbers) < 2 or len(pages.sizes) > 1:
        return ImageSource(path, [path], "image")
    notes = [f"{path.name} {PAGES_CUT_OFF}"] if pages.cut_off else []
    return PagesSource(path, pages.numbers, notes)


def image_files(source: str) -> list[Path]:
    """The image files of a folder or a pattern, in their order; none where it is neither.

    Raises:
        InputError: a folder holds no images.
    """
    return image_files_and_notes(source)[0]


def image_files_and_notes(source: str) -> tuple[list[Path], list[str]]:
    """See ``image_files``; and what is to be said about pictures of a folder that are not read.

    Raises:
        InputError: a folder holds no images.
    """
    if Path(source).is_dir():
        return _images_in(Path(source))
    pattern = is_pattern(source) and not Path(source).exists()
    return ([file for file in matches(source) if _is_image_name(file)] if pattern else []), []


def _images_in(folder: Path) -> tuple[list[Path], list[str]]:
    """The images of a folder, and what is to be said about pictures that are not read."""
    inside = list(folder.iterdir())
    files = sorted((file for file in inside if _is_image_name(file)), key=natural)
    unread = Counter(
        file.suffix.lower() for file in inside if file.suffix.lower() in UNREAD_SUFFIXES and file.is_file()
    )
    told = ", ".join(f"{count} {ending}" for ending, count in sorted(unread.items()))
    if not files:
        kinds = f"none that are read, but {told}" if told else "no images (png, jpg, webp, tif, exr, ...)"
        raise InputError(f"{folder}: the folder holds {kinds}; give a video by its own name")
    left_out = f"{sum(unread.values())} pictures of kinds that are not read are left out: {told}"
    return files, [left_out] if told else []


def _sequence(path: Path, pattern: str) -> Source:
    """The image files of a pattern."""
    found = matches(pattern)
    files = [file for file in found if _is_image_name(file)]
    if not files:
        reason = f"; it matches {found[0].name}, which is not one" if found else ""
        raise InputError(f"{pattern}: no image matches this pattern{reason}{_hint(pattern)}")
    return ImageSource(path, files, "frames")


def _hint(pattern: str) -> str:
    """Names a file that the pattern would match if its numbers had other widths."""
    loose = [file for file in matches(re.sub(r"%0?\d*d|#+|@+", "*", pattern)) if _is_image_name(file)]
    return f"; numbers of other widths do, such as {loose[0].name}" if loose else ""


def _is_image_name(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
