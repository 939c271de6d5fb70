"""A palette PNG for each frame, as DAVIS 2017, YouTube-VOS, Cutie and XMem read them: object id = index."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.authorship import mark
from sa2va_cli.datatypes import FoundObject, FrameMasks
from sa2va_cli.errors import OutputError
from sa2va_cli.export.frame_names import source_number
from sa2va_cli.export.writing import FolderSink
from sa2va_cli.staging import output_errors
from sa2va_cli.written import WrittenPictures

_MOST_OBJECTS = 255


class DavisSink(FolderSink):
    """Writes a folder of palette PNGs; 0 is background, other values are ids of objects.

    A picture is called like its frame where that came from an image file, else by its frame index, or its
    number in the source, in five digits.
    Where objects overlap, a pixel belongs to the one with the highest logit there.

    Attributes:
        folder: where the folder appears when every frame is written.
        objects: what the masks of a frame are, in their order.
    """

    def __init__(
        self,
        folder: Path,
        objects: Sequence[FoundObject],
        *,
        by_source_number: bool = False,
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            folder: the final folder.
            objects: what the masks of a frame are, in their order.
            by_source_number: whether frames of a video are called by their number in the source, not by their
                place among those that were looked at.

        Raises:
            OutputError: there are more objects than a palette has room for.
        """
        largest = max((found.id for found in objects), default=0)
        if largest > _MOST_OBJECTS:
            raise OutputError(
                f"a palette PNG holds {_MOST_OBJECTS} objects, got one with the number {largest}; "
                "use fewer prompts or export COCO instead"
            )
        super().__init__(folder, objects)
        self._ids = tuple(found.id for found in objects)
        self._by_source_number = by_source_number
        self._size = (0, 0)

    @property
    def meant(self) -> WrittenPictures | None:
        """The palette PNGs."""
        return WrittenPictures(tuple(self._names), self._size, alpha=False) if self._names else None

    def _begin(self) -> None:
        pass

    def _frame(self, masks: FrameMasks) -> None:
        frame = masks.frame
        number = source_number(frame) if self._by_source_number else frame.index
        name = f"{number:05d}.png" if frame.name is None else f"{frame.name}.png"
        picture = Image.fromarray(index_map(masks, self._ids))
        picture.putpalette(davis_palette())
        with output_errors(self.folder / name):
            try:
                with (self._part / name).open("xb") as file:
                    picture.save(file, "PNG")
                mark(self._part / name)
            except FileExistsError as error:
                raise OutputError(f"two frames are called {name}; put them into different outputs") from error
        self._names.append(name)
        self._size = frame.size


def index_map(masks: FrameMasks, ids: Sequence[int]) -> NDArray[np.uint8]:
    """Joins the masks of a frame into one map of object ids.

    Args:
        masks: the masks of N objects.
        ids: their N numbers, 1..255.

    Returns:
        (H, W) uint8; 0 where there is no object. Of overlapping masks the one with the highest logit wins.
    """
    width, height = masks.frame.size
    joined = np.zeros((height, width), np.uint8)
    highest = np.full((height, width), -np.inf, np.float32)
    for number, mask, logits in zip(ids, masks.masks, masks.full_logits, strict=True):
        wins = mask & (logits > highest)
        joined[wins] = number
        highest[wins] = logits[wins]
    return joined


def davis_palette() -> bytes:
    """Returns the palette of DAVIS and PASCAL VOC: 256 times red, green, blue.

    The bits of an index, three at a time from the lowest, become bits of red, green and blue from the highest
    (``VOClabelcolormap.m`` of the VOC 2012 development kit).
    """
    palette = bytearray()
    for index in range(256):
        channels = [0, 0, 0]
        for place in range(8):
            triple = index >> (3 * place)
            for channel in range(3):
                channels[channel] |= (triple >> channel & 1) << (7 - place)
        palette += bytes(channels)
    return bytes(palette)
