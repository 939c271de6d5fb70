"""Hiding: a colour, a blur or coarse cells over the object, and no frame is passed silently.

Masks fail: ``covering`` says where the thing is all the same, and where nobody can know that. Such frames,
and those without any mask, are remarked upon. What hides is laid on hard: a soft edge would show what it
hides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from sa2va_cli.datatypes import Remark
from sa2va_cli.render.crop import Box, mask_box
from sa2va_cli.render.effects.covering import BESIDE, Covered, Mask, Sighting, covered, sighting
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment, Part, Pixels
from sa2va_cli.render.effects.light import coded, shown_colour
from sa2va_cli.render.palette import Colour


@dataclass
class Redaction(Effect):
    """What all three share: each thing of the target is hidden on its own, where ``covering`` says.

    Attributes:
        hold: frames before and after from which a missing or doubtful mask is taken.
        grow: pixels by which it is widened; less than 0 for what suits the thing.
    """

    hold: int = 6
    grow: float = -1.0
    _remarks: list[Remark] = field(default_factory=list)
    _sightings: dict[tuple[int, int], Sighting] = field(default_factory=dict, repr=False)
    _outside: dict[int, bool] = field(default_factory=dict)
    """Whether each thing was last seen at the edge of the picture."""

    @property
    def reach(self) -> int:
        """How many frames before and after each it needs."""
        return max(self.hold, BESIDE)

    @property
    def remarks(self) -> Sequence[Remark]:
        """The frames on which there was nothing to hide, and those on which it may not have been hidden."""
        return tuple(self._remarks)

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        self._forget(moment)
        found = [self._covered(moment, number) for number in range(len(_parts(moment)))]
        masks = [one.mask for one in found if one.mask is not None]
        name = type(self).__name__.lower()
        if not masks:
            self._remarks.append(Remark(name, moment.index, moment.seconds, "unprotected"))
            return None
        if any(one.doubtful for one in found):
            self._remarks.append(Remark(name, moment.index, moment.seconds, "doubtful"))
        mask: Mask = masks[0] if len(masks) == 1 else np.logical_or.reduce(masks)
        box = mask_box(mask)
        assert box is not None  # noqa: S101
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        return Layer(self.cover(moment, box, mask), mask[part].astype(np.float32), box)

    def _covered(self, moment: Moment, number: int) -> Covered:
        """Where one thing is hidden; what is away for long is in doubt unless it has left the picture."""
        own = self._sighting(moment, number)
        if own.box is not None:
            self._outside[number] = own.at_edge
        reach = self.hold if own.box is None else self.reach
        there = [one for one in moment.around if abs(one.index - moment.index) <= reach]
        around = [self._sighting(one, number) for one in there]
        found = covered(own, around, self.grow)
        return Covered(None, not self._outside.get(number, True)) if found.mask is None else found

    def _sighting(self, moment: Moment, number: int) -> Sighting:
        key = moment.index, number
        if key not in self._sightings:
            part = _parts(moment)[number]
            self._sightings[key] = sighting(moment.index, part.alpha, part.confidence)
        return self._sightings[key]

    def _forget(self, moment: Moment) -> None:
        """Frames come in order: those that nobody will ask about again are dropped."""
        for key in [one for one in self._sightings if one[0] < moment.index - self.reach]:
            del self._sightings[key]

    def cover(self, moment: Moment, box: Box, mask: Mask) -> Pixels:
        """(h, w, 3) what hides, of the picture's type, for a box."""
        raise NotImplementedError


def _parts(moment: Moment) -> Sequence[Part]:
    return moment.parts or (Part(moment.alpha, moment.confidence),)


@dataclass
class Fill(Redaction):
    """One colour.

    Attributes:
        colour: of what covers.
    """

    colour: Colour = (0, 0, 0)

    def cover(self, moment: Moment, box: Box, mask: Mask) -> Pixels:
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

    def cover(self, moment: Moment, box: Box, mask: Mask) -> Pixels:
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

    def cover(self, moment: Moment, box: Box, mask: Mask) -> Pixels:
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
