"""Showing masks on their picture: a tint, a smooth contour and a name plate for each object."""

from collections.abc import Sequence
from functools import lru_cache
from math import erf, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import Box, mask_box
from sa2va_cli.render.labels import letter_size, place, plate, widest_plate
from sa2va_cli.render.palette import Colour

_TINT = 0.45
_LINE_SHARE = 0.0032
_THINNEST_LINE = 1.6
_ANCHOR_CELLS = 160


def draw_overlay(
    image: NDArray[np.uint8], masks: NDArray[np.bool_], labels: Sequence[str], colours: Sequence[Colour]
) -> NDArray[np.uint8]:
    """Draws objects onto a picture.

    Args:
        image: (H, W, 3) uint8 RGB; left as it is.
        masks: (N, H, W) bool, later ones over earlier ones.
        labels: N texts; an empty one draws no plate, and one that no font here can write becomes ``#1``,
            ``#2`` and so on, its place among the masks.
        colours: N colours.

    Returns:
        (H, W, 3) uint8 RGB, a new array.

    Raises:
        ValueError: the sizes or numbers do not fit together.
    """
    if masks.ndim != 3 or masks.shape[1:] != image.shape[:2]:
        raise ValueError(f"got masks {masks.shape} for a picture {image.shape}")
    if not len(masks) == len(labels) == len(colours):
        raise ValueError(f"got {len(masks)} masks, {len(labels)} labels and {len(colours)} colours")
    height, width = image.shape[:2]
    canvas = np.array(image, order="C")
    boxes = {k: box for k, box in enumerate(map(mask_box, masks)) if box is not None}
    thickness = max(_THINNEST_LINE, _LINE_SHARE * min(width, height))
    for k, box in boxes.items():
        _tint(canvas, masks[k], box, colours[k])
    for k, box in boxes.items():
        _outline(canvas, masks[k], box, colours[k], thickness)
    letters, taken = letter_size(width, height), list[Box]()
    for k, box in boxes.items():
        if labels[k]:
            name = plate(labels[k], k + 1, colours[k], letters, widest_plate(width, letters))
            spot = place(name.shape[1::-1], _main_part(masks[k], box), (width, height), taken)
            _paste(canvas, name, spot)
            taken.append(spot)
    return canvas


def _tint(canvas: NDArray[np.uint8], mask: NDArray[np.bool_], box: Box, colour: Colour) -> None:
    """Lays a translucent colour over the mask, in place."""
    area = canvas[box.y0 : box.y1, box.x0 : box.x1]
    inside = mask[box.y0 : box.y1, box.x0 : box.x1].view(np.uint8)
    area[...] = cv2.copyTo(cv2.LUT(area, _tint_table(colour)), inside, area)


@lru_cache(maxsize=64)
def _tint_table(colour: Colour) -> NDArray[np.uint8]:
    """What each value of each channel becomes under the tint: (1, 256, 3) uint8."""
    values = np.arange(256, dtype=np.float32)[:, None]
    mixed = (1 - _TINT) * values + _TINT * np.array(colour, np.float32)
    return np.round(mixed).astype(np.uint8)[None]


def _outline(
    canvas: NDArray[np.uint8], mask: NDArray[np.bool_], box: Box, colour: Colour, thickness: float
) -> None:
    """Draws a smooth line along the mask's edge, in place.

    The line is the band of a blurred mask around one half. That is smooth where the edge has stairs, follows
    holes, keeps thin parts visible and leaves out the edge of the picture. The corners of ``box`` are widened
    for the half of the line that lies outside.
    """
    sigma = 0.6 * thickness
    reach = int(np.ceil(3 * sigma))
    height, width = mask.shape
    x0, y0 = max(0, box.x0 - reach), max(0, box.y0 - reach)
    rows, columns = slice(y0, min(height, box.y1 + reach)), slice(x0, min(width, box.x1 + reach))
    soft = cv2.GaussianBlur(
        cv2.LUT(mask[rows, columns].view(np.uint8), _WHITE), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
    )
    peak = int(soft.max())
    if peak < 200:  # a thing smaller than the line
        soft = cv2.convertScaleAbs(soft, alpha=200 / max(1, peak))
    strength = cv2.LUT(soft, _line_table(thickness))
    points = cv2.findNonZero(strength)
    if points is None:
        return
    x, y = points.reshape(-1, 2).T  # OpenCV 4 has an axis more than OpenCV 5
    share = strength[y, x, None].astype(np.float32) / 255
    area = canvas[rows, columns]
    under = area[y, x].astype(np.float32)
    area[y, x] = np.round(under + share * (np.array(colour, np.float32) - under)).astype(np.uint8)


_WHITE = np.where(np.arange(256) > 0, 255, 0).astype(np.uint8)


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


def _paste(canvas: NDArray[np.uint8], name: NDArray[np.uint8], spot: Box) -> None:
    """Lays a name plate over the picture, in place; what does not fit is cut off."""
    area = canvas[spot.y0 : spot.y1, spot.x0 : spot.x1]
    name = name[: area.shape[0], : area.shape[1]]
    share = name[..., 3:].astype(np.float32) / 255
    area[...] = np.round(area + share * (name[..., :3] - area.astype(np.float32))).astype(np.uint8)
