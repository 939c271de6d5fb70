"""A contact sheet: pictures with masks, a line of words below each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.fonts import font_for
from sa2va_cli.render.overlay import draw_overlay
from sa2va_cli.staging import atomic

TRUTH, FOUND = (60, 200, 90), (230, 70, 60)
"""Colours of what is annotated and of what was found."""

_CELL, _LINE, _LETTERS, _LINES, _COLUMNS = 320, 16, 44, 3, 4


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet.

    Attributes:
        picture: (H, W, 3).
        masks: (N, H, W), each with a colour.
        colours: N of them.
        text: what stands below.
    """

    picture: RGB
    masks: NDArray[np.bool_]
    colours: Sequence[tuple[int, int, int]]
    text: str


def draw_sheet(cells: Sequence[Cell], path: Path) -> None:
    """Writes a sheet as PNG.

    Args:
        cells: row by row; none makes an empty sheet.
        path: of the PNG; replaces what is there.

    Raises:
        OutputError: it cannot be written.
    """
    tall = _CELL * 3 // 4
    high = tall + _LINES * _LINE + 8
    rows = max(1, -(-len(cells) // _COLUMNS))
    sheet = Image.new("RGB", (_CELL * _COLUMNS, high * rows), (255, 255, 255))
    for place, cell in enumerate(cells):
        left, top = place % _COLUMNS * _CELL, place // _COLUMNS * high
        drawn = draw_overlay(cell.picture, cell.masks, [""] * len(cell.masks), list(cell.colours))
        small = Image.fromarray(drawn)
        small = ImageOps.contain(small, (_CELL - 4, tall - 4))
        sheet.paste(small, (left + (_CELL - small.width) // 2, top + (tall - small.height) // 2))
        _write(sheet, cell.text, left + 6, top + tall)
    with atomic(path) as part:
        sheet.save(part, "PNG")


def _write(sheet: Image.Image, text: str, left: int, top: int) -> None:
    font = font_for(text, 12)
    letters = _LETTERS if text.isascii() else _LETTERS // 2
    for number, line in enumerate(wrap(text, letters)[:_LINES]):
        ImageDraw.Draw(sheet).text((left, top + number * _LINE), line, fill=(20, 20, 20), font=font)
