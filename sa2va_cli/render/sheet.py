"""Pictures with captions, side by side in rows, as one picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.fonts import font_for

_GAP = 6
_LETTERS = 14
_CAPTION = 22
_GROUND, _INK = (24, 24, 24), (225, 225, 225)


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        caption: what is written below it.
    """

    picture: RGB = field(repr=False)
    caption: str


def columns_for(count: int, size: tuple[int, int]) -> int:
    """How many columns make a sheet of ``count`` pictures of (width, height) most like a screen."""

    def strangeness(columns: int) -> float:
        rows = -(-count // columns)
        shape = columns * (size[0] + _GAP) / (rows * (size[1] + _CAPTION + _GAP))
        empty = rows * columns - count
        return float(abs(np.log(shape / (16 / 9)))) + 0.5 * empty / count

    return min(range(1, count + 1), key=strangeness)


def draw_sheet(cells: Sequence[Cell]) -> RGB:
    """Draws a sheet, row by row; all pictures have the size of the first.

    Raises:
        ValueError: there is no picture, or their sizes differ.
    """
    shapes = {cell.picture.shape for cell in cells}
    if len(shapes) != 1:
        raise ValueError(f"a sheet needs pictures of one size, got {sorted(shapes)}")
    height, width = cells[0].picture.shape[:2]
    columns = columns_for(len(cells), (width, height))
    rows = -(-len(cells) // columns)
    across, down = width + _GAP, height + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * across + _GAP, rows * down + _GAP), _GROUND)
    draw = ImageDraw.Draw(sheet)
    for k, cell in enumerate(cells):
        x, y = _GAP + k % columns * across, _GAP + k // columns * down
        sheet.paste(Image.fromarray(cell.picture), (x, y))
        caption = cell.caption if font_for(cell.caption, _LETTERS) else f"#{k + 1}"
        font = font_for(caption, _LETTERS)
        while font is not None and len(caption) > 1 and font.getlength(caption) > width:
            caption = caption[:-1]
        draw.text((x + 2, y + height + 3), caption, fill=_INK, font=font)
    return np.asarray(sheet)
