"""Taking something away: what is behind it comes from other frames, and is guessed only where none shows it.

1. The camera's motion is known (``registration``): the nearest frames on which the background can be seen at
   a place are brought here, matched in brightness, and their median is taken.
2. What the camera's motion does not reach is carried inwards along optical flow, from before and after.
3. What was never seen is guessed once, by pieces of what is around it (``exemplar``), and lies still in the
   scene from then on; little of it by Telea's inpainting (2004). Its share of the hole is remarked upon.

Of the clip only a bounded number of frames is kept, thinned evenly as it gets longer. Shadows and reflections
of what is removed stay, unless the mask holds them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Remark
from sa2va_cli.render.crop import Box, mask_box, padded
from sa2va_cli.render.effects.carrying import Carrier
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment, Pixels, Shown
from sa2va_cli.render.effects.exemplar import filled_by_example
from sa2va_cli.render.effects.light import eight
from sa2va_cli.render.effects.registration import CameraPath, Matrix
from sa2va_cli.render.effects.stack import Stack

_GROWN_SHARE = 0.007
"""Of the picture's short side: by how much a mask is widened where nothing else is said."""

_WIDER_SHARE = 0.012
"""By how much more on frames that background is taken from: edges and shadows beside a thing are not it."""

_FEATHER = 3
"""Pixels over which what is filled goes over into the picture."""

_RING = 10
"""Pixels around the hole in which brightness is compared."""

_LITTLE, _LITTLE_SHARE = 40, 0.03
"""Pixels, and share of the hole, that are too little to look for examples for."""

_BITS = 8
_BESIDE_OTHERS = 3
"""Pixels around other objects that are theirs as well."""

_GONE = 0.3
"""Of its size: an object that goes farther than that in the scene is no background."""

_CONTEXT = 40
"""Pixels around what was never seen, at least, that it may be filled with."""

_OVERLAP = 2
"""Pixels around it that go along with it, so that no seam is left."""

_MOST_GUESSES = 12
"""As many are remembered; the first ones are the largest."""

_KEPT_BYTES = 700_000_000
_MOST_KEPT, _LEAST_KEPT = 64, 8
"""Frames of the clip that are kept: as many as fit, within these."""

_OFFSET = 14.0
"""Levels of 255 by which brightness may differ between frames of one light."""

_UNSEEN = 0.002
"""Share of the hole below which nobody needs to look."""

_SEEN = 0.02
"""Alpha from which on a pixel is the thing's."""


@dataclass(frozen=True, eq=False)
class _Sample:
    """A frame that background is taken from.

    Attributes:
        index: of the frame.
        picture: (H, W, 3) of it.
        shown: (H, W) 255 where background is seen, and 0 elsewhere.
        others: (H, W) a bit for each object of the run, by its place; which of them move is known late.
    """

    index: int
    picture: Pixels = field(repr=False)
    shown: NDArray[np.uint8] = field(repr=False)
    others: NDArray[np.uint8] = field(repr=False)

    def hide(self, what: NDArray[np.bool_]) -> None:
        """Takes no background from there."""
        self.shown[what] = 0


@dataclass(frozen=True, eq=False)
class _Guess:
    """What was made up on one frame; ``shown`` is 255 there."""

    index: int
    box: Box
    picture: Pixels = field(repr=False)
    shown: NDArray[np.uint8] = field(repr=False)


@dataclass
class Remove(Effect):
    """Takes the target away.

    Attributes:
        grow: pixels by which the mask is widened; below 0 for what suits.
        reach: frames before and after that are looked at first.
        grain: ``on`` to give what is filled the noise of its surroundings.
    """

    grow: float = -1.0
    reach: int = 12
    grain: str = "on"
    _camera: CameraPath = field(default_factory=CameraPath, repr=False)
    _samples: list[_Sample] = field(default_factory=list, repr=False)
    _every: int = 1
    _seen: int = 0
    _remarks: list[Remark] = field(default_factory=list, repr=False)
    _carrier: Carrier = field(default_factory=Carrier, repr=False)
    _places: dict[int, list[tuple[int, Box]]] = field(default_factory=dict, repr=False)
    _neighbours: dict[int, _Sample] = field(default_factory=dict, repr=False)
    _without_moving: set[int] = field(default_factory=set, repr=False)
    _guesses: "list[_Guess]" = field(default_factory=list, repr=False)

    @property
    def surveys(self) -> bool:
        """Whether it must have seen the whole clip."""
        return True

    @property
    def remarks(self) -> Sequence[Remark]:
        """The frames of which a part was guessed."""
        return tuple(self._remarks)

    def survey(self, moment: Moment) -> None:
        """Follows the camera, and keeps a frame now and then."""
        moving = moment.alpha > _SEEN
        for place, one in enumerate(moment.objects):
            there = one.alpha > _SEEN
            moving = moving | there
            if (box := mask_box(there)) is not None:
                self._places.setdefault(place, []).append((moment.index, box))
        self._camera.add(moment.index, eight(moment.picture), moving)
        if self._seen % self._every == 0:
            shown = self._shown(moment.alpha)
            picture = np.array(moment.picture)
            self._samples.append(_Sample(moment.index, picture, shown, _bits(moment.objects)))
        self._seen += 1
        most = min(max(_KEPT_BYTES // moment.picture.nbytes, _LEAST_KEPT), _MOST_KEPT)
        if len(self._samples) > most:
            self._samples = self._samples[::2]
            self._every *= 2

    def _pixels(self, shape: tuple[int, ...]) -> int:
        if self.grow >= 0:
            return int(np.ceil(self.grow))
        return max(2, round(_GROWN_SHARE * min(shape[:2])))

    def _shown(self, alpha: Floats) -> NDArray[np.uint8]:
        """(H, W) uint8, 255 where background can be taken from as far as the target's mask says."""
        more = max(2, round(_WIDER_SHARE * min(alpha.shape)))
        return np.asarray(
            255 - 255 * _widened(alpha > _SEEN, self._pixels(alpha.shape) + more).view(np.uint8)
        )

    def _sample(self, moment: Moment) -> _Sample:
        """A neighbour; it is asked for by many frames."""
        found = self._neighbours.get(moment.index)
        if found is None:
            while len(self._neighbours) > 2 * self.reach + 1:
                self._neighbours.pop(min(self._neighbours))
            shown, others = self._shown(moment.alpha), _bits(moment.objects)
            found = _Sample(moment.index, moment.picture, shown, others)
            self._neighbours[moment.index] = self._once_moving(found)
        return found

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        hole = _widened(moment.alpha > _SEEN, self._pixels(moment.alpha.shape))
        around = mask_box(hole)
        if around is None:
            return None
        box = padded(around, moment.size, 0.0, even=False, least=_RING + _FEATHER)
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        own, missing = moment.picture[part], np.ascontiguousarray(hole[part])
        wanted = _widened(missing, _FEATHER)
        stack = Stack(own, wanted)
        ring = _widened(missing, _RING) & ~wanted
        for sample in self._nearest(moment):
            if stack.is_full:
                break
            self._bring(sample, moment.index, box, ring, stack)
        filled, known = stack.median()
        filled, lacking = self._carried(moment, box, filled, ~known)
        share = float((missing & lacking).sum() / missing.sum())
        filled = self._guessed(moment, box, filled, lacking, wanted)
        if share > _UNSEEN:
            self._remarks.append(Remark("remove", moment.index, moment.seconds, "invented", share))
        if self.grain == "on":
            filled = _grained(filled, own, missing, ring, moment.index)
        return Layer(filled, _feathered(missing), box)

    def _nearest(self, moment: Moment) -> Iterator[_Sample]:
        """Frames that background can be taken from, the nearest first, each but once."""
        near = {one.index: one for one in moment.around}
        kept = {one.index: one for one in self._samples if one.index not in near}
        for index in sorted({*near, *kept}, key=lambda k: (abs(k - moment.index), k)):
            if index == moment.index:
                continue
            if index in near:
                yield self._sample(near[index])
                continue
            if index not in self._without_moving:
                self._without_moving.add(index)
                self._once_moving(kept[index])
            yield kept[index]

    def _once_moving(self, sample: _Sample) -> _Sample:
        """A frame without what moves by itself, which is known once the clip was seen."""
        sample.hide(self._camera.moves(sample.index, (sample.shown.shape[1], sample.shown.shape[0])))
        if self._moving:
            sample.hide((sample.others & self._moving) > 0)
        return sample

    @cached_property
    def _moving(self) -> int:
        """A bit for each object that goes somewhere in the scene: it is no background."""
        return sum(1 << (place % _BITS) for place, seen in self._places.items() if self._goes(seen))

    def _goes(self, seen: list[tuple[int, Box]]) -> bool:
        first, begin = seen[0]
        ways = [(self._camera.between(first, index), box) for index, box in seen]
        middles = [
            motion @ np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, 1.0])
            for motion, box in ways
            if motion is not None
        ]
        places = np.array([middle[:2] / middle[2] for middle in middles])
        return bool(np.ptp(places, axis=0).max() > _GONE * max(begin.size)) if middles else False

    def _bring(self, sample: _Sample, here: int, box: Box, ring: NDArray[np.bool_], stack: Stack) -> None:
        """Brings what a frame shows of the background to this one."""
        motion = self._camera.between(sample.index, here)
        if motion is None:
            return
        place = motion @ np.array([[1, 0, box.x0], [0, 1, box.y0], [0, 0, 1.0]])
        shown = _shown(sample.shown, place, box)
        if not (shown & stack.lacking).any():
            return
        brought = _warped(sample.picture, place, box)
        stack.add(_matched(brought, stack.own, ring & shown), shown)

    def _carried(
        self, moment: Moment, box: Box, filled: Pixels, lacking: NDArray[np.bool_]
    ) -> tuple[Pixels, NDArray[np.bool_]]:
        """Fills what the camera's motion did not reach along optical flow; says what is lacking still."""
        if not lacking.any():
            return filled, lacking
        hidden = {one.index: self._sample(one).shown < _WHOLE for one in (moment, *moment.around)}
        colours, found = self._carrier.carry(moment, hidden, box, lacking)
        filled[found] = colours[found]
        return filled, lacking & ~found

    def _guessed(
        self,
        moment: Moment,
        box: Box,
        filled: Pixels,
        lacking: NDArray[np.bool_],
        wanted: NDArray[np.bool_],
    ) -> Pixels:
        """Fills what was never seen: once, by what is around it; it lies still in the scene from then on."""
        for guess in self._guesses:
            if not lacking.any():
                return filled
            motion = self._camera.between(guess.index, moment.index)
            if motion is None:
                continue
            place = _moved(-guess.box.x0, -guess.box.y0) @ motion @ _moved(box.x0, box.y0)
            again = lacking & _shown(guess.shown, place, box)
            if again.any():
                filled[again] = _warped(guess.picture, place, box)[again]
                lacking = lacking & ~again
        if not lacking.any():
            return filled
        filled = self._invented(moment, box, filled, lacking, wanted)
        shown = 255 * _widened(lacking, _OVERLAP).view(np.uint8)
        self._guesses = [*self._guesses[: _MOST_GUESSES - 1], _Guess(moment.index, box, filled, shown)]
        return filled

    def _invented(
        self,
        moment: Moment,
        box: Box,
        filled: Pixels,
        lacking: NDArray[np.bool_],
        wanted: NDArray[np.bool_],
    ) -> Pixels:
        """Fills by examples from around the hole; little, and what has nothing around it, by Telea."""
        around = mask_box(lacking)
        assert around is not None  # noqa: S101
        if np.count_nonzero(lacking) < max(_LITTLE, _LITTLE_SHARE * np.count_nonzero(wanted)):
            return _inpainted(filled, lacking)
        place = Box(around.x0 + box.x0, around.y0 + box.y0, around.x1 + box.x0, around.y1 + box.y0)
        wide = padded(place, moment.size, 0.0, even=False, least=max(_CONTEXT, round(0.7 * max(place.size))))
        whole, hole = np.array(moment.picture), np.zeros(moment.alpha.shape, np.bool_)
        usable = np.ones(moment.alpha.shape, np.bool_)
        for one in moment.objects:
            usable &= one.alpha <= _SEEN
        part, seen = ((slice(one.y0, one.y1), slice(one.x0, one.x1)) for one in (box, wide))
        whole[part], hole[part] = filled, lacking
        usable[part] |= wanted & ~lacking
        made = filled_by_example(whole[seen], hole[seen], usable[seen])
        if made is None:
            return _inpainted(filled, lacking)
        whole[seen] = made
        result = np.array(filled)
        result[lacking] = whole[part][lacking]
        return result


def _widened(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    if not pixels:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    box = mask_box(mask)
    if box is None:
        return mask
    box = padded(box, (mask.shape[1], mask.shape[0]), 0.0, even=False, least=pixels + 1)
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    wide = np.zeros(mask.shape, np.uint8)
    wide[part] = cv2.dilate(np.ascontiguousarray(mask[part]).view(np.uint8), disc)
    return wide.view(np.bool_)


def _bits(objects: Sequence[Shown]) -> NDArray[np.uint8]:
    """(H, W) a bit for each object, by its place; those beyond the last share bits."""
    bits = np.zeros(objects[0].alpha.shape if objects else (1, 1), np.uint8)
    for place, one in enumerate(objects):
        bits[_widened(one.alpha > _SEEN, _BESIDE_OTHERS)] |= np.uint8(1 << (place % _BITS))
    return bits


def _moved(right: float, down: float) -> Matrix:
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1.0]])


def _warped(picture: Pixels, place: Matrix, box: Box) -> Pixels:
    """A part of a picture as it lies here."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpPerspective(picture, place, box.size, flags=flags, borderMode=border))


def _shown(values: NDArray[np.uint8], place: Matrix, box: Box) -> NDArray[np.bool_]:
    """Where a part of a mask of 0 and 255 lies here, all of each pixel."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(values, place, box.size, flags=flags) > _WHOLE)


_WHOLE = 250
"""Of 255: a pixel that is nearly all seen."""


def _matched(brought: NDArray[np.generic], own: Pixels, ring: NDArray[np.bool_]) -> Floats:
    """Another frame's pixels with the brightness of this one, by what both show around the hole."""
    values = brought.astype(np.float32)
    if np.count_nonzero(ring) < 50:
        return values
    unit = np.iinfo(own.dtype).max / 255
    offset = np.median(own[ring].astype(np.float32) - values[ring], axis=0)
    return np.asarray(values + np.where(np.abs(offset) < _OFFSET * unit, offset, 0), np.float32)


def _inpainted(filled: Pixels, lacking: NDArray[np.bool_]) -> Pixels:
    """What nobody has seen, by Telea's method; deeper pictures get it with 8 bits."""
    if not lacking.any():
        return filled
    guess = cv2.inpaint(eight(filled), lacking.view(np.uint8), 4, cv2.INPAINT_TELEA)
    result = np.array(filled)
    fine = guess if filled.dtype == np.uint8 else guess.astype(np.uint16) * np.uint16(257)
    result[lacking] = fine[lacking]
    return result


def _feathered(missing: NDArray[np.bool_]) -> Floats:
    """1 in the hole, and less and less over a few pixels around it."""
    away = cv2.distanceTransform((~missing).view(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.clip(1 - away / (_FEATHER + 1), 0, 1), np.float32)


def _grained(
    filled: Pixels, own: Pixels, missing: NDArray[np.bool_], ring: NDArray[np.bool_], seed: int
) -> Pixels:
    """Adds the noise that a median has lost, the same at every run."""
    wanted, there = _noise(own, ring), _noise(filled, missing)
    more = np.sqrt(max(0.0, wanted**2 - there**2))
    top = np.iinfo(filled.dtype).max
    if more < 0.15 * top / 255:
        return filled
    grain = np.random.default_rng(seed).standard_normal(missing.shape).astype(np.float32)
    noisy = filled.astype(np.float32) + np.float32(more) * np.where(missing, grain, 0)[..., None]
    return np.asarray(np.clip(np.rint(noisy), 0, top).astype(filled.dtype))


def _noise(pixels: Pixels, where: NDArray[np.bool_]) -> float:
    """A picture's noise, standard deviation (after Immerkær, "Fast Noise Variance Estimation", 1996)."""
    if not where.any():
        return 0.0
    luma = cv2.transform(pixels.astype(np.float32), np.array([[0.2126, 0.7152, 0.0722]]))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    rest = np.abs(cv2.filter2D(luma, cv2.CV_32F, kernel))
    return float(np.median(rest[where]) / 0.6745)
