"""Where actors and the camera are at a time: paths in the park's plane, in pixels of a 640 x 360 picture.

Knows nothing about looks.
"""

from dataclasses import dataclass
from math import cos, pi, sin
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 640.0, 360.0

MOTIONS: dict[str, tuple[str, ...]] = {
    "girl": ("walk", "walk", "run", "stand", "return"),
    "boy": ("walk", "walk", "run", "stand", "return"),
    "dog": ("walk", "run", "run", "stand", "return"),
    "cat": ("walk", "walk", "run", "stand", "return"),
    "ball": ("bounce", "bounce", "roll", "stand"),
    "balloon": ("float", "float", "drift", "stand"),
    "car": ("drive", "drive", "stand", "return"),
    "bicycle": ("ride", "ride", "stand", "return"),
    "bird": ("fly", "fly", "fly", "stand"),
}
"""What each kind may do; those named twice are commoner."""

SPEEDS: dict[str, tuple[float, float]] = {
    "walk": (40, 75),
    "run": (115, 170),
    "drive": (80, 190),
    "ride": (70, 140),
    "roll": (60, 120),
    "drift": (40, 80),
    "fly": (60, 140),
    "float": (24, 40),
}
"""Pixels in a second."""

DIRECTED = frozenset({"walk", "run", "drive", "ride", "roll", "drift", "fly"})


@dataclass(frozen=True)
class Path:
    """The way of one actor.

    Attributes:
        motion: one of the names in ``MOTIONS``.
        x: position at the middle of the clip.
        y: position of the feet at the middle of the clip.
        speed: pixels in a second; negative goes to the left.
        period: seconds of one stride, bounce or wing beat.
        lift: height of a bounce, in pixels.
        middle: seconds at the middle of the clip.
    """

    motion: str
    x: float
    y: float
    speed: float
    period: float
    lift: float
    middle: float

    def at(self, seconds: float) -> tuple[float, float]:
        """Position of the feet."""
        past = seconds - self.middle
        beat = pi * seconds / self.period
        if self.motion == "bounce":
            return self.x, self.y - self.lift * abs(sin(beat))
        if self.motion == "float":
            return self.x + 4 * sin(beat), self.y - abs(self.speed) * past
        if self.motion == "fly":
            return self.x + self.speed * past, self.y + 7 * sin(0.4 * beat)
        if self.motion == "drift":
            return self.x + self.speed * past, self.y + 4 * sin(beat)
        if self.motion == "return":
            return self.x + self.speed * (self.middle - abs(past)), self.y
        return self.x + self.speed * past, self.y

    def faces_left(self, seconds: float) -> bool:
        """Whether the actor looks to the left."""
        turned = self.motion == "return" and seconds > self.middle
        return (self.speed < 0) != turned

    def phase(self, seconds: float, radius: float) -> float:
        """Angle through the stride, or of a wheel of ``radius`` pixels, in radians."""
        if self.motion in {"drive", "ride", "roll"}:
            return self.at(seconds)[0] / radius * (1 if self.speed > 0 else -1)
        return 2 * pi * seconds / self.period


class View(NamedTuple):
    """What the camera sees: the centre of the picture and the magnification."""

    x: float
    y: float
    zoom: float


@dataclass(frozen=True)
class Camera:
    """A gentle pan and zoom from one view to another.

    Attributes:
        start: the first view.
        end: the last view.
        duration: seconds between them.
    """

    start: View
    end: View
    duration: float

    def at(self, seconds: float) -> View:
        """The view at a time."""
        part = min(max(seconds / self.duration, 0.0), 1.0)
        ease = 0.5 - 0.5 * cos(pi * part)
        return View(*(a + (b - a) * ease for a, b in zip(self.start, self.end, strict=True)))


def sample_camera(rng: np.random.Generator, duration: float) -> Camera:
    """A camera that stands still (45 %), or pans and zooms a little."""

    def view(x: float, zoom: float) -> View:
        return View(x, HEIGHT / 2 + 50 * (zoom - 1), zoom)

    zoom = float(rng.uniform(1.0, 1.12))
    if rng.random() < 0.45:
        still = view(WIDTH / 2, zoom)
        return Camera(still, still, duration)
    pan = float(rng.uniform(-35, 35)) if rng.random() < 0.7 else 0.0
    goal = float(rng.uniform(1.0, 1.25)) if rng.random() < 0.6 else zoom
    return Camera(view(WIDTH / 2 - pan, zoom), view(WIDTH / 2 + pan, goal), duration)


def sample_path(rng: np.random.Generator, kind: str, x: float, duration: float) -> Path:
    """A path for an actor that is near ``x`` at the middle of the clip."""
    motion = str(rng.choice(MOTIONS[kind]))
    way = 1.0 if rng.random() < 0.5 else -1.0
    period = {"walk": 0.95, "run": 0.55, "bounce": 0.7, "fly": 0.55}.get(motion, 1.1)
    y = float(rng.uniform(240, 342))
    if motion == "return":
        edge = WIDTH + 110 if x > WIDTH / 2 else -110.0
        return Path(motion, x, y, (edge - x) / (duration / 2), 0.6, 0.0, duration / 2)
    if motion in {"float", "drift", "fly"} or kind == "balloon":
        y = float(rng.uniform(135, 200) if kind == "balloon" else rng.uniform(85, 175))
    y = y + 25 if motion == "float" else y
    speed = way * float(rng.uniform(*SPEEDS[motion])) if motion in SPEEDS else way * 1e-6
    lift = float(rng.uniform(70, 130)) if motion == "bounce" else 0.0
    period *= float(rng.uniform(0.9, 1.15))
    return Path(motion, x, y, speed, period, lift, duration / 2)
