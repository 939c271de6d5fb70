"""A picture that compares alphas: each clip a row, each method a column, cut out and laid on green."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sa2va_cli.evaluation.alpha_clips import AlphaClip, Floats
from sa2va_cli.render.crop import Box, padded
from sa2va_cli.render.refine.foreground import decontaminate

RGB = NDArray[np.uint8]

_GREEN = np.array([60, 190, 90], np.float32)
_CELL = 240, 180
_TITLE = 24
_GAP = 3
_INK, _PAPER = (40, 40, 40), 255
_COLOURS = 256  # of the palette, so that the file stays small


def draw_sheet(rows: Sequence[tuple[AlphaClip, Mapping[str, Floats]]], path: Path) -> None:
    """Draws a contact sheet and writes it as PNG.

    Args:
        rows: clips with the alphas of the same methods, (T, H, W) each; the middle frame is shown.
        path: of the PNG.
    """
    titles = ["source", *rows[0][1], "truth"]
    lines = [_line(clip, found) for clip, found in rows]
    grid = np.concatenate([_titles(titles), *lines])
    picture = Image.fromarray(grid).quantize(_COLOURS, dither=Image.Dither.FLOYDSTEINBERG)
    picture.save(path, optimize=True)


def _line(clip: AlphaClip, found: Mapping[str, Floats]) -> RGB:
    t = len(clip.images) // 2
    image, truth = clip.images[t], clip.alphas[t]
    box = _detail(truth)
    cells = [image]
    cells += [_on_green(decontaminate(image, alphas[t]), alphas[t]) for alphas in found.values()]
    cells.append(_on_green(clip.foregrounds[t], truth))
    return np.concatenate([_cell(k, box) for k in cells], axis=1)


def _on_green(colours: RGB, alpha: Floats) -> RGB:
    share = alpha[..., None]
    return np.clip(np.rint(share * colours + (1 - share) * _GREEN), 0, 255).astype(np.uint8)


def _detail(alpha: Floats) -> Box:
    """Where most soft pixels lie: a part of the shape of a cell, a third of the picture high."""
    height, width = alpha.shape
    tall = height * 2 // 5
    wide = tall * _CELL[0] // _CELL[1]
    soft = alpha * (1 - alpha)
    count = cv2.boxFilter(soft, -1, (wide, tall), normalize=False, borderType=cv2.BORDER_CONSTANT)
    inner = count[tall // 2 : height - tall // 2, wide // 2 : width - wide // 2]
    y, x = (int(k) for k in np.unravel_index(int(np.argmax(inner)), inner.shape))
    return padded(Box(x, y, x + wide, y + tall), (width, height), 0.0, even=False, least=0)


def _cell(picture: RGB, box: Box) -> RGB:
    size = _CELL[0] - _GAP, _CELL[1] - _GAP
    part = cv2.resize(picture[box.y0 : box.y1, box.x0 : box.x1], size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(part, 0, _GAP, 0, _GAP, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3))


def _titles(titles: Sequence[str]) -> RGB:
    strip = Image.new("RGB", (_CELL[0] * len(titles), _TITLE), (_PAPER,) * 3)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(15)
    for k, title in enumerate(titles):
        draw.text((k * _CELL[0] + 4, 3), title, fill=_INK, font=font)
    return np.asarray(strip)
