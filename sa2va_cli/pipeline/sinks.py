"""Pictures drawn from masks, on their way into files.

Each class takes what a drawing function makes of a frame; which one draws what is in ``outputs.KINDS``.
"""

import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Yuv420, YuvColour
from sa2va_cli.errors import OutputError
from sa2va_cli.media.images import write_image
from sa2va_cli.media.reader import Reader
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.pipeline.stages import read_ahead
from sa2va_cli.render.crop import Box, cropped, even_corners, padded, union_box
from sa2va_cli.render.palette import Colour, colour
from sa2va_cli.staging import discard, output_errors, publish, staged

Pixels = NDArray[Any]
"""(H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA."""
Picture = Pixels | Yuv420
"""What a video takes; files and folders of pictures take arrays."""
Draw = Callable[[FrameMasks], Picture]


@dataclass(frozen=True)
class Clip:
    """What sinks need to know about the input.

    Attributes:
        reader: open; can be iterated again for a second look at the frames.
        stem: the name that outputs are derived from.
    """

    reader: Reader
    stem: str

    @property
    def info(self) -> SourceInfo:
        """What was found out about the input."""
        return self.reader.info

    def frame_name(self, frame: Frame) -> str:
        """The name of a frame's own file, without its ending."""
        if frame.name is not None:
            return frame.name
        return self.stem if self.info.kind == "image" else f"{frame.index:05d}"


class PictureFile:
    """One picture, written when it is certain that the run succeeds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._picture: Picture | None = None

    def __enter__(self) -> Self:
        """Does nothing yet."""
        return self

    def put(self, picture: Picture, frame: Frame) -> None:  # noqa: ARG002  (there is but one frame)
        """Takes the picture."""
        self._picture = picture

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the file unless ``kind`` is an exception."""
        if kind is None and self._picture is not None:
            write_image(self._path, _array(self._picture))


def _array(picture: Picture) -> Pixels:
    """A picture as a file takes it."""
    assert not isinstance(picture, Yuv420)  # noqa: S101  (only frames of videos have planes)
    return picture


class PictureFolder:
    """A folder of PNG files, one for each frame, that gets its name when it is complete."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._clip = clip
        self._part = staged(folder)

    def __enter__(self) -> Self:
        """Makes the folder under a hidden name."""
        with output_errors(self._folder):
            self._part.mkdir()
        return self

    def put(self, picture: Picture, frame: Frame) -> None:
        """Writes one picture."""
        name = f"{self._clip.frame_name(frame)}.png"
        if (self._part / name).exists():
            raise OutputError(
                f"two frames would be called {self._folder / name}; put them into different folders"
            )
        write_image(self._part / name, _array(picture))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Renames the folder into place, or removes it when ``kind`` is an exception."""
        try:
            if kind is None:
                with output_errors(self._folder):
                    publish(self._part, self._folder)
        finally:
            discard(self._part)


class PictureVideo:
    """A video with the time stamps and the sound of the source."""

    def __init__(self, path: Path, clip: Clip, codec: Any, size: tuple[int, int]) -> None:
        self._clip = clip
        begin, end = clip.reader.audio_range
        self._rate = clip.reader.rate
        self._narrows = codec == "h264" and clip.info.depth > 8
        self._thinned = self._rate != clip.info.rate
        self._writer = VideoWriter(
            path,
            size=size,
            rate=clip.reader.rate,
            time_base=clip.info.time_base,
            codec=codec,
            audio_from=clip.info.path if clip.info.has_audio or clip.info.subtitles else None,
            audio_start_seconds=begin,
            audio_end_seconds=end,
            sample_aspect_ratio=clip.info.sample_aspect_ratio,
            colour=_meaning(clip.info, codec),
            clock_offsets=clip.info.clock_offsets,
            metadata=clip.reader.metadata,
        )

    def __enter__(self) -> Self:
        """Opens the file under a hidden name."""
        self._writer.__enter__()
        return self

    def put(self, picture: Picture, frame: Frame) -> None:
        """Encodes one picture at its time."""
        if self._narrows and not isinstance(picture, Yuv420):
            self._narrows = False
            depth = self._clip.info.depth
            self._clip.reader.warn(f"{self._writer.path.name}: written with 8 bits; the source has {depth}")
        shown_for = frame.shown_for
        if shown_for is not None and self._thinned:  # it also stands for those that are left out behind it
            shown_for = max(shown_for, 1 / self._rate)
        self._writer.write(picture, frame.pts, frame.time_base, frame.stored, shown_for)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Completes the file, or removes it when ``kind`` is an exception."""
        self._writer.__exit__(kind, error, trace)
        for text in self._writer.warnings:
            self._clip.reader.warn(f"{self._writer.path.name}: {text}")


def _meaning(info: SourceInfo, codec: str) -> YuvColour | None:
    """What RGB pictures of a source are in, for the writer; those of 8 bits are tone-mapped to BT.709."""
    if info.colour is None or (info.colour.high_range and codec != "prores4444"):
        return None
    return info.colour


Pictures = PictureFile | PictureFolder | PictureVideo


def pictures(path: Path, clip: Clip, codec: str, size: tuple[int, int] | None = None) -> Pictures:
    """Returns what suits the input: one picture, a folder of them, or a video."""
    if clip.info.kind == "image":
        return PictureFile(path)
    if clip.info.kind == "frames":
        return PictureFolder(path, clip)
    return PictureVideo(path, clip, codec, size or clip.info.size)


class DrawingSink:
    """Draws each frame as soon as its masks are there."""

    def __init__(self, path: Path, clip: Clip, draw: Draw, codec: str) -> None:
        self._path = path
        self._draw = draw
        self._pictures = pictures(path, clip, codec)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The final file or folder."""
        return (self._path,)

    def __enter__(self) -> Self:
        """Opens the output."""
        self._pictures.__enter__()
        return self

    def write(self, masks: FrameMasks) -> None:
        """Draws and writes one frame."""
        self._pictures.put(self._draw(masks), masks.frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the output, or removes it when ``kind`` is an exception."""
        self._pictures.__exit__(kind, error, trace)


class CroppingSink:
    """Cuts out the box that all objects of the whole clip lie in, and draws there.

    The box is known after the last frame only. Until then masks wait, packed, in a nameless file beside the
    output (a few kilobytes for a frame); then the source is read a second time.
    """

    def __init__(
        self, path: Path, clip: Clip, draw: Callable[[Picture, NDArray[np.bool_]], Picture], codec: str
    ) -> None:
        self._path = path
        self._clip = clip
        self._draw = draw
        self._codec = codec
        self._box: Box | None = None
        self._spool: IO[bytes] | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The final file or folder."""
        return (self._path,)

    def __enter__(self) -> Self:
        """Opens the nameless file."""
        with output_errors(self._path):
            self._spool = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def write(self, masks: FrameMasks) -> None:
        """Keeps the masks of one frame for later."""
        assert self._spool is not None  # noqa: S101
        box = union_box(masks.masks)
        if box is not None:
            self._box = box if self._box is None else self._box.joined(box)
        with output_errors(self._path):
            _store(self._spool, masks.masks)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the output unless ``kind`` is an exception; the nameless file is gone either way."""
        assert self._spool is not None  # noqa: S101
        try:
            if kind is None:
                with output_errors(self._path):
                    self._spool.seek(0)
                self._finish(self._spool)
        finally:
            with suppress(OSError):  # what could not be written is not needed any more
                self._spool.close()

    def _finish(self, spool: IO[bytes]) -> None:
        size = self._clip.info.size
        even = self._clip.info.kind == "video"
        box = Box(0, 0, *size) if self._box is None else padded(self._box, size, even=even)
        if even and size[0] % 2 == size[1] % 2 == 0:
            box = even_corners(box)
        output: AbstractContextManager[Pictures] = pictures(self._path, self._clip, self._codec, box.size)
        with output as pictures_, read_ahead(self._clip.reader) as frames:
            for frame, masks in zip(frames, _stored(spool), strict=False):
                inside = np.ascontiguousarray(masks[:, box.y0 : box.y1, box.x0 : box.x1])
                pictures_.put(self._draw(cropped(frame.picture, box), inside), frame)


_RECORD = struct.Struct("<4I")


def _store(spool: IO[bytes], masks: NDArray[np.bool_]) -> None:
    """Appends (N, H, W) masks, eight pixels to a byte, deflated."""
    packed = zlib.compress(np.packbits(masks).tobytes(), level=1)
    spool.write(_RECORD.pack(len(packed), *masks.shape) + packed)


def _stored(spool: IO[bytes]) -> Iterator[NDArray[np.bool_]]:
    """Yields what was stored, from the beginning."""
    while head := spool.read(_RECORD.size):
        length, *shape = _RECORD.unpack(head)
        bits = np.frombuffer(zlib.decompress(spool.read(length)), np.uint8)
        count = int(np.prod(shape))
        yield np.unpackbits(bits, count=count).view(np.bool_).reshape(shape)


def subset(masks: FrameMasks, chosen: list[int] | None) -> FrameMasks:
    """Returns the masks of some of the objects; None for all."""
    if chosen is None:
        return masks
    return FrameMasks(masks.frame, masks.logits[chosen], masks.scores[chosen], masks.threshold)


def labels_and_colours(objects: tuple[FoundObject, ...]) -> tuple[list[str], list[Colour]]:
    """Returns what is written beside the objects, and their colours."""
    return [found.label for found in objects], [colour(found.id - 1) for found in objects]
