"""Hiding: a colour, a blur or coarse cells over the object, and no frame is passed silently.

Masks fail: so they are widened, joined with those of the frames beside them, held over frames where they go
missing, and every frame whose mask cannot be trusted, is held from one side only, or that has none, is
remarked upon. What hides is laid on hard: a soft edge would show what it hides. The numbers were chosen with
``benchmarks/redaction.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Remark
from sa2va_cli.render.crop import Box, mask_box
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment, Pixels
from sa2va_cli.render.effects.light import coded, shown_colour
from sa2va_cli.render.palette import Colour

_GROWN_SHARE = 0.008
"""Of the picture's short side: by how much a mask is widened where nothing else is said."""

_OBJECT_SHARE, _DOUBTFUL_SHARE = 0.06, 0.12
"""Of the side of a square that is as large as the object: likewise, the latter where it is doubtful."""

_SHRUNK = 0.85
"""A mask that has less of the area of one that is held beside it is doubtful, whatever its confidence."""

_SURE = 0.9
"""A mask of less confidence is joined with all that are held, and a person should look at the frame."""

_HARDLY = 0.5
"""A mask beside one of less confidence is doubtful itself."""

_BESIDE = 3
"""Frames before and after whose masks each is joined with: a part is missed for a moment only."""

_SEEN = 0.02
"""Alpha from which on a pixel is hidden."""


@dataclass
class Redaction(Effect):
    """What all three share: where to hide; holes within a mask are filled.

    Attributes:
        hold: frames before and after from which a missing or doubtful mask is taken.
        grow: pixels by which it is widened; less than 0 for what suits the picture.
    """

    hold: int = 6
    grow: float = -1.0
    _remarks: list[Remark] = field(default_factory=list)

    @property
    def reach(self) -> int:
        """How many frames before and after each it needs."""
        return max(self.hold, _BESIDE)

    @property
    def remarks(self) -> Sequence[Remark]:
        """The frames on which there was nothing to hide, and those whose masks are doubtful."""
        return tuple(self._remarks)

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        doubtful = _is_doubtful(moment) if moment.box is not None else _is_beyond(moment, self.hold)
        mask = held(moment, self.hold, doubtful=doubtful)
        box = mask_box(mask)
        name = type(self).__name__.lower()
        if box is None:
            self._remarks.append(Remark(name, moment.index, moment.seconds, "unprotected"))
            return None
        if doubtful:
            self._remarks.append(Remark(name, moment.index, moment.seconds, "doubtful"))
        grown = _grown(mask, box, self._pixels(moment, mask, doubtful=doubtful))
        box = mask_box(grown)
        assert box is not None  # noqa: S101
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        return Layer(self.cover(moment, box, grown), grown[part].astype(np.float32), box)

    def _pixels(self, moment: Moment, mask: NDArray[np.bool_], *, doubtful: bool) -> int:
        if self.grow >= 0:
            return int(np.ceil(self.grow))
        share = _DOUBTFUL_SHARE if doubtful else _OBJECT_SHARE
        return max(2, round(_GROWN_SHARE * min(moment.size)), round(share * np.count_nonzero(mask) ** 0.5))

    def cover(self, moment: Moment, box: Box, mask: NDArray[np.bool_]) -> Pixels:
        """(h, w, 3) what hides, of the picture's type, for a box."""
        raise NotImplementedError


def held(moment: Moment, hold: int, *, doubtful: bool) -> NDArray[np.bool_]:
    """(H, W) where to hide: the mask with those beside it, or all that are held where it cannot be trusted.

    Args:
        moment: the frame, with its neighbours.
        hold: frames before and after from which a missing or doubtful mask is taken.
        doubtful: whether the mask is.
    """
    own = moment.alpha > _SEEN
    there = [one for one in moment.around if one.box is not None]
    if moment.box is not None:
        reach = max(hold, _BESIDE) if doubtful else _BESIDE
        return _joined([own, *(one.alpha > _SEEN for one in there if abs(one.index - moment.index) <= reach)])
    there = [one for one in there if abs(one.index - moment.index) <= hold]
    before = [one.alpha > _SEEN for one in there if one.index < moment.index][-_BESIDE:]
    after = [one.alpha > _SEEN for one in there if one.index > moment.index][:_BESIDE]
    masks = _joined([own, *before, *after])
    return _between(masks) if before and after else masks


def _is_doubtful(moment: Moment) -> bool:
    """Whether a mask may lack something: by its confidence, or as it has shrunk for a moment."""
    there = [one for one in moment.around if one.box is not None]
    beside = [one for one in there if abs(one.index - moment.index) <= _BESIDE]
    if moment.confidence < _SURE or any(one.confidence < _HARDLY for one in beside):
        return True
    area = np.count_nonzero(moment.alpha > _SEEN)
    before, after = (
        max((np.count_nonzero(one.alpha > _SEEN) for one in side), default=0)
        for side in (
            [one for one in there if one.index < moment.index],
            [one for one in there if one.index > moment.index],
        )
    )
    return bool(area < _SHRUNK * min(before, after))


def _is_beyond(moment: Moment, hold: int) -> bool:
    """Whether masks are held from one side only: nobody knows how far the thing has gone from there."""
    away = [one.index - moment.index for one in moment.around if one.box is not None]
    away = [frames for frames in away if abs(frames) <= hold]
    return bool(away) and (max(away) < 0 or min(away) > 0)


def _joined(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return masks[0] if len(masks) == 1 else np.asarray(np.logical_or.reduce(masks))


def _between(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The hull of a mask: what went from one place to another was between them."""
    points = cv2.findNonZero(mask.view(np.uint8))
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points).reshape(-1, 1, 2), 1)
    return hull.view(np.bool_)


def _grown(mask: NDArray[np.bool_], box: Box, pixels: int) -> NDArray[np.bool_]:
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


@dataclass
class Fill(Redaction):
    """One colour.

    Attributes:
        colour: of what covers.
    """

    colour: Colour = (0, 0, 0)

    def cover(self, moment: Moment, box: Box, mask: NDArray[np.bool_]) -> Pixels:
        """The colour."""
        del mask
        plain = coded(shown_colour(self.colour, moment)[None, None], moment.picture.dtype)
        width, height = box.size
        return np.tile(plain, (height, width, 1))


@dataclass
class Blur(Redaction):
    """A blur of what is there; of a standard deviation that grows with the object.

    Attributes:
        radius: pixels; 0 for a quarter of the object's shorter side.
    """

    radius: float = 0.0

    def cover(self, moment: Moment, box: Box, mask: NDArray[np.bool_]) -> Pixels:
        """The object's own colours, blurred; those of its surroundings do not flow in."""
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        radius = self.radius or max(4.0, min(box.size) / 4)
        return blurred(moment.picture[part], mask[part].astype(np.float32), radius)


def blurred(pixels: Pixels, weight: Floats, radius: float) -> Pixels:
    """Blurs the pixels that count, by those that count; the blur is computed as coarsely as it may be."""
    height, width = weight.shape
    step = max(1, int(radius / 4))
    small = max(1, round(width / step)), max(1, round(height / step))
    sigma = max(0.5, radius * small[0] / width)
    area = cv2.INTER_AREA
    counted = cv2.resize(pixels * weight[..., None], small, interpolation=area).reshape(*small[::-1], 3)
    count = cv2.resize(weight, small, interpolation=area).reshape(small[::-1])
    flat = float(weight.mean()) and (pixels * weight[..., None]).mean(axis=(0, 1)) / weight.mean()
    border = cv2.BORDER_REPLICATE
    top, total = (cv2.GaussianBlur(one, (0, 0), sigma, borderType=border) for one in (counted, count))
    mean = (top + 1e-3 * np.asarray(flat, np.float32)) / (total[..., None] + np.float32(1e-3))
    large = cv2.resize(np.asarray(mean, np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(np.rint(large), 0, np.iinfo(pixels.dtype).max), pixels.dtype)


@dataclass
class Mosaic(Redaction):
    """Coarse cells.

    Attributes:
        cells: along the longer side of the object.
    """

    cells: int = 8

    def cover(self, moment: Moment, box: Box, mask: NDArray[np.bool_]) -> Pixels:
        """The mean of what the object has in each cell."""
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        weight = mask[part].astype(np.float32)
        width, height = box.size
        side = max(width, height) / self.cells
        small = max(1, round(width / side)), max(1, round(height / side))
        area = cv2.INTER_AREA
        total = cv2.resize(moment.picture[part] * weight[..., None], small, interpolation=area)
        count = cv2.resize(weight, small, interpolation=area).reshape(*small[::-1], 1)
        mean = total.reshape(*small[::-1], 3) / np.maximum(count, 1e-6)
        codes = np.clip(np.rint(mean), 0, moment.top).astype(moment.picture.dtype)
        return np.asarray(cv2.resize(codes, box.size, interpolation=cv2.INTER_NEAREST))
