"""Polygons, and painting them with anti-aliasing.

Every shape is a polygon, so that one affine map per figure places it at any size, squashed or not.
Knows nothing about actors or scenes.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB

Colour = tuple[int, int, int]
Points = NDArray[np.float64]
Affine = NDArray[np.float64]
Ids = NDArray[np.uint8]

_SUBPIXEL_BITS = 4


class Part(NamedTuple):
    """One filled polygon: its colour and its (N, 2) corners, x to the right and y down."""

    colour: Colour
    points: Points


@lru_cache(maxsize=16)
def _circle(corners: int) -> Points:
    angles = np.arange(corners) * (2 * np.pi / corners)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def polygon(*corners: tuple[float, float]) -> Points:
    """A polygon from its corners."""
    return np.array(corners, np.float64)


def ellipse(x: float, y: float, rx: float, ry: float, *, turn: float = 0.0, corners: int = 20) -> Points:
    """An ellipse around (x, y), turned by ``turn`` radians."""
    points = _circle(corners) * (rx, ry)
    if turn:
        c, s = np.cos(turn), np.sin(turn)
        points = points @ np.array([[c, s], [-s, c]])
    return np.asarray(np.add(points, (x, y)), np.float64)


def limb(start: tuple[float, float], end: tuple[float, float], width: float, tip: float = 0.0) -> Points:
    """A thick stroke with round ends, ``width`` wide at its start and ``tip`` (or the same) at its end."""
    (x0, y0), (x1, y1) = start, end
    angle = np.arctan2(y1 - y0, x1 - x0)
    fan = angle + np.linspace(np.pi / 2, 3 * np.pi / 2, 6)
    arc = np.stack([np.cos(fan), np.sin(fan)], 1)
    return np.concatenate([arc * (width / 2) + (x0, y0), -arc * ((tip or width) / 2) + (x1, y1)])


def ring(x: float, y: float, radius: float, width: float, corners: int = 24) -> Points:
    """A circle's thick outline, as one polygon that walks round the outside and back round the inside."""
    circle = np.concatenate([_circle(corners), _circle(corners)[:1]])
    outline = np.concatenate([circle * radius, circle[::-1] * (radius - width)])
    return np.asarray(np.add(outline, (x, y)), np.float64)


def arch(x: float, y: float, rx: float, ry: float, corners: int = 12) -> Points:
    """The upper half of an ellipse around (x, y)."""
    angles = np.linspace(np.pi, 2 * np.pi, corners)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], 1)


def shade(colour: Colour, amount: float) -> Colour:
    """The colour made darker (``amount`` < 0) or lighter (``amount`` > 0); -1 is black, 1 is white."""
    goal = 255 if amount > 0 else 0
    r, g, b = (round(c + (goal - c) * abs(amount)) for c in colour)
    return r, g, b


def fixed_point(parts: Sequence[Part], affine: Affine) -> list[NDArray[np.int32]]:
    """Maps all parts into pixels at once and rounds them to OpenCV's sub-pixel grid.

    Pixel centres lie at half-integers of the plane that ``affine`` maps into.
    """
    points = np.concatenate([part.points for part in parts]) @ affine[:, :2].T + (affine[:, 2] - 0.5)
    grid = np.rint(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    ends = np.cumsum([len(part.points) for part in parts])[:-1]
    return np.split(grid, ends)


def paint(image: RGB, parts: Sequence[Part], affine: Affine) -> None:
    """Paints parts in order, later ones on top, with anti-aliased edges."""
    for part, corners in zip(parts, fixed_point(parts, affine), strict=True):
        cv2.fillPoly(image, [corners], part.colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def paint_figure(image: RGB | None, ids: Ids, parts: Sequence[Part], affine: Affine, id_: int) -> None:
    """Paints one figure into the picture, and its number wherever it covers more than half of a pixel.

    Args:
        image: (H, W, 3) picture, or None when only the numbers are wanted.
        ids: (H, W) numbers.
        parts: the figure, from back to front.
        affine: (2, 3) map from the figure's own plane into pixels.
        id_: the number to write; 0 for things that are not actors and merely hide them.
    """
    polygons = fixed_point(parts, affine)
    box = _bounds(polygons, ids.shape)
    if box is None:
        return
    x0, y0, x1, y1 = box
    corner = (-x0 << _SUBPIXEL_BITS, -y0 << _SUBPIXEL_BITS)
    cover = np.zeros((y1 - y0, x1 - x0), np.uint8)
    window = None if image is None else image[y0:y1, x0:x1].copy()
    for part, corners in zip(parts, polygons, strict=True):
        moved = [corners + corner]
        cv2.fillPoly(cover, moved, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        if window is not None:
            cv2.fillPoly(window, moved, part.colour, cv2.LINE_AA, _SUBPIXEL_BITS)
    if image is not None and window is not None:
        image[y0:y1, x0:x1] = window
    ids[y0:y1, x0:x1][cover > 127] = id_


def _bounds(
    polygons: Iterable[NDArray[np.int32]], shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    corners = np.concatenate(list(polygons)) >> _SUBPIXEL_BITS
    x0, y0 = np.maximum(corners.min(0) - 1, 0).tolist()
    x1, y1 = np.minimum(corners.max(0) + 3, (shape[1], shape[0])).tolist()
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
