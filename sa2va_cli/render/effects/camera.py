"""A virtual camera on the target: a part of the picture, of the same shape, made as large as the whole.

Its path is known before the first picture is drawn: positions are smoothed over the whole clip, forwards and
backwards, so that it neither trembles nor lags; pixels are placed between those of the source, not on them.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.compositing import whole
from sa2va_cli.render.effects.effect import Effect, Layer, Moment
from sa2va_cli.render.framing import steadied

_ROOM = 1.5
"""Sides of the camera's picture, in those of the target at its largest."""

_LEAST = 1.3
"""It always moves in a little, or one would think that it does nothing."""

_CLOSEST = 6.0
"""The camera goes no closer by itself: then pixels would be seen."""

_HEADROOM = 0.06
"""Of the camera's picture, above a target that is taller than it: of people one wants to see the heads."""


@dataclass
class Camera(Effect):
    """What both cameras share: where they look.

    Attributes:
        factor: by how much it is closer; 0 for as close as the target allows.
    """

    factor: float
    _boxes: dict[int, Box | None] = field(default_factory=dict, repr=False)
    _size: tuple[int, int] = (1, 1)
    _fps: float = 25.0
    _path: dict[int, tuple[float, float, float]] | None = field(default=None, repr=False)

    @property
    def surveys(self) -> bool:
        """Whether it must have seen the whole clip."""
        return True

    def survey(self, moment: Moment) -> None:
        """Notes where the target is."""
        self._boxes[moment.index] = moment.box
        self._size, self._fps = moment.size, moment.fps

    @property
    def seconds_smoothed(self) -> float:
        """Standard deviation over which the path is smoothed."""
        raise NotImplementedError

    def closeness(self, moment: Moment) -> float:
        """By how much the camera is closer at a time."""
        raise NotImplementedError

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        if self._path is None:
            self._path = _steady_path(self._boxes, self.seconds_smoothed * self._fps)
        at = self._path.get(moment.index)
        factor = self.closeness(moment)
        if at is None or factor <= 1:
            return None
        width, height = moment.size
        across, down, head = at
        looks_at = across, _with_head(down, head, height / factor)
        left, top = (
            min(max(middle - side / factor / 2, 0), side - side / factor)
            for middle, side in zip(looks_at, (width, height), strict=True)
        )
        # Corners stay corners: the middle of a pixel lies half a pixel in.
        half = 0.5 / factor - 0.5
        place = np.array([[1 / factor, 0, left + half], [0, 1 / factor, top + half]])
        flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(
            moment.picture, place, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return Layer(np.asarray(seen), np.ones((height, width), np.float32), whole((height, width)))

    def _fitting(self) -> float:
        """How close it may go."""
        if self.factor:
            return max(1.0, self.factor)
        seen = [box.size for box in self._boxes.values() if box is not None]
        if not seen:
            return 1.0
        wide, tall = (float(np.percentile(sides, 95)) for sides in zip(*seen, strict=True))
        fits = min(self._size[0] / (_ROOM * wide), self._size[1] / (_ROOM * tall))
        return min(max(_LEAST, fits), _CLOSEST)


def _with_head(middle: float, head: float, tall: float) -> float:
    """Where a picture so tall is centred: on the target's middle, or lower than its top if it is taller."""
    beyond = 2 * (middle - head) - tall
    return middle if beyond <= 0 else head + tall / 2 - min(_HEADROOM * tall, beyond)


def _steady_path(boxes: dict[int, Box | None], sigma: float) -> dict[int, tuple[float, float, float]]:
    """Where the target's middle and its top are; where there is none, between where it was and will be."""
    frames = sorted(boxes)
    seen = [(k, box) for k, frame in enumerate(frames) if (box := boxes[frame]) is not None]
    if not seen:
        return {}
    at = [k for k, _ in seen]
    places = np.array([((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, box.y0) for _, box in seen])
    across, down, head = (
        _without_lag(np.interp(range(len(frames)), at, places[:, axis]), sigma) for axis in range(3)
    )
    return {frame: (float(across[k]), float(down[k]), float(head[k])) for k, frame in enumerate(frames)}


def _without_lag(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """A steadied path that goes on at its ends as it came: it neither starts late nor stops early."""
    reach = min(len(values) - 1, round(3 * sigma))
    if sigma <= 0 or reach < 1:
        return values
    longer = np.pad(values, reach, mode="reflect", reflect_type="odd")
    return steadied(longer, sigma)[reach:-reach]


@dataclass
class Follow(Camera):
    """Goes along with the target, always as close.

    Attributes:
        steady: seconds over which the path is smoothed.
    """

    steady: float = 0.6

    @property
    def seconds_smoothed(self) -> float:
        """As it was told."""
        return self.steady

    def closeness(self, moment: Moment) -> float:
        """Always the same."""
        del moment
        return self._fitting()


@dataclass
class Zoom(Camera):
    """Moves in on the target, and stays there.

    Attributes:
        seconds: how long the move takes, from the first frame on which it is seen.
    """

    seconds: float = 1.0
    _begin: float | None = None

    @property
    def seconds_smoothed(self) -> float:
        """A close camera has to be steadier than one that goes along."""
        return 1.0

    def closeness(self, moment: Moment) -> float:
        """More and more, beginning and ending gently; by the same share of the size in the same time."""
        if self._begin is None:
            self._begin = moment.seconds
        part = min(max((moment.seconds - self._begin) / self.seconds, 0), 1) if self.seconds else 1.0
        return float(self._fitting() ** (part * part * (3 - 2 * part)))
