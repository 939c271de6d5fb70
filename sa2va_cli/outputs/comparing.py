"""Edited pictures beside their source: a video that compares both, and a contact sheet."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from sa2va_cli.datatypes import RGB, FrameMasks, Remark
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.editing import scene_of
from sa2va_cli.outputs.plates import open_plate
from sa2va_cli.outputs.sheet import ContactSheet, fitting_size
from sa2va_cli.outputs.sinks import DrawingSink
from sa2va_cli.render.compare import side_by_side, wipe_share, wiped
from sa2va_cli.render.effects.drawing import Drawer
from sa2va_cli.render.sheet import Cell

Manner = Literal["side", "wipe"]

PREVIEWED = 6
"""Frames of a contact sheet, source and result side by side."""

_CELL_SIDE = 400
"""Pixels of the longer side of each picture in a contact sheet at most."""

_GREY = 128
"""What stands for nothing, as the reader shows it, too."""


class EditedImages:
    """The frames of a clip as people see them, with their effects.

    Args:
        clip: the input; ``clip.drawing.effects`` says what is done.

    Raises:
        InputError: a file that an effect needs cannot be read.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._drawer = Drawer(clip.drawing.effects, open_plate)
        self.reach = self._drawer.reach
        self.surveys = self._drawer.surveys

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at."""
        return self._drawer.remarks

    def survey(self, masks: FrameMasks) -> None:
        """Shows a frame to the effects that must know the whole clip."""
        self._drawer.survey(scene_of(masks, masks.frame.image, self._clip))

    def drawn(self, masks: FrameMasks) -> RGB:
        """(H, W, 3) uint8 of one frame; what is transparent is grey."""
        around = [
            scene_of(one, one.frame.image, self._clip)
            for one in masks.around
            if one.frame.index != masks.frame.index
        ]
        made = self._drawer.draw(scene_of(masks, masks.frame.image, self._clip), around)
        picture: RGB = made.picture
        if made.alpha is None:
            return picture
        over = made.alpha[..., None] * (picture.astype(np.float32) - _GREY) + _GREY
        made_over: RGB = np.rint(over).astype(np.uint8)
        return made_over


class CompareSink(DrawingSink):
    """Writes the source and the result as one video.

    Args:
        path: the final file or folder.
        clip: the input.
        manner: side by side, or one wiped over the other.
    """

    def __init__(self, path: Path, clip: Clip, manner: Manner) -> None:
        self._images = EditedImages(clip)
        self._manner = manner
        self.reach, self.surveys = self._images.reach, self._images.surveys
        width, height = clip.info.size
        super().__init__(path, clip, self._both, "h264", (2 * width if manner == "side" else width, height))
        self._begin = float(clip.info.start_seconds)

    def survey(self, masks: FrameMasks) -> None:
        """Shows a frame to the effects that must know the whole clip."""
        self._images.survey(masks)

    def _both(self, masks: FrameMasks) -> RGB:
        edited = self._images.drawn(masks)
        if self._manner == "side":
            return side_by_side(masks.frame.image, edited)
        return wiped(edited, masks.frame.image, wipe_share(masks.frame.seconds - self._begin))


class PreviewSink(ContactSheet):
    """A contact sheet of source and result, side by side.

    Args:
        path: the final file.
        clip: the input.
    """

    def __init__(self, path: Path, clip: Clip) -> None:
        super().__init__(path, clip, PREVIEWED)
        self._images = EditedImages(clip)
        self.reach, self.surveys = self._images.reach, self._images.surveys

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at."""
        return self._images.remarks

    def survey(self, masks: FrameMasks) -> None:
        """Shows a frame to the effects that must know the whole clip."""
        self._images.survey(masks)

    def _cell(self, masks: FrameMasks) -> Cell:
        both = side_by_side(_small(masks.frame.image), _small(self._images.drawn(masks)))
        return Cell(both, self._clock(masks))


def _small(image: RGB) -> RGB:
    made: RGB = cv2.resize(image, fitting_size(image, _CELL_SIDE), interpolation=cv2.INTER_AREA)
    return made
