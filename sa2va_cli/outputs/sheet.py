"""A contact sheet of a clip: frames that are spread evenly over it, with overlays and their times."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sa2va_cli.authorship import mark
from sa2va_cli.datatypes import RGB, FoundObject, FrameMasks, Yuv420
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.late_file import LateFileSink
from sa2va_cli.outputs.pictures import overlay_drawer
from sa2va_cli.render.sheet import Cell, draw_sheet
from sa2va_cli.tracks.review import clock

CELLS = 12
"""Frames of a sheet at most: three rows of four, which a screen shows at once."""

_CELL_SIDE = 480
"""Pixels of a cell's longer side at most; four of them fill the width of a 1080p screen."""


class SheetSink(LateFileSink):
    """Keeps small pictures of a dozen frames and writes them as one PNG.

    Frames are spread as ``--sampling uniform`` spreads keyframes: the first, the last, and evenly between.

    Args:
        path: the final file.
        clip: the input.
        objects: what the rows of all masks are.
    """

    def __init__(self, path: Path, clip: Clip, objects: tuple[FoundObject, ...]) -> None:
        super().__init__(path)
        self._clip = clip
        self._draw = overlay_drawer(clip, objects)
        total = clip.reader.count_selected()
        spread = np.linspace(0, max(0, total - 1), min(CELLS, max(1, total)), dtype=int)
        self._wanted = [int(index) for index in np.unique(spread)]
        self._cells: list[Cell] = []

    def write(self, masks: FrameMasks) -> None:
        """Draws the frame if its turn has come; for one that cannot be decoded, the next stands in."""
        if not self._wanted or masks.frame.index < self._wanted[0]:
            return
        while self._wanted and self._wanted[0] <= masks.frame.index:
            self._wanted.pop(0)
        self._cells.append(Cell(self._drawn(masks), self._caption(masks)))

    def _drawn(self, masks: FrameMasks) -> RGB:
        """The overlay at the size of a cell, so that lines and letters can be read there."""
        width, height = masks.frame.size
        scale = min(1.0, _CELL_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
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
        return f"{clock(float(frame.pts * frame.time_base - self._clip.info.start_seconds))}  frame {number}"

    def finish(self, hidden: Path) -> None:
        """Writes the sheet."""
        Image.fromarray(draw_sheet(self._cells)).save(hidden, "PNG")
        mark(hidden)
