"""Fills a hole with what looks as its surroundings do: pieces of them, that fit together.

After Wexler, Shechtman and Irani, "Space-Time Completion of Video" (2007): each patch of the hole is to be
found in the surroundings, from coarse to fine; the nearest are looked for as Barnes et al. do, "PatchMatch"
(2009). It is one picture's work; what is filled is carried through a clip by others.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats, Pixels
from sa2va_cli.render.effects.light import eight

_RADIUS = 3
"""Of a patch: it is 7 pixels wide."""

_MOST = 5_000
"""Pixels of a hole that are searched for; a larger one is looked at on a smaller picture."""

_THINNEST = 3.0
"""Pixels from its edge to its middle that a hole has on the coarsest picture."""

_ROUNDS = 4
"""Searches on each picture."""

_DEPTH = 1.12
"""By that factor a pixel of the hole counts less for each pixel that it lies deeper."""

_LEVEL = 0.6
"""What a pixel up or down costs, in squared levels of 255 for each pixel of a patch: what is above is often
sky, and what is below, ground."""

_LEAST_EXAMPLES = 200
"""Patches of the surroundings without which there is nothing to choose from."""

Places = NDArray[np.int64]
"""(n, 2) rows and columns."""


def filled_by_example(
    picture: Pixels, lacking: NDArray[np.bool_], usable: NDArray[np.bool_]
) -> Pixels | None:
    """Fills a hole.

    Args:
        picture: (h, w, 3) uint8 or uint16, the hole with its surroundings.
        lacking: (h, w) the hole.
        usable: (h, w) what it may be filled with.

    Returns:
        The picture, filled; None where there is too little around the hole.
    """
    scale = min(1.0, float(np.sqrt(_MOST / max(1, int(np.count_nonzero(lacking))))))
    levels = _levels(eight(picture), lacking, usable & ~lacking, scale)
    found: _Search | None = None
    for level in reversed(levels):
        if np.count_nonzero(level.examples) < _LEAST_EXAMPLES:
            if found is None:
                continue  # too coarse
            return None
        found = _Search(level, found)
        for _ in range(_ROUNDS):
            found.search()
            found.vote()
    return None if found is None else _copied(picture, lacking, found)


@dataclass(frozen=True, eq=False)
class _Level:
    """The picture at one size.

    Attributes:
        image: (h, w, 3) float32.
        lacking: (h, w) the hole.
        examples: (h, w) middles of patches that are all known.
    """

    image: Floats = field(repr=False)
    lacking: NDArray[np.bool_] = field(repr=False)
    examples: NDArray[np.bool_] = field(repr=False)


def _levels(
    picture: NDArray[np.uint8], lacking: NDArray[np.bool_], usable: NDArray[np.bool_], scale: float
) -> list[_Level]:
    """From fine to coarse, each half as large, until the hole is thin; filled in smoothly."""
    made: list[_Level] = []
    whole = np.asarray(cv2.inpaint(picture, lacking.view(np.uint8), 3, cv2.INPAINT_TELEA))
    height, width = lacking.shape
    while True:
        size = max(2, round(width * scale)), max(2, round(height * scale))
        hole, known = (
            cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for one in (lacking, usable)
        )
        examples = cv2.erode((known > 0.999).view(np.uint8), np.ones((2 * _RADIUS + 1,) * 2, np.uint8))
        examples[:_RADIUS], examples[-_RADIUS:], examples[:, :_RADIUS], examples[:, -_RADIUS:] = 0, 0, 0, 0
        image = cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        made.append(_Level(image, hole > 0, examples.view(np.bool_)))
        depth = cv2.distanceTransform((hole > 0).view(np.uint8), cv2.DIST_L2, 3).max()
        if depth <= _THINNEST or min(size) < 8 * _RADIUS:
            return made
        scale /= 2


class _Search:
    """Finds the nearest patches of one picture.

    Args:
        level: the picture; its hole is painted over.
        coarser: what was found on the next smaller one.

    Attributes:
        offsets: (h, w, 2) from each pixel of the hole to the one that it is taken from.
    """

    def __init__(self, level: _Level, coarser: "_Search | None") -> None:
        self.level = level
        self._image = np.array(level.image)
        self._height, self._width = level.lacking.shape
        side = 2 * _RADIUS + 1
        near = cv2.dilate(level.lacking.view(np.uint8), np.ones((side, side), np.uint8)) > 0
        self._here: Places = np.argwhere(near)
        self._number = np.full(near.shape, -1, np.int64)
        self._number[near] = np.arange(len(self._here))
        depth = cv2.distanceTransform(level.lacking.view(np.uint8), cv2.DIST_L2, 3)
        self._trust = self._patches(np.power(np.float32(_DEPTH), -depth)[..., None], self._here)
        self._rng = np.random.default_rng(len(self._here))
        examples = np.argwhere(level.examples)
        start = examples[self._rng.integers(len(examples), size=len(self._here))]
        self._there: Places = start
        self._cost = self._costs(np.arange(len(start)), start)
        if coarser is not None:
            self._begin_with(coarser)

    @property
    def offsets(self) -> Places:
        """(h, w, 2) from each pixel of the hole to the one that it is taken from."""
        found = np.zeros((self._height, self._width, 2), np.int64)
        found[tuple(self._here.T)] = self._there - self._here
        return found

    def _begin_with(self, coarser: "_Search") -> None:
        """Takes over what was found, twice as far; the picture is what that makes of it."""
        size = self._width, self._height
        shift = cv2.resize(coarser.offsets.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
        height, width = coarser.level.lacking.shape
        factor = np.array([self._height / height, self._width / width])
        self._cost[:] = np.inf
        there = self._here + np.rint(shift[tuple(self._here.T)] * factor).astype(np.int64)
        smooth = cv2.resize(coarser.painted, size, interpolation=cv2.INTER_CUBIC)
        self._image[self.level.lacking] = smooth[self.level.lacking]
        random = self._there
        self._there = np.where(self._allowed(there)[:, None], there, random)
        self._cost = self._costs(np.arange(len(there)), self._there)

    @property
    def painted(self) -> Floats:
        """(h, w, 3) the picture with its hole filled so far."""
        return self._image

    def _patches(self, values: Floats, places: Places) -> Floats:
        """(n, 49 x channels) what is around some places."""
        wide = cv2.copyMakeBorder(values, *(_RADIUS,) * 4, cv2.BORDER_REFLECT_101)
        wide = wide.reshape(self._height + 2 * _RADIUS, self._width + 2 * _RADIUS, -1)
        windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * _RADIUS + 1,) * 2, axis=(0, 1))
        return np.asarray(windows[tuple(places.T)].reshape(len(places), -1))

    def _costs(self, which: NDArray[np.int64], there: Places) -> Floats:
        """How unlike patches of the hole and others are, per pixel."""
        here = self._here[which]
        trust = self._trust[which]
        unlike = np.square(self._patches(self._image, here) - self._patches(self._image, there))
        total = (unlike.reshape(len(which), 3, -1) * trust[:, None]).sum(axis=(1, 2)) / trust.sum(axis=1)
        return np.asarray(total + _LEVEL * np.abs(there - here)[:, 0], np.float32)

    def _allowed(self, there: Places) -> NDArray[np.bool_]:
        inside = np.asarray(((there >= 0) & (there < (self._height, self._width))).all(axis=1))
        rows, columns = np.where(inside[:, None], there, 0).T
        return np.asarray(inside & self.level.examples[rows, columns])

    def _try(self, which: NDArray[np.int64], there: Places) -> None:
        good = self._allowed(there)
        if not good.any():
            return
        which, there = which[good], there[good]
        cost = self._costs(which, there)
        better = cost < self._cost[which]
        self._there[which[better]], self._cost[which[better]] = there[better], cost[better]

    def search(self) -> None:
        """Looks for better patches: beside those of neighbours, then anywhere, nearer and nearer."""
        self._cost = self._costs(np.arange(len(self._here)), self._there)  # the picture has changed
        for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            for far in (1, 4):
                move = far * np.array(step)
                beside = self._here - move
                inside = ((beside >= 0) & (beside < (self._height, self._width))).all(axis=1)
                number = np.where(inside, self._number[tuple(np.where(inside[:, None], beside, 0).T)], -1)
                which = np.flatnonzero(number >= 0)
                self._try(which, self._there[number[which]] + move)
        reach = float(max(self._height, self._width))
        everything = np.arange(len(self._here))
        while reach >= 1:
            jump = np.rint(self._rng.uniform(-reach, reach, (len(everything), 2))).astype(np.int64)
            self._try(everything, self._there + jump)
            reach /= 2

    def vote(self) -> None:
        """Paints the hole: each pixel is the mean of what the patches around it say, the likest most."""
        rows, columns = np.nonzero(self.level.lacking)
        spread = float(np.percentile(self._cost, 60)) + 1.0
        weight = np.exp(-self._cost / (2 * spread)).astype(np.float32) + np.float32(1e-6)
        total, count = np.zeros((len(rows), 3), np.float32), np.zeros(len(rows), np.float32)
        for down in range(-_RADIUS, _RADIUS + 1):
            for across in range(-_RADIUS, _RADIUS + 1):
                row, column = rows - down, columns - across
                inside = (row >= 0) & (row < self._height) & (column >= 0) & (column < self._width)
                number = self._number[row[inside], column[inside]]
                from_there = self._there[number] + (down, across)
                total[inside] += weight[number, None] * self._image[tuple(from_there.T)]
                count[inside] += weight[number]
        self._image[rows, columns] = total / count[:, None]


def _copied(picture: Pixels, lacking: NDArray[np.bool_], found: _Search) -> Pixels:
    """The hole at full size: pixels from where those of the small picture came, four neighbours blended."""
    height, width = lacking.shape
    small_height, small_width = found.level.lacking.shape
    rows, columns = np.nonzero(lacking)
    down, across = height / small_height, width / small_width
    row, column = (rows + 0.5) / down - 0.5, (columns + 0.5) / across - 0.5
    total, count = np.zeros((len(rows), 3), np.float32), np.zeros(len(rows), np.float32)
    offsets, inner = found.offsets, found.level.lacking
    for one_down in (0, 1):
        for one_across in (0, 1):
            r = np.clip(np.floor(row).astype(np.int64) + one_down, 0, small_height - 1)
            c = np.clip(np.floor(column).astype(np.int64) + one_across, 0, small_width - 1)
            weight = np.abs(1 - one_down - (row - np.floor(row))) * np.abs(
                1 - one_across - (column - np.floor(column))
            )
            weight = np.where(inner[r, c], weight + 1e-6, 0).astype(np.float32)
            shift = np.rint(offsets[r, c] * (down, across)).astype(np.int64)
            there = np.clip(rows + shift[:, 0], 0, height - 1), np.clip(columns + shift[:, 1], 0, width - 1)
            weight = np.where(lacking[there], np.float32(0), weight)
            total += weight[:, None] * picture[there]
            count += weight
    known = count > 0
    result = np.array(picture)
    result[rows[known], columns[known]] = np.rint(total[known] / count[known, None]).astype(picture.dtype)
    if not known.all():
        smooth = cv2.resize(found.painted, (width, height), interpolation=cv2.INTER_CUBIC)
        unit = np.iinfo(picture.dtype).max / 255
        rest = np.clip(np.rint(smooth * unit), 0, np.iinfo(picture.dtype).max).astype(picture.dtype)
        result[rows[~known], columns[~known]] = rest[rows[~known], columns[~known]]
    return result
