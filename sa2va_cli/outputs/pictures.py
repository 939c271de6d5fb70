"""Pictures drawn from masks, on their way into files.

Each class takes what a drawing function makes of a frame; which one draws what is in ``outputs.KINDS``.
"""

import itertools
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Publication, Sink, Yuv420, YuvColour
from sa2va_cli.errors import OutputError
from sa2va_cli.media.exr import write_exr
from sa2va_cli.media.images import write_image
from sa2va_cli.media.source import DEFAULT_RATE, SourceInfo
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.render.crop import Box, cropped, union_box
from sa2va_cli.render.framing import Framing, framed
from sa2va_cli.render.labels import can_write
from sa2va_cli.render.overlay import Style, draw_overlay
from sa2va_cli.render.palette import colour
from sa2va_cli.staging import discard, output_errors, publish, staged
from sa2va_cli.written import Written, WrittenPictures, WrittenVideo

Pixels = NDArray[Any]
"""(H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA."""
Layers = Mapping[str, NDArray[np.bool_]] | None
"""Masks by name, for files that hold layers."""
Picture = Pixels | Yuv420
"""What a video takes; files and folders of pictures take arrays."""
Draw = Callable[[FrameMasks], Picture]


_EIGHT_BITS = ("h264", "vp9", "vp9_colour", "ffv1", "qtrle", "png", "raw", "y4m")
"""Codecs whose pictures of colour have 8 bits, unless they are the source's own planes."""


_NO_PROFILE = (
    "OpenEXR holds no ICC profile: the source's colours are written as if they were sRGB; convert the source "
    "to sRGB, or write PNG or TIFF, which keep the profile"
)


class PictureFile:
    """One picture, written when it is certain that the run succeeds."""

    publication = Publication()

    def __init__(self, path: Path, clip: Clip) -> None:
        self._path = path
        self._clip = clip
        self._picture: tuple[Picture, Frame, Layers] | None = None

    @property
    def meant(self) -> WrittenPictures | None:
        """What was put."""
        return None if self._picture is None else _described(_array(self._picture[0]), [self._path.name])

    def __enter__(self) -> Self:
        """Does nothing yet."""
        return self

    def put(self, picture: Picture, frame: Frame, layers: Layers = None) -> None:
        """Takes the picture."""
        self._picture = picture, frame, layers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the file unless ``kind`` is an exception."""
        if kind is None and self._picture is not None:
            _write(self._path, self._clip, *self._picture, self.publication)


def _write(
    path: Path,
    clip: Clip,
    picture: Picture,
    frame: Frame,
    layers: Layers,
    how: Publication | None = None,
) -> None:
    """Writes a picture; one drawn into the frame's own numbers keeps the profile they go with."""
    pixels = _array(picture)
    premultiplied = clip.form is not None and clip.form.premultiplied
    if path.suffix.lower() == ".exr":
        if frame.icc_profile is not None and pixels.ndim == 3:
            clip.reader.warn(_NO_PROFILE)
        video = clip.info.kind == "video"
        write_exr(
            path,
            pixels,
            colour=clip.info.colour,
            video=video,
            premultiplied=premultiplied,
            layers=layers,
            aspect=clip.info.sample_aspect_ratio,
            how=how,
        )
        return
    write_image(path, pixels, icc_profile=frame.icc_profile if pixels.ndim == 3 else None, how=how)


def multiplied(matte: Pixels) -> Pixels:
    """(H, W, 4) uint16 RGBA with its colours multiplied by its alpha, value by value as they are coded."""
    share = matte[..., 3:] / np.float32(np.iinfo(matte.dtype).max)
    colours = np.rint(matte[..., :3] * share).astype(matte.dtype)
    return np.concatenate([colours, matte[..., 3:]], axis=2)


def _array(picture: Picture) -> Pixels:
    """A picture as a file takes it."""
    assert not isinstance(picture, Yuv420)  # noqa: S101  (only frames of videos have planes)
    return picture


def _described(pixels: Pixels, names: list[str]) -> WrittenPictures:
    has_alpha = pixels.ndim == 3 and pixels.shape[2] == 4
    return WrittenPictures(tuple(names), (pixels.shape[1], pixels.shape[0]), has_alpha)


class PictureFolder:
    """A folder of pictures, one for each frame, that gets its name when it is complete."""

    publication = Publication()

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._clip = clip
        self._part = staged(folder)
        self._names: list[str] = []
        self._last: Pixels | None = None

    @property
    def meant(self) -> WrittenPictures | None:
        """What was put."""
        return None if self._last is None else _described(self._last, self._names)

    def __enter__(self) -> Self:
        """Makes the folder under a hidden name."""
        with output_errors(self._folder):
            self._part.mkdir()
        return self

    def _name(self, frame: Frame) -> str:
        form = self._clip.form
        ending = ".png" if form is None else form.picture_ending
        if form is not None and form.names is not None:
            return form.names % self._clip.number(frame) + ending
        if form is not None and form.first_number is not None:
            return f"{self._clip.number(frame):05d}{ending}"
        return f"{self._clip.frame_name(frame)}{ending}"

    def put(self, picture: Picture, frame: Frame, layers: Layers = None) -> None:
        """Writes one picture."""
        name = self._name(frame)
        if (self._part / name).exists():
            raise OutputError(
                f"two frames would be called {self._folder / name}; put them into different folders"
            )
        _write(self._part / name, self._clip, picture, frame, layers)
        self._names.append(name)
        self._last = _array(picture)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Renames the folder into place, or removes it when ``kind`` is an exception."""
        try:
            if kind is None:
                with output_errors(self._folder):
                    publish(self._part, self._folder, self.publication)
        finally:
            discard(self._part)


class PictureVideo:
    """A video with the time stamps and the sound of the source."""

    publication = Publication()

    def __init__(self, path: Path, clip: Clip, codec: str, size: tuple[int, int]) -> None:
        self._clip = clip
        begin, end = clip.reader.audio_range
        form = clip.form
        # Images come with times at the usual rate; at another one all of them are stretched alike.
        self._pace = Fraction(1) if form is None or form.fps is None else DEFAULT_RATE / form.fps
        self._rate = clip.reader.rate
        self._narrows = codec in _EIGHT_BITS and clip.info.depth > 8
        self._thinned = self._rate != clip.info.rate
        self._writer = VideoWriter(
            path,
            size=size,
            rate=clip.reader.rate / self._pace,
            time_base=_clock(clip, path) * self._pace,
            codec=codec,
            audio_from=clip.info.path if _sounds(clip) else None,
            audio_start_seconds=begin,
            audio_end_seconds=end,
            sample_aspect_ratio=clip.info.sample_aspect_ratio,
            colour=_meaning(clip.info, codec),
            clock_offsets=clip.info.clock_offsets,
            metadata=clip.metadata,
            crf=None if form is None else form.crf,
            stream=_standard_output() if form is not None and form.layout == "stream" else None,
            container=None if form is None else form.muxer,
            field_order=clip.info.field_order,
            strip=clip.strip_metadata,
        )

    @property
    def meant(self) -> WrittenVideo | None:
        """What was put."""
        return self._writer.written

    def __enter__(self) -> Self:
        """Opens the file under a hidden name."""
        self._writer.__enter__()
        return self

    def put(self, picture: Picture, frame: Frame, _: Layers = None) -> None:
        """Encodes one picture at its time."""
        if self._narrows and not isinstance(picture, Yuv420):
            self._narrows = False
            depth = self._clip.info.depth
            self._clip.reader.warn(f"{self._writer.path.name}: written with 8 bits; the source has {depth}")
        shown_for = frame.shown_for
        if shown_for is not None and self._thinned:  # it also stands for those that are left out behind it
            shown_for = max(shown_for, 1 / self._rate)
        if shown_for is not None:
            shown_for *= self._pace
        fits = not isinstance(picture, Yuv420) and picture.shape[:2] == frame.image.shape[:2]
        stored = frame.stored if fits else None
        self._writer.write(picture, frame.pts, frame.time_base * self._pace, stored, shown_for)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Completes the file, or removes it when ``kind`` is an exception."""
        self._writer.publication = self.publication
        self._writer.__exit__(kind, error, trace)
        for text in self._writer.warnings:
            self._clip.reader.warn(f"{self._writer.path.name}: {text}")


def _sounds(clip: Clip) -> bool:
    """Whether there is sound, or are subtitles, and a place for them: raw pictures have none."""
    if clip.form is not None and clip.form.muxer in ("rawvideo", "yuv4mpegpipe"):
        return False
    return clip.info.has_audio or clip.info.subtitles > 0


def _clock(clip: Clip, path: Path) -> Fraction:
    """Seconds per unit of an output's time stamps: the source's, or coarser where a file only counts frames.

    AVI fills every unit without a frame with an empty one, so its unit is the largest that all steps are
    multiples of. A piped Y4M file has a rate and no times.
    """
    has_rate_only = clip.form is not None and clip.form.muxer in ("rawvideo", "yuv4mpegpipe")
    if not has_rate_only and path.suffix.lower() != ".avi":
        return clip.info.time_base
    steps = {after - before for before, after in itertools.pairwise(clip.reader.stamps())}
    if has_rate_only and len(steps) > 1:
        clip.reader.warn("frames are not shown equally long, and this stream has one rate: the mean one")
    if has_rate_only or not steps:
        return 1 / clip.reader.rate
    return math.gcd(*steps) * clip.info.time_base


def _meaning(info: SourceInfo, codec: str) -> YuvColour | None:
    """What RGB pictures of a source are in, for the writer; those of 8 bits are tone-mapped to BT.709."""
    if info.colour is None or (info.colour.high_range and codec != "prores4444"):
        return None
    return info.colour


Pictures = PictureFile | PictureFolder | PictureVideo


def pictures(path: Path, clip: Clip, codec: str, size: tuple[int, int] | None = None) -> Pictures:
    """Returns what suits the input: one picture, a folder of them, or a video."""
    layout = _LAYOUTS[clip.info.kind] if clip.form is None else clip.form.layout
    if layout == "picture":
        return PictureFile(path, clip)
    if layout == "folder":
        return PictureFolder(path, clip)
    own = clip.form.codec if clip.form is not None else None
    return PictureVideo(path, clip, own or codec, size or clip.info.size)


_LAYOUTS = {"image": "picture", "frames": "folder", "video": "video"}
"""What outputs are, by the input, where nobody says anything."""


def _standard_output() -> BinaryIO:
    """Standard output without Python's buffer, which would fail at the very end when its reader has gone."""
    buffer = sys.stdout.buffer
    raw: BinaryIO = getattr(buffer, "raw", buffer)
    return raw


def mask_layers(found: FrameMasks) -> dict[str, NDArray[np.bool_]]:
    """The mask of each object by its label."""
    return {one.label: mask for one, mask in zip(found.apart.objects, found.apart.masks, strict=False)}


def _is_exr(path: Path, clip: Clip) -> bool:
    return path.suffix.lower() == ".exr" or (clip.form is not None and clip.form.is_exr)


class DrawingSink(Sink):
    """Draws each frame as soon as its masks are there.

    Args:
        path: the final file or folder.
        clip: the input.
        draw: makes a picture of a frame's masks.
        codec: of videos.
        size: (width, height) of the pictures; None for that of the input.
        layered: whether files that have layers get the mask of each object.
    """

    def __init__(
        self,
        path: Path,
        clip: Clip,
        draw: Draw,
        codec: str,
        size: tuple[int, int] | None = None,
        *,
        layered: bool = False,
    ) -> None:
        self._draw = draw
        self._layered = layered
        # EXR pictures are multiplied as light, when they are written.
        self._multiplies = bool(clip.form and clip.form.premultiplied and not _is_exr(path, clip))
        self._pictures = pictures(path, clip, codec, size)

    @property
    def meant(self) -> Written | None:
        """What was drawn."""
        return self._pictures.meant

    def __enter__(self) -> Self:
        """Opens the output."""
        self._pictures.__enter__()
        return self

    def write(self, masks: FrameMasks) -> None:
        """Draws and writes one frame."""
        picture = self._draw(masks)
        if self._multiplies and not isinstance(picture, Yuv420):
            picture = multiplied(picture)
        self._pictures.put(picture, masks.frame, mask_layers(masks) if self._layered else None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the output, or removes it when ``kind`` is an exception."""
        self._pictures.publication = self.publication
        self._pictures.__exit__(kind, error, trace)


class CroppingSink(Sink):
    """Cuts out a box around the objects, the same for the whole clip or one that goes along, and draws there.

    Args:
        path: the final file or folder.
        clip: the input.
        draw: draws masks onto a picture.
        codec: of videos.
    """

    surveys = True

    def __init__(
        self, path: Path, clip: Clip, draw: Callable[[Picture, NDArray[np.bool_]], Picture], codec: str
    ) -> None:
        self._path = path
        self._clip = clip
        self._draw = draw
        self._codec = codec
        self._boxes: list[Box | None] = []
        self._places: Iterator[Box] = iter(())
        self._target: Pictures | None = None
        self._stack = ExitStack()

    @property
    def meant(self) -> Written | None:
        """What was drawn."""
        return None if self._target is None else self._target.meant

    def __enter__(self) -> Self:
        """Nothing is opened before the box is known."""
        return self

    def survey(self, masks: FrameMasks) -> None:
        """Notes where the objects of one frame lie."""
        self._boxes.append(union_box(masks.masks))

    def write(self, masks: FrameMasks) -> None:
        """Cuts out and draws one frame."""
        if self._target is None:
            self._places = iter(self._framed())
        box = next(self._places)
        if self._target is None:
            self._target = pictures(self._path, self._clip, self._codec, box.size)
            self._stack.enter_context(self._target)
        inside = np.ascontiguousarray(masks.masks[:, box.y0 : box.y1, box.x0 : box.x1])
        self._target.put(self._draw(cropped(self._clip.canvas(masks.frame), box), inside), masks.frame)

    def _framed(self) -> list[Box]:
        """What is cut out of each frame."""
        info, drawing = self._clip.info, self._clip.drawing
        # Of 4:2:0, two by two pixels share a colour; of two fields, those of every other row.
        even = info.kind == "video" and info.size[0] % 2 == info.size[1] % 2 == 0
        rows = 4 if even and info.field_order and info.size[1] >= 4 else 2
        aspect = drawing.aspect
        if aspect is not None and info.sample_aspect_ratio:
            aspect /= float(info.sample_aspect_ratio)
        framing = Framing(drawing.crop_mode == "follow", drawing.crop_padding, aspect)
        cells = (2, rows) if even else (1, 1)
        return framed(self._boxes, info.size, framing, even_sides=info.kind == "video", cells=cells)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the output, or removes it when ``kind`` is an exception."""
        if self._target is not None:
            self._target.publication = self.publication
        self._stack.__exit__(kind, error, trace)


def overlay_drawer(
    clip: Clip, objects: tuple[FoundObject, ...]
) -> Callable[[Picture, NDArray[np.bool_]], Picture]:
    """What shows objects on a picture, as the options ask for; warns where a name cannot be written."""
    drawing = clip.drawing
    chosen = drawing.object_colours
    colours = [chosen[(one.id - 1) % len(chosen)] if chosen else colour(one.id - 1) for one in objects]
    labels = ["" if drawing.no_labels else one.label for one in objects]
    for place, label in enumerate(labels, 1):
        if label and not can_write(label, drawing.font):
            clip.reader.warn(
                f"no font here has the letters of {label!r}, which is drawn as #{place}; "
                "name one that has them with --font FILE"
            )
    style = Style(drawing.opacity, drawing.contour_width, drawing.font)
    return lambda picture, masks: draw_overlay(picture, masks, labels, colours, style)
