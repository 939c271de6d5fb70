"""How the camera moved: where a point of the background on one frame is on another.

Corners are followed from frame to frame (Lucas and Kanade, with a look back) outside of everything that moves
by itself, and the simplest motion that explains them is taken: a shift, turn and scale; else an affine map;
else a homography. Motions of neighbours are chained.
"""

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
    """The camera's motion through a clip, frame after frame, and what moves by itself.

    Attributes:
        moving: for each frame, on a reduced picture, what does not move as the camera says.
    """

    moving: dict[int, "PackedMask"] = field(default_factory=dict, repr=False)
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
            self._note_moving(index, before, grey, last, step)
        self._last = index, grey, still

    def _note_moving(
        self, index: int, before: int, grey: NDArray[np.uint8], last: NDArray[np.uint8], step: Matrix
    ) -> None:
        """Notes what moves by itself on two frames."""
        here, there = moving_by_itself(grey, last, step)
        for frame, mask in ((before, there), (index, here)):
            packed = self.moving.get(frame)
            both = mask if packed is None else mask | packed.unpacked()
            self.moving[frame] = PackedMask.of(both)

    def moves(self, index: int, size: tuple[int, int]) -> NDArray[np.bool_]:
        """(H, W) what moves by itself on a frame; nothing where that cannot be told from the camera."""
        packed = self.moving.get(index)
        if packed is None:
            return np.zeros(size[::-1], np.bool_)
        small = packed.unpacked()
        if small.mean() > _MUCH:
            return np.zeros(size[::-1], np.bool_)
        large = cv2.resize(small.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(large).view(np.bool_)

    def between(self, there: int, here: int) -> Matrix | None:
        """From points of frame ``here`` to those of frame ``there``; None where one was not seen."""
        if there not in self._to_first or here not in self._to_first:
            return None
        matrix = np.linalg.inv(self._to_first[there]) @ self._to_first[here]
        return np.asarray(matrix / matrix[2, 2])


@dataclass(frozen=True, eq=False)
class PackedMask:
    """A mask of one bit for each pixel: a long clip has many.

    Attributes:
        bits: packed along the rows.
        shape: (h, w).
    """

    bits: NDArray[np.uint8] = field(repr=False)
    shape: tuple[int, int]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "PackedMask":
        """Packs a mask."""
        return cls(np.packbits(mask), (mask.shape[0], mask.shape[1]))

    def unpacked(self) -> NDArray[np.bool_]:
        """The mask, (h, w)."""
        height, width = self.shape
        return np.unpackbits(self.bits, count=height * width).reshape(self.shape).view(np.bool_)


_FLOW_SIDE = 180
"""Short side of the pictures on which what moves by itself is looked for."""

_OWN_MOTION = 0.5
"""Pixels of these by which flow must differ from the camera's motion."""

_MUCH = 0.35
"""Share of a picture that cannot all move by itself: there the camera's motion is no single map."""


def moving_by_itself(
    here: NDArray[np.uint8], there: NDArray[np.uint8], step: Matrix
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What does not move as the camera does, on either of two pictures, each (h, w) of a reduced size."""
    height, width = here.shape
    scale = min(1.0, _FLOW_SIDE / min(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    first, second = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (here, there))
    reduce = np.diag([size[0] / width, size[1] / height, 1.0])
    small = reduce @ step @ np.linalg.inv(reduce)
    masks = []
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    for one, other, map_ in ((first, second, small), (second, first, np.linalg.inv(small))):
        flow = dis.calc(one, other, None)
        expected = _field(np.asarray(map_, np.float64), size)
        own = np.hypot(*cv2.split(flow - expected)) > _OWN_MOTION
        masks.append(cv2.dilate(own.astype(np.uint8), np.ones((5, 5), np.uint8)).view(np.bool_))
    return masks[0], masks[1]


def _field(matrix: Matrix, size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w, 2) by how much a map moves each pixel."""
    columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float64), np.arange(size[1], dtype=np.float64))
    x, y, w = (matrix[k, 0] * columns + matrix[k, 1] * rows + matrix[k, 2] for k in range(3))
    return np.stack([x / w - columns, y / w - rows], axis=-1).astype(np.float32)


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
    begin, end, again = (np.asarray(one, np.float64).reshape(-1, 2) for one in (corners, ends, back))
    good = (found.ravel() > 0) & (found_back.ravel() > 0) & (np.hypot(*(begin - again).T) < _RETURN)
    places = np.rint(end).astype(int)
    height, width = there.shape
    inside = (places[:, 0] >= 0) & (places[:, 0] < width) & (places[:, 1] >= 0) & (places[:, 1] < height)
    good &= inside
    good[good] = still_there[places[good, 1], places[good, 0]] > 0
    if np.count_nonzero(good) < _LEAST_CORNERS:
        return np.eye(3)
    return _simplest(begin[good], end[good])


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
