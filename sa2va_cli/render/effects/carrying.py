"""Background that is carried into a hole along optical flow, from frames before and after.

Flow is computed between neighbours outside of holes; within a hole it is what its surroundings do, smoothly.
Steps are put together until they lead to a place where the background is seen.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.effect import Floats, Moment, Pixels
from sa2va_cli.render.effects.light import eight

_SHORT_SIDE = 300
_KEPT = 128
"""Flows between neighbours that are remembered: each is wanted by many frames."""

_CONSISTENT = 1.5
"""Pixels by which flow there and back may differ."""


@dataclass
class Carrier:
    """Remembers flow between frames of one clip."""

    _flows: dict[tuple[int, int], tuple[Floats, float]] = field(default_factory=dict, repr=False)

    def carry(
        self,
        moment: Moment,
        hidden: dict[int, NDArray[np.bool_]],
        box: Box,
        lacking: NDArray[np.bool_],
    ) -> tuple[Pixels, NDArray[np.bool_]]:
        """Finds the colours of pixels that are missing.

        Args:
            moment: the frame, with its neighbours.
            hidden: (H, W) for each of these frames, where background cannot be taken from.
            box: the part of the picture that is asked for.
            lacking: (h, w) which of its pixels.

        Returns:
            (h, w, 3) colours, and where they were found.
        """
        ways = [
            sorted((one for one in moment.around if one.index < moment.index), key=lambda m: -m.index),
            sorted((one for one in moment.around if one.index > moment.index), key=lambda m: m.index),
        ]
        total = np.zeros((*lacking.shape, 3), np.float32)
        count = np.zeros(lacking.shape, np.float32)
        for way in ways:
            colours, steps = self._one_way(moment, way, hidden, box, lacking)
            weight = np.where(steps > 0, 1 / np.maximum(steps, 1), 0).astype(np.float32)
            total += colours * weight[..., None]
            count += weight
        found = (count > 0) & lacking
        mean = total / np.maximum(count, 1e-6)[..., None]
        return np.clip(np.rint(mean), 0, moment.top).astype(moment.picture.dtype), found

    def _one_way(
        self,
        moment: Moment,
        way: list[Moment],
        hidden: dict[int, NDArray[np.bool_]],
        box: Box,
        lacking: NDArray[np.bool_],
    ) -> tuple[Floats, Floats]:
        """Colours found on the way into the past or the future, and after how many steps; 0 for never."""
        rows, columns = np.nonzero(lacking)
        places = np.stack([columns + box.x0, rows + box.y0], axis=1).astype(np.float32)
        colours = np.zeros((*lacking.shape, 3), np.float32)
        steps = np.zeros(lacking.shape, np.float32)
        waiting = np.ones(len(rows), np.bool_)
        here = moment
        for number, there in enumerate(way, 1):
            if abs(there.index - here.index) != 1 or not waiting.any():
                break
            flow, scale = self._flow(here, there, hidden)
            places = places + _at(flow, places * np.float32(scale)) / np.float32(scale)
            seen = _at((~hidden[there.index]).astype(np.float32), places)[:, 0] > 0.99
            width, height = there.size
            inside = (places >= 0).all(axis=1) & (places[:, 0] <= width - 1) & (places[:, 1] <= height - 1)
            now = waiting & seen & inside
            if now.any():
                colours[rows[now], columns[now]] = _at(there.picture, places[now])
                steps[rows[now], columns[now]] = number
            waiting &= ~now & inside
            here = there
        return colours, steps

    def _flow(
        self, here: Moment, there: Moment, hidden: dict[int, NDArray[np.bool_]]
    ) -> tuple[Floats, float]:
        key = here.index, there.index
        if key not in self._flows:
            while len(self._flows) >= _KEPT:
                self._flows.pop(next(iter(self._flows)))
            self._flows[key] = _background_flow(here, there, hidden[here.index])
        return self._flows[key]


def _at(values: NDArray[np.generic], places: Floats) -> Floats:
    """(n, c) what an (H, W) or (H, W, c) array has at (n, 2) places."""
    across, down = (np.ascontiguousarray(places[:, k, None], np.float32) for k in (0, 1))
    taken = []
    for begin in range(0, len(places), _MOST_ROWS):  # OpenCV takes no more rows in one picture
        part = slice(begin, begin + _MOST_ROWS)
        one = cv2.remap(values, across[part], down[part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        taken.append(one.reshape(len(across[part]), -1).astype(np.float32))
    return np.concatenate(taken) if taken else np.zeros((0, 1), np.float32)


_MOST_ROWS = 30_000


def _background_flow(here: Moment, there: Moment, hidden: NDArray[np.bool_]) -> tuple[Floats, float]:
    """(h, w, 2) flow on a reduced picture, filled in where something hides the background; and its scale."""
    width, height = here.size
    scale = min(1.0, _SHORT_SIDE / min(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    first, second = (
        cv2.resize(cv2.cvtColor(eight(one.picture), cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        for one in (here, there)
    )
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    forward, backward = dis.calc(first, second, None), dis.calc(second, first, None)
    columns = np.arange(size[0], dtype=np.float32)[None] + forward[..., 0]
    rows = np.arange(size[1], dtype=np.float32)[:, None] + forward[..., 1]
    back = cv2.remap(backward, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    good = np.hypot(*cv2.split(forward + back)) < _CONSISTENT
    still = cv2.resize((~hidden).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    return _completed(np.asarray(forward, np.float32), good & still), size[0] / width


def _completed(flow: Floats, known: NDArray[np.bool_]) -> Floats:
    """Flow where it is known; elsewhere what is around, from near to far: a pyramid, up and down again."""
    weight = known.astype(np.float32)
    levels = [(flow * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 1:
        total, count = levels[-1]
        half = max(1, count.shape[1] // 2), max(1, count.shape[0] // 2)
        shape = half[::-1]
        smaller = cv2.resize(total, half, interpolation=cv2.INTER_AREA).reshape(*shape, 2)
        levels.append((smaller, cv2.resize(count, half, interpolation=cv2.INTER_AREA).reshape(shape)))
    filled = np.zeros((*levels[-1][1].shape, 2), np.float32)
    for total, count in reversed(levels):
        coarse = cv2.resize(filled, (count.shape[1], count.shape[0]), interpolation=cv2.INTER_LINEAR)
        mean = total / np.maximum(count, 1e-6)[..., None]
        filled = np.where(count[..., None] > _ENOUGH, mean, coarse.reshape(mean.shape))
    return np.asarray(filled, np.float32)


_ENOUGH = 0.05
"""Share of a cell of the pyramid that must be known."""
