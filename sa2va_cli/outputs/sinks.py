"""Sinks that draw: what is made of a frame's masks, the whole picture or a part of it, goes into pictures.

Which one draws what is in ``kinds``. Knows nothing about how pictures become files.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FrameMasks, Sink, Yuv420
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.pictures import Picture, Pictures, Pixels, pictures
from sa2va_cli.render.crop import Box, cropped, union_box
from sa2va_cli.render.framing import Framing, framed
from sa2va_cli.written import Written

Draw = Callable[[FrameMasks], Picture]


def multiplied(matte: Pixels) -> Pixels:
    """(H, W, 4) uint16 RGBA with its colours multiplied by its alpha, value by value as they are coded."""
    share = matte[..., 3:] / np.float32(np.iinfo(matte.dtype).max)
    colours = np.rint(matte[..., :3] * share).astype(matte.dtype)
    return np.concatenate([colours, matte[..., 3:]], axis=2)


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
