"""Polygons of masks, for formats that have no other way to say where an object is.

A polygon runs through the middles of the outermost pixels of a mask, given as whole column and row numbers.
Drawn the way that readers draw polygons, border included (``cv2.fillPoly``, Pillow's ``ImageDraw.polygon``
with an outline), it gives the mask back. Knows nothing about file formats.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.int32]
"""(N, 2) columns and rows of the corners of a closed polygon."""

_FEWEST_CORNERS = 3
"""Readers take a polygon of fewer corners for a fault: a single pixel is one corner, said three times."""
_MOST_COMPARED = 256
"""Corners of a polygon that are compared with as many of another at once."""


@dataclass(frozen=True, eq=False)
class _Ring:
    """The border of a part, or that of a hole, pixel by pixel.

    Attributes:
        pixels: (N, 2) columns and rows; the border of a hole begins at the leftmost, in the mask beside it.
        is_hole: whether it goes around a hole.
    """

    pixels: Points
    is_hole: bool

    @property
    def left(self) -> int:
        """The smallest column."""
        return int(self.pixels[:, 0].min())


def mask_polygons(mask: NDArray[np.bool_]) -> list[Points]:
    """Draws one polygon around each part of a mask, with its holes cut open.

    A cut is a seam of no width that goes from the hole to the left, through nothing but pixels of the mask,
    to the border of the part or to another hole. So the polygon, drawn, is the part itself to the pixel.

    Args:
        mask: (H, W).

    Returns:
        A polygon for each part, of whose pixels each touches another, also across corners; largest border
        first.
    """
    polygons = [_cut_open(rings, mask) for rings in _rings(mask)]
    return [
        _at_least_three(_without_straight(polygon)) for polygon in sorted(polygons, key=len, reverse=True)
    ]


def joined_polygon(polygons: list[Points]) -> Points | None:
    """Joins the polygons of one object to a single one, for formats that have one for each object.

    Every further polygon hangs on a bridge of no width between two corners that are near to each other. Where
    a reader draws borders, a bridge is a line one pixel wide.

    Returns:
        (N, 2); None where there is no polygon.
    """
    if not polygons:
        return None
    whole = polygons[0]
    for polygon in polygons[1:]:
        here, there = _nearest(whole, polygon)
        around = np.roll(polygon, -there, axis=0)
        whole = np.concatenate([whole[: here + 1], around, around[:1], whole[here:]])
    return whole


def _rings(mask: NDArray[np.bool_]) -> list[list[_Ring]]:
    """Finds the borders of each part: its own, then those of its holes."""
    import cv2

    contours, tree = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return []
    parents = np.reshape(tree, (-1, 4))[:, 3]
    parts: dict[int, list[_Ring]] = {k: [] for k, parent in enumerate(parents) if parent < 0}
    for k, (contour, parent) in enumerate(zip(contours, parents, strict=True)):
        pixels = np.reshape(contour, (-1, 2)).astype(np.int32)
        if parent < 0:
            parts[k].insert(0, _Ring(pixels, is_hole=False))
        else:
            parts[int(parent)].append(
                _Ring(np.roll(pixels, -int(pixels[:, 0].argmin()), axis=0), is_hole=True)
            )
    return list(parts.values())


def _cut_open(rings: list[_Ring], mask: NDArray[np.bool_]) -> Points:
    """Joins the borders of the holes of a part to its own.

    A seam goes left from the leftmost pixel of a hole's border, as far as the mask does. There it meets the
    border of the part, or that of a hole which begins further left; so seams never go in circles, and holes
    are taken from the right to the left.
    """
    outer, *holes = rings
    if not holes:
        return outer.pixels
    ordered = [*sorted(holes, key=lambda ring: -ring.left), outer]
    place_of = {
        (int(x), int(y)): (number, place)
        for number, ring in enumerate(ordered)  # of two borders through one pixel the one further left counts
        for place, (x, y) in enumerate(ring.pixels)
    }
    hanging: dict[int, list[tuple[int, Points]]] = {}
    for number, ring in enumerate(ordered):
        whole = _with_hanging(ring.pixels, hanging.get(number, []))
        if not ring.is_hole:
            return whole
        x, y = (int(value) for value in ring.pixels[0])
        row = mask[y, : x + 1]
        gaps = np.flatnonzero(~row)
        end = int(gaps[-1]) + 1 if len(gaps) else 0
        other, place = place_of[end, y]
        hanging.setdefault(other, []).append((place, whole))
    raise AssertionError("a part has a border of its own")


def _with_hanging(pixels: Points, hanging: list[tuple[int, Points]]) -> Points:
    """Walks along a border and, where others hang on it, around them and back."""
    pieces: list[Points] = []
    begin = 0
    for place, other in sorted(hanging, key=lambda item: item[0]):
        pieces += [pixels[begin : place + 1], other, other[:1]]
        begin = place
    return np.concatenate([*pieces, pixels[begin:]]) if pieces else pixels


def _without_straight(pixels: Points) -> Points:
    """Leaves out the pixels at which a polygon goes straight on."""
    moved = np.any(pixels != np.roll(pixels, 1, axis=0), axis=1)
    corners = pixels[moved] if moved.any() else pixels[:1]
    before = np.sign(corners - np.roll(corners, 1, axis=0))
    after = np.sign(np.roll(corners, -1, axis=0) - corners)
    return np.ascontiguousarray(corners[np.any(before != after, axis=1)]) if len(corners) > 1 else corners


def _at_least_three(corners: Points) -> Points:
    missing = max(0, _FEWEST_CORNERS - len(corners))
    return np.concatenate([corners, np.repeat(corners[-1:], missing, axis=0)])


def _nearest(one: Points, other: Points) -> tuple[int, int]:
    """Places, in two polygons, of corners that are near to each other; the nearest where there are few.

    Of long polygons some corners are compared first, then all of each with the best of the other.
    """
    steps = [-(-len(points) // _MOST_COMPARED) for points in (one, other)]
    some = one[:: steps[0], None].astype(np.int64) - other[None, :: steps[1]]
    apart = np.square(some).sum(axis=2)
    here, there = (int(place) for place in np.unravel_index(apart.argmin(), apart.shape))
    here, there = here * steps[0], there * steps[1]
    if steps != [1, 1]:
        there = _nearest_to(one[here], other)
        here = _nearest_to(other[there], one)
    return here, there


def _nearest_to(corner: Points, points: Points) -> int:
    return int(np.square(points.astype(np.int64) - corner).sum(axis=1).argmin())
