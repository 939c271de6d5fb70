"""How a thing moves from frame to frame, so that what is painted on it moves with it.

Textures are laid in coordinates of the thing: a similarity (shift, turn, size) fitted to optical flow inside
it, frame after frame. What is painted is steadied too: where the picture only moved, a share of what was
painted before is brought along the flow (DIS: Kroeger et al., "Fast Optical Flow using Dense Inverse Search",
ECCV 2016), so that strokes do not boil.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.effect import Floats

_SHORT_SIDE = 360
"""Flow is computed on pictures of at most this size: it is smooth."""

_LEAST_SIDE = 24
"""Pixels of the flow's picture below which DIS has nothing to hold on to."""

_POINTS = 600
"""Points of the thing that the similarity is fitted to."""

_BETTER = 0.8
"""A turn or a change of size is believed where it leaves less than this share of the error of a shift."""

_LEAST_SIZE = 0.8
"""No thing shrinks to less than that from one frame to the next."""

_GRAIN_SIGMA = 1.0
"""Pixels over which a picture is smoothed before that comparison: a camera's grain is no motion."""

_KEPT = 0.9
"""The most that counts of what was painted before."""

_UNLIKE = 10.0
"""Levels of 255 by which the picture may differ from what moved there until that share is halved."""

Affine = NDArray[np.float64]
"""(2, 3) map of points (x, y)."""


@dataclass(frozen=True, eq=False)
class _Last:
    index: int
    grey: NDArray[np.uint8] = field(repr=False)
    box: Box
    pixels: NDArray[np.uint8] = field(repr=False)
    painted: NDArray[np.uint8] | None = field(repr=False)


class Motion:
    """Follows one thing; frames come in order.

    Attributes:
        place: maps points of the picture into the thing's own coordinates, in pixels of the first frame.
    """

    def __init__(self) -> None:
        self.place: Affine = np.eye(2, 3)
        self._last: _Last | None = None
        self._next: _Last | None = None
        self._flow: Floats | None = None

    def follow(self, index: int, picture: NDArray[np.uint8], alpha: Floats, box: Box) -> None:
        """Finds out how the thing came here.

        Args:
            index: of the frame.
            picture: (H, W, 3) uint8, the whole of it.
            alpha: (H, W) float32.
            box: what is painted of this frame.
        """
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        grey = _small_grey(picture)
        self._next = _Last(index, grey, box, np.array(picture[part]), None)
        last = self._last
        if last is None or last.grey.shape != grey.shape or index != last.index + 1:
            self._flow = None
            if last is None:
                self.place = np.array([[1.0, 0, -box.x0], [0, 1.0, -box.y0]])
            return
        self._flow = _flow(grey, last.grey, box, picture.shape)
        if self._flow is not None:
            self.place = _composed(self.place, _similarity(self._flow, alpha[part], box))

    def steadied(self, painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What was painted of the frame that was followed last, (h, w, 3) uint8, without boiling."""
        now = self._next
        assert now is not None  # noqa: S101
        if self._flow is not None and self._last is not None:
            painted = _brought(self._last, now, self._flow, painted)
        self._last = _Last(now.index, now.grey, now.box, now.pixels, painted)
        return painted


def _small_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(1.0, _SHORT_SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(
        cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    )


def _flow(
    grey: NDArray[np.uint8], before: NDArray[np.uint8], box: Box, shape: tuple[int, ...]
) -> Floats | None:
    """(h, w, 2) where each pixel of a box was one frame before, relative to itself."""
    height, width = shape[:2]
    across, down = grey.shape[1] / width, grey.shape[0] / height
    margin = 16
    x0, x1 = max(0, int(box.x0 * across) - margin), min(grey.shape[1], int(box.x1 * across) + margin + 1)
    y0, y1 = max(0, int(box.y0 * down) - margin), min(grey.shape[0], int(box.y1 * down) + margin + 1)
    if min(x1 - x0, y1 - y0) < _LEAST_SIDE:
        return None
    here, there = (np.ascontiguousarray(one[y0:y1, x0:x1]) for one in (grey, before))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    small = dis.calc(here, there, None)
    to_small = np.array(
        [[across, 0, (box.x0 + 0.5) * across - 0.5 - x0], [0, down, (box.y0 + 0.5) * down - 0.5 - y0]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(small, to_small, box.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(large * np.array([1 / across, 1 / down], np.float32), np.float32)


def _similarity(flow: Floats, alpha: Floats, box: Box) -> Affine:
    """The similarity that most of the thing moved by, from points now to points before."""
    rows, columns = np.nonzero(alpha > 0.5)
    if len(rows) < 3:
        return np.eye(2, 3)
    step = max(1, len(rows) // _POINTS)
    rows, columns = rows[::step], columns[::step]
    now = np.stack([columns + box.x0, rows + box.y0], axis=1).astype(np.float64)
    before = now + flow[rows, columns]
    shift = np.median(before - now, axis=0)
    only_shifted: Affine = np.array([[1.0, 0, shift[0]], [0, 1.0, shift[1]]])
    still = float(np.median(_missed(only_shifted, now, before)))
    weight = np.ones(len(now))
    found = only_shifted
    for _ in range(5):
        found = _fitted(now, before, weight)
        miss = _missed(found, now, before)
        weight = 1 / (1 + np.square(miss / max(0.3, float(np.median(miss)))))
    size = float(np.hypot(found[0, 0], found[1, 0]))
    turns = float(np.median(_missed(found, now, before))) < _BETTER * still - 0.02
    return found if turns and _LEAST_SIZE < size < 1 / _LEAST_SIZE else only_shifted


def _missed(motion: Affine, now: Affine, before: Affine) -> NDArray[np.float64]:
    return np.asarray(np.hypot(*(now @ motion[:, :2].T + motion[:, 2] - before).T))


def _fitted(now: Affine, before: Affine, weight: NDArray[np.float64]) -> Affine:
    """Weighted least squares of a similarity."""
    total = weight.sum()
    middle, goal = (weight @ now) / total, (weight @ before) / total
    a, b = now - middle, before - goal
    spread = float((weight * (a * a).sum(axis=1)).sum())
    if spread < 1e-6:
        return np.array([[1.0, 0, goal[0] - middle[0]], [0, 1.0, goal[1] - middle[1]]])
    cosine = float((weight * (a * b).sum(axis=1)).sum()) / spread
    sine = float((weight * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum()) / spread
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, goal - linear @ middle])


def _composed(outer: Affine, inner: Affine) -> Affine:
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def _brought(last: _Last, now: _Last, flow: Floats, painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What was painted, mixed with what was painted before where the picture only moved."""
    width, height = now.box.size
    columns = np.arange(width, dtype=np.float32)[None] + flow[..., 0] + np.float32(now.box.x0 - last.box.x0)
    rows = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1] + np.float32(now.box.y0 - last.box.y0)
    assert last.painted is not None  # noqa: S101
    kind: dict[str, Any] = {"borderMode": cv2.BORDER_REPLICATE}
    source = cv2.remap(last.pixels, columns, rows, cv2.INTER_LINEAR, **kind)
    before = cv2.remap(last.painted, columns, rows, cv2.INTER_CUBIC, **kind)
    smooth = (cv2.GaussianBlur(one, (0, 0), _GRAIN_SIGMA) for one in (source, now.pixels))
    unlike = cv2.blur(cv2.absdiff(*smooth), (5, 5)).max(axis=2).astype(np.float32)
    inside = (columns >= 0) & (columns < last.box.size[0]) & (rows >= 0) & (rows < last.box.size[1])
    share = np.where(inside, _KEPT / (1 + np.square(unlike / _UNLIKE)), 0).astype(np.float32)
    return np.asarray(cv2.blendLinear(before, painted, share, 1 - share))
