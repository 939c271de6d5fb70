"""How the camera moved: where a point of the background on one frame is on another.

Corners are followed from frame to frame (Lucas and Kanade, with a look back) outside of everything that moves
by itself, and the simplest motion that explains them is taken: a shift, turn and scale; else an affine map;
else a homography. Motions of neighbours are chained.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""(3, 3) map of points (x, y, 1)."""

_SHORT_SIDE = 720
"""Corners are followed in pictures of at most this size."""

_CORNERS = 700
_LEAST_CORNERS = 10
_RETURN = 0.3
"""Pixels from where it began within which a corner must come back."""

_LOOSE = 0.7
"""Pixels by which a corner may miss what the motion says."""

_BETTER = 0.85
"""A motion with more freedom is taken where it leaves less than this share of the error."""


def grey_of(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """A grey picture to follow corners in, and pixels of it for one of the original."""
    height, width = picture.shape[:2]
    scale = min(1.0, _SHORT_SIDE / min(height, width))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey), grey.shape[1] / width


@dataclass
class CameraPath:
    """The camera's motion through a clip, frame after frame."""

    _to_first: dict[int, Matrix] = field(default_factory=dict, repr=False)
    _last: tuple[int, NDArray[np.uint8], NDArray[np.uint8]] | None = field(default=None, repr=False)

    def add(self, index: int, picture: NDArray[np.uint8], moving: NDArray[np.bool_]) -> None:
        """Takes the next frame.

        Args:
            index: of the frame.
            picture: (H, W, 3) uint8.
            moving: (H, W) what moves by itself.
        """
        grey, scale = grey_of(picture)
        still = cv2.resize(
            (~moving).view(np.uint8), (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_NEAREST
        )
        still = np.asarray(cv2.erode(still, np.ones((5, 5), np.uint8)))
        if self._last is None or self._last[1].shape != grey.shape:
            self._to_first[index] = np.eye(3)
        else:
            before, last, open_ = self._last
            step = motion_between(grey, last, still, open_)
            there = np.diag([scale, scale, 1.0])
            moved = self._to_first[before] @ np.linalg.inv(there) @ step @ there
            self._to_first[index] = moved / moved[2, 2]
        self._last = index, grey, still

    def between(self, there: int, here: int) -> Matrix | None:
        """From points of frame ``here`` to those of frame ``there``; None where one was not seen."""
        if there not in self._to_first or here not in self._to_first:
            return None
        matrix = np.linalg.inv(self._to_first[there]) @ self._to_first[here]
        return np.asarray(matrix / matrix[2, 2])


def motion_between(
    here: NDArray[np.uint8],
    there: NDArray[np.uint8],
    still_here: NDArray[np.uint8],
    still_there: NDArray[np.uint8],
) -> Matrix:
    """From points of one picture to those of another, by what is still in both; both (h, w) grey uint8."""
    corners = cv2.goodFeaturesToTrack(here, _CORNERS, 0.003, 6, mask=still_here, blockSize=5)
    if corners is None or len(corners) < _LEAST_CORNERS:
        return np.eye(3)
    ends, found = _followed(here, there, corners)
    back, found_back = _followed(there, here, ends)
    corners, ends, back = (one.reshape(-1, 2).astype(np.float64) for one in (corners, ends, back))
    good = (found.ravel() > 0) & (found_back.ravel() > 0) & (np.hypot(*(corners - back).T) < _RETURN)
    places = np.rint(ends).astype(int)
    height, width = there.shape
    inside = (places[:, 0] >= 0) & (places[:, 0] < width) & (places[:, 1] >= 0) & (places[:, 1] < height)
    good &= inside
    good[good] = still_there[places[good, 1], places[good, 0]] > 0
    if np.count_nonzero(good) < _LEAST_CORNERS:
        return np.eye(3)
    return _simplest(corners[good], ends[good])


def _followed(
    here: NDArray[np.uint8], there: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    ends, found, _ = cv2.calcOpticalFlowPyrLK(here, there, points, None, winSize=(21, 21), maxLevel=4)
    return ends, found


def _simplest(begin: Matrix, end: Matrix) -> Matrix:
    """The motion with the least freedom that explains where points went."""
    best: Matrix | None = None
    error = np.inf
    for fit in (_similar, _affine, _projective):
        found = fit(begin, end)
        if found is None:
            continue
        miss = _missed(found, begin, end)
        now = float(np.median(np.minimum(miss, 4 * _LOOSE)))
        if best is None or now < _BETTER * error - 0.01:
            best, error = found, now
    return np.eye(3) if best is None else best


Fit = Callable[[Matrix, Matrix], Matrix | None]


def _similar(begin: Matrix, end: Matrix) -> Matrix | None:
    found, good = cv2.estimateAffinePartial2D(begin, end, method=cv2.RANSAC, ransacReprojThreshold=_LOOSE)
    if found is None:
        return None
    kept = good.ravel() > 0
    return _least_squares(begin[kept], end[kept])


def _least_squares(begin: Matrix, end: Matrix) -> Matrix:
    """The shift, turn and scale of least squares."""
    middle, goal = begin.mean(axis=0), end.mean(axis=0)
    a, b = begin - middle, end - goal
    spread = float((a * a).sum())
    if spread < 1e-9:
        return np.array([[1, 0, goal[0] - middle[0]], [0, 1, goal[1] - middle[1]], [0, 0, 1.0]])
    cosine, sine = (
        float((a * b).sum()) / spread,
        float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread,
    )
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.vstack([np.column_stack([linear, goal - linear @ middle]), [0, 0, 1.0]])


def _affine(begin: Matrix, end: Matrix) -> Matrix | None:
    found, _ = cv2.estimateAffine2D(begin, end, method=cv2.RANSAC, ransacReprojThreshold=_LOOSE)
    return None if found is None else np.vstack([found, [0, 0, 1.0]])


def _projective(begin: Matrix, end: Matrix) -> Matrix | None:
    found, _ = cv2.findHomography(begin, end, method=cv2.RANSAC, ransacReprojThreshold=_LOOSE)
    return None if found is None else np.asarray(found, np.float64)


def _missed(matrix: Matrix, begin: Matrix, end: Matrix) -> NDArray[np.float64]:
    moved = np.column_stack([begin, np.ones(len(begin))]) @ matrix.T
    return np.asarray(np.hypot(*(moved[:, :2] / moved[:, 2:] - end).T))
