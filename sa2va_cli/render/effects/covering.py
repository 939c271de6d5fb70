"""Where something must be hidden whose masks fail now and then, from its masks on the frames around.

A thing goes on moving while its mask fails. Where a mask is missing, has shrunk or cannot be trusted, whole
and trusted masks from before and after are laid where the thing must be by then: on the way between the two,
or as far along as it was going. All other masks are joined with those beside them, moved along, as a part is
missed for a moment only. Knows nothing about pictures. The numbers were chosen with
``benchmarks/redaction.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import Box, mask_box
from sa2va_cli.render.effects.effect import Floats

BESIDE = 3
"""Frames before and after whose masks each is joined with."""

_SEEN = 0.02
"""Alpha from which on a pixel is hidden."""

_SURE, _TRUSTED, _HARDLY = 0.9, 0.68, 0.5
"""Confidence below which a mask, and those next to it, are joined with where the thing must be; below which
it says nothing about other frames, and has to be looked at where nothing else says where the thing is; and
below which it makes all those beside it unsure."""

_WHOLE = 0.85
"""Of the area that a thing has on a frame near: a mask of less has lost something."""

_ALIKE = 0.5
"""Of the area before a frame by that after it: masks that differ more are not both of the whole thing."""

_SPECK = 0.1
"""Of the area of its largest part: a smaller part of a mask says nothing about where the thing is."""

_OBJECT_SHARE, _UNSURE_SHARE = 0.15, 0.18
"""Of the side of a square that is as large as the thing: by how much it is widened, and where unsure."""

_PICTURE_SHARE = 0.008
"""Of the picture's short side: the least."""

_DRIFT = 0.15
"""Of its way within one frame, times the square root of the frames: by how much more where it was moved."""

Mask = NDArray[np.bool_]
Point = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sighting:
    """One thing on one frame.

    Attributes:
        index: of the frame.
        confidence: how far its mask can be trusted, 0..1.
        size: width and height of the picture.
        box: around all of its mask; None where there is none.
        mask: (h, w) within the box, with what lies between its parts but for specks: no mask has every limb.
        main: (h, w) likewise, the parts alone, without specks.
        area: pixels of the latter.
        centre: of the latter, x and y in the picture.
        at_edge: whether the latter touches the edge of the picture.
    """

    index: int
    confidence: float
    size: tuple[int, int]
    box: Box | None = None
    mask: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_), repr=False)
    main: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_), repr=False)
    area: int = 0
    centre: Point = field(default_factory=lambda: np.zeros(2), repr=False)
    at_edge: bool = False


def sighting(index: int, alpha: Floats, confidence: float) -> Sighting:
    """What (H, W) alpha of 0..1 says about a thing."""
    mask = alpha > _SEEN
    box = mask_box(mask)
    size = mask.shape[1], mask.shape[0]
    if box is None:
        return Sighting(index, confidence, size)
    part = np.array(mask[box.y0 : box.y1, box.x0 : box.x1])
    _, labels, numbers, _ = cv2.connectedComponentsWithStats(part.view(np.uint8), connectivity=8)
    areas = numbers[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= max(1.0, _SPECK * areas.max())
    main = kept[labels]
    rows, columns = np.nonzero(main)
    x0, x1, y0, y1 = (int(one) for one in (columns.min(), columns.max(), rows.min(), rows.max()))
    at_edge = min(box.x0 + x0, box.y0 + y0) == 0 or box.x0 + x1 == size[0] - 1 or box.y0 + y1 == size[1] - 1
    centre = np.array([box.x0 + columns.mean(), box.y0 + rows.mean()])
    return Sighting(index, confidence, size, box, part | _hull(main), main, len(rows), centre, at_edge)


@dataclass(frozen=True, eq=False)
class Covered:
    """Where a thing must be hidden on a frame.

    Attributes:
        mask: (H, W); None where nothing says that there is anything.
        doubtful: whether it may show beside the mask all the same.
    """

    mask: Mask | None = field(repr=False)
    doubtful: bool = False


@dataclass(frozen=True, eq=False)
class _Anchor:
    """A whole, trusted mask nearest to a frame, and the way that the thing goes there in one frame."""

    seen: Sighting
    step: Point | None


def covered(own: Sighting, around: Sequence[Sighting], grow: float = -1.0) -> Covered:
    """Says where to hide a thing.

    Args:
        own: its mask on the frame.
        around: those on the frames before and after from which it may be held, in order.
        grow: pixels by which the mask is widened; less than 0 for what suits the thing.
    """
    there = [one for one in around if one.box is not None]
    anchors = [
        _anchor([one for one in there if (one.index < own.index) is side], own.index)
        for side in (True, False)
    ]
    near = [one for one in there if abs(one.index - own.index) <= BESIDE]
    unsure = _is_unsure(own, around, there, near)
    mask = np.zeros(own.size[::-1], np.bool_)
    _lay(mask, own)
    margin = 0.0
    if unsure:
        margin = _lay_anchors(mask, own.index, anchors)
        for one in near if own.box is not None else _nearest(there, own.index):
            _lay(mask, one)
    else:
        for one in near:
            _lay(mask, one, own.centre - one.centre)
            if abs(one.index - own.index) == 1 or own.at_edge or one.at_edge:
                _lay(mask, one)
    box = mask_box(mask)
    if box is None:
        return Covered(None)
    if grow < 0:
        size = max([own.area, *(one.seen.area for one in anchors if one is not None and unsure)])
        share = _UNSURE_SHARE if unsure else _OBJECT_SHARE
        grow = max(2.0, _PICTURE_SHARE * min(own.size), share * size**0.5 + margin)
    if unsure:
        part = mask[box.y0 : box.y1, box.x0 : box.x1]
        part |= _hull(part)
    doubtful = not _agree(*anchors) and _is_lacking(own, there)
    return Covered(_grown(mask, box, int(np.ceil(grow))), doubtful)


def _is_unsure(
    own: Sighting, around: Sequence[Sighting], there: Sequence[Sighting], near: Sequence[Sighting]
) -> bool:
    """Whether the masks on a frame and just beside it may lack parts of the thing."""
    whole = max((one.area for one in there if one.confidence >= _TRUSTED), default=0)
    return any(one.confidence < _HARDLY for one in near) or any(
        one.area < max(1.0, _WHOLE * whole) or one.confidence < _SURE
        for one in (own, *around)
        if abs(one.index - own.index) <= 1
    )


def _is_lacking(own: Sighting, there: Sequence[Sighting]) -> bool:
    """Whether a frame's own mask is none of the whole thing, as far as it is in the picture."""
    most = max((one.area for one in there), default=0)
    is_part = own.area < _WHOLE * most and not own.at_edge
    return own.box is None or own.confidence < _TRUSTED or is_part


def _anchor(side: Sequence[Sighting], index: int) -> _Anchor | None:
    """From the trusted masks on one side of a frame."""
    trusted = [one for one in side if one.confidence >= _TRUSTED]
    if not trusted:
        return None
    most = max(one.area for one in trusted)
    first, *others = sorted(
        (one for one in trusted if one.area >= _WHOLE * most), key=lambda one: abs(one.index - index)
    )
    beside = [one for one in others if abs(one.index - first.index) <= BESIDE]
    if not beside:
        return _Anchor(first, None)
    return _Anchor(first, (beside[-1].centre - first.centre) / (beside[-1].index - first.index))


def _agree(before: _Anchor | None, after: _Anchor | None) -> bool:
    """Whether there are masks of the whole thing on both sides of a frame, so that it was between them."""
    if before is None or after is None:
        return False
    less, more = sorted((before.seen.area, after.seen.area))
    return less >= _ALIKE * more


def _lay_anchors(mask: Mask, index: int, anchors: Sequence[_Anchor | None]) -> float:
    """Lays whole masks where they must be on a frame; by how many pixels they may be wrong."""
    margin = 0.0
    for one in anchors:
        if one is not None and one.step is not None:
            frames = index - one.seen.index
            _lay(mask, one.seen, one.step * frames, main=True)
            margin = max(margin, _DRIFT * float(np.hypot(*one.step)) * abs(frames) ** 0.5)
    before, after = (None if one is None else one.seen for one in anchors)
    if before is not None and after is not None:
        share = (index - before.index) / (after.index - before.index)
        place = before.centre + share * (after.centre - before.centre)
        for seen in (before, after):
            _lay(mask, seen, place - seen.centre, main=True)
    return margin


def _nearest(there: Sequence[Sighting], index: int) -> list[Sighting]:
    """The masks that are held over a frame without one."""
    before = [one for one in there if one.index < index][-BESIDE:]
    return before + [one for one in there if one.index > index][:BESIDE]


def _lay(mask: Mask, seen: Sighting, way: Point | None = None, *, main: bool = False) -> None:
    """Joins a mask with that of a thing, moved by so many pixels."""
    if seen.box is None:
        return
    x, y = (0, 0) if way is None else (round(float(one)) for one in way)
    height, width = mask.shape
    x0, y0 = seen.box.x0 + x, seen.box.y0 + y
    part = seen.main if main else seen.mask
    left, top = max(0, -x0), max(0, -y0)
    right, bottom = min(part.shape[1], width - x0), min(part.shape[0], height - y0)
    if right > left and bottom > top:
        mask[y0 + top : y0 + bottom, x0 + left : x0 + right] |= part[top:bottom, left:right]


def _hull(mask: Mask) -> Mask:
    """The smallest convex mask that has all of one."""
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(cv2.findNonZero(mask.view(np.uint8))), 1)
    return hull.view(np.bool_)


def _grown(mask: Mask, box: Box, pixels: int) -> Mask:
    """The mask widened, without holes in it: a hole would show the very middle of what is hidden."""
    height, width = mask.shape
    y0, y1 = max(0, box.y0 - pixels), min(height, box.y1 + pixels)
    x0, x1 = max(0, box.x0 - pixels), min(width, box.x1 + pixels)
    away = cv2.distanceTransform((~mask[y0:y1, x0:x1]).view(np.uint8), cv2.DIST_L2, 5)
    wide = (away <= pixels + _ROUNDING).view(np.uint8)
    outlines, _ = cv2.findContours(wide, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    grown = np.zeros(mask.shape, np.uint8)
    grown[y0:y1, x0:x1] = cv2.drawContours(wide, outlines, -1, 1, cv2.FILLED)
    return grown.view(np.bool_)


_ROUNDING = 0.1
"""Pixels by which distances may be too large."""
