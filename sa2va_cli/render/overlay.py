"""Showing masks on their picture: a tint, a smooth contour and a name plate for each object."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import erf, sqrt
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB, Yuv420
from sa2va_cli.render.canvas import WHITE, Canvas, RgbCanvas, YuvCanvas
from sa2va_cli.render.crop import Box, mask_box
from sa2va_cli.render.labels import letter_size, place, plate, widest_plate
from sa2va_cli.render.palette import Colour

_TINT = 0.33
_LINE_SHARE = 0.0032
_THINNEST_LINE = 1.6
_ANCHOR_CELLS = 160


@dataclass(frozen=True)
class Style:
    """How objects are shown.

    Attributes:
        opacity: how much of its colour is mixed into an object, 0..1.
        contour: pixels of the line around it, 0 for none; None for what suits the size of the picture.
        font: file of the font that name plates are written with first; None for one of this computer.
    """

    opacity: float = _TINT
    contour: float | None = None
    font: str | None = None


PLAIN = Style()


@overload
def draw_overlay(
    picture: RGB,
    masks: NDArray[np.bool_],
    labels: Sequence[str],
    colours: Sequence[Colour],
    style: Style = PLAIN,
) -> RGB: ...


@overload
def draw_overlay(
    picture: Yuv420,
    masks: NDArray[np.bool_],
    labels: Sequence[str],
    colours: Sequence[Colour],
    style: Style = PLAIN,
) -> Yuv420: ...


def draw_overlay(
    picture: RGB | Yuv420,
    masks: NDArray[np.bool_],
    labels: Sequence[str],
    colours: Sequence[Colour],
    style: Style = PLAIN,
) -> RGB | Yuv420:
    """Draws objects onto a picture.

    Args:
        picture: (H, W, 3) uint8 RGB, or decoded planes; left as it is.
        masks: (N, H, W) bool, later ones over earlier ones.
        labels: N texts; an empty one draws no plate, and one that no font here can write becomes ``#1``,
            ``#2`` and so on, its place among the masks.
        colours: N colours.
        style: how they are shown.

    Returns:
        A new picture of the same kind, equal to the bit where nothing was drawn.

    Raises:
        ValueError: the sizes or numbers do not fit together.
    """
    shape = picture.luma.shape if isinstance(picture, Yuv420) else picture.shape
    if masks.ndim != 3 or masks.shape[1:] != shape[:2]:
        raise ValueError(f"got masks {masks.shape} for a picture {shape}")
    if not len(masks) == len(labels) == len(colours):
        raise ValueError(f"got {len(masks)} masks, {len(labels)} labels and {len(colours)} colours")
    canvas = YuvCanvas(picture) if isinstance(picture, Yuv420) else RgbCanvas(picture)
    _draw(canvas, masks, labels, colours, style)
    return canvas.picture


def _draw(
    canvas: Canvas,
    masks: NDArray[np.bool_],
    labels: Sequence[str],
    colours: Sequence[Colour],
    style: Style,
) -> None:
    height, width = masks.shape[1:]
    boxes = {k: box for k, box in enumerate(map(mask_box, masks)) if box is not None}
    thickness = max(_THINNEST_LINE, _LINE_SHARE * min(width, height))
    if style.contour is not None:
        thickness = style.contour
    for k, box in boxes.items():
        canvas.tint(masks[k], box, colours[k], style.opacity)
    for k, box in boxes.items() if thickness else ():
        canvas.blend(*_outline(masks[k], box, thickness), colours[k])
    letters, taken = letter_size(width, height), list[Box]()
    for k, box in boxes.items():
        if labels[k]:
            name = plate(labels[k], k + 1, colours[k], letters, widest_plate(width, letters), style.font)
            spot = place(name.shape[1::-1], _main_part(masks[k], box), (width, height), taken)
            spot = Box(spot.x0, spot.y0, min(spot.x1, width), min(spot.y1, height))
            canvas.paste(name[: spot.size[1], : spot.size[0]], spot)
            taken.append(spot)


def _outline(mask: NDArray[np.bool_], box: Box, thickness: float) -> tuple[NDArray[np.uint8], Box]:
    """Returns how strong a smooth line along the mask's edge is, 0..255, and the box where that is.

    The line is the band of a blurred mask around one half. That is smooth where the edge has stairs, follows
    holes, keeps thin parts visible and leaves out the edge of the picture. The corners of ``box`` are widened
    for the half of the line that lies outside.
    """
    sigma = 0.6 * thickness
    reach = int(np.ceil(3 * sigma))
    height, width = mask.shape
    around = Box(
        max(0, box.x0 - reach),
        max(0, box.y0 - reach),
        min(width, box.x1 + reach),
        min(height, box.y1 + reach),
    )
    inside = mask[around.y0 : around.y1, around.x0 : around.x1].view(np.uint8)
    soft = cv2.GaussianBlur(cv2.LUT(inside, WHITE), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    peak = int(soft.max())
    if peak < 200:  # a thing smaller than the line
        soft = cv2.convertScaleAbs(soft, alpha=200 / max(1, peak))
    return np.asarray(cv2.LUT(soft, _line_table(thickness))), around


@lru_cache(maxsize=16)
def _line_table(thickness: float) -> NDArray[np.uint8]:
    """How strong the line is at each value of a mask blurred by 0.6 of its thickness: (256,) uint8.

    Across a straight edge the blurred mask is the normal distribution of the distance to it; so a value is a
    distance, and the line fades over one pixel at half its thickness.
    """
    distances = np.linspace(-2 * thickness, 2 * thickness, 2001)
    values = np.array([127.5 * (1 + erf(d / (0.6 * thickness * sqrt(2)))) for d in distances])
    at = np.interp(np.arange(256), values, distances)
    return np.round(255 * np.clip(thickness / 2 + 0.5 - np.abs(at), 0, 1)).astype(np.uint8)


def _main_part(mask: NDArray[np.bool_], box: Box) -> Box:
    """Returns the box of the mask's largest part, seen coarsely: a label belongs there, not at a speck."""
    step = max(1, max(box.size) // _ANCHOR_CELLS)
    coarse = np.ascontiguousarray(mask[box.y0 : box.y1 : step, box.x0 : box.x1 : step]).view(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(coarse, connectivity=8)
    if count <= 2:
        return box
    x, y, width, height, _ = (int(value) for value in stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()])
    x0, y0 = box.x0 + x * step, box.y0 + y * step
    return Box(x0, y0, min(box.x1, x0 + width * step), min(box.y1, y0 + height * step))
