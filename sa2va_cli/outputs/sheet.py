"""Contact sheets of a clip: frames that are spread evenly over it; those of a run have overlays and times."""

from abc import abstractmethod
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sa2va_cli.authorship import mark
from sa2va_cli.datatypes import RGB, FoundObject, FrameMasks, Yuv420
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.kinds.overlay import overlay_drawer
from sa2va_cli.outputs.late_file import LateFileSink
from sa2va_cli.render.sheet import Cell, draw_sheet
from sa2va_cli.tracks.review import clock

CELLS = 12
"""Frames of a sheet at most: three rows of four, which a screen shows at once."""

_CELL_SIDE = 480
"""Pixels of a cell's longer side at most; four of them fill the width of a 1080p screen."""


class ContactSheet(LateFileSink):
    """Keeps small pictures of some frames and writes them as one PNG.

    Args:
        path: the final file.
        clip: the input.
        count: frames at most.
    """

    def __init__(self, path: Path, clip: Clip, count: int) -> None:
        super().__init__(path)
        self._clip = clip
        self._wanted = spread(clip.reader.count_selected(), count) if clip.sheet is None else [*clip.sheet]
        self._cells: list[Cell] = []

    @abstractmethod
    def _cell(self, masks: FrameMasks) -> Cell:
        """What stands for a frame."""

    def write(self, masks: FrameMasks) -> None:
        """Draws the frame if its turn has come; for one that cannot be decoded, the next stands in."""
        if not self._wanted or masks.frame.index < self._wanted[0]:
            return
        while self._wanted and self._wanted[0] <= masks.frame.index:
            self._wanted.pop(0)
        self._cells.append(self._cell(masks))

    def _clock(self, masks: FrameMasks) -> str:
        """When a frame is seen, for people."""
        frame = masks.frame
        return clock(float(frame.pts * frame.time_base - self._clip.info.start_seconds))

    def finish(self, hidden: Path) -> None:
        """Writes the sheet."""
        Image.fromarray(draw_sheet(self._cells)).save(hidden, "PNG")
        mark(hidden)


def spread(total: int, count: int) -> list[int]:
    """Indices of the frames of a contact sheet: the first, the last, and evenly between."""
    places = np.linspace(0, max(0, total - 1), min(count, max(1, total)), dtype=int)
    return [int(place) for place in np.unique(places)]


def fitting_size(image: RGB, side: int) -> tuple[int, int]:
    """The (width, height) of a picture whose longer side is to have some pixels at most."""
    height, width = image.shape[:2]
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class SheetSink(ContactSheet):
    """A contact sheet of a dozen frames.

    Frames are spread as ``--sampling uniform`` spreads keyframes: the first, the last, and evenly between.

    Args:
        path: the final file.
        clip: the input.
        objects: what the rows of all masks are.
    """

    def __init__(self, path: Path, clip: Clip, objects: tuple[FoundObject, ...]) -> None:
        super().__init__(path, clip, CELLS)
        self._draw = overlay_drawer(clip, objects)

    def _cell(self, masks: FrameMasks) -> Cell:
        return Cell(self._drawn(masks), self._caption(masks))

    def _drawn(self, masks: FrameMasks) -> RGB:
        """The overlay at the size of a cell, so that lines and letters can be read there."""
        size = fitting_size(masks.frame.image, _CELL_SIDE)
        image: RGB = cv2.resize(masks.frame.image, size, interpolation=cv2.INTER_AREA)
        small = np.zeros((len(masks), size[1], size[0]), np.bool_)
        for row, whole in enumerate(masks.masks):
            shares = cv2.resize(whole.view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
            small[row] = shares > 127
        drawn = self._draw(image, small)
        assert not isinstance(drawn, Yuv420)  # noqa: S101  (RGB was drawn on)
        return drawn

    def _caption(self, masks: FrameMasks) -> str:
        frame = masks.frame
        if self._clip.info.kind == "image":
            return self._clip.frame_name(frame)
        if frame.name is not None:
            return frame.name
        number = frame.index if frame.source_index is None else frame.source_index
        return f"{self._clock(masks)}  frame {number}"
