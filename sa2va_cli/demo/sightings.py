"""What is seen of every actor at given times: areas, places and tendencies.

Knows nothing about words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.demo.actors import FIGURES, Look, Pose
from sa2va_cli.demo.motion import DIRECTED, HEIGHT, WIDTH
from sa2va_cli.demo.scene import SCENERY_NUMBERS, Actor, Scene
from sa2va_cli.demo.shapes import paint_figure

EXISTS = 0.0015
"""Share of the picture that an actor must cover at one time at least to count as there."""

RECOGNISABLE = 0.3
"""Share of its own figure that must be seen at one time at least; less could be anything."""

CLEAR_PATH = 0.08
CLEAR_REST = 0.03
THIRD_MARGIN = 0.03

_GRID = (320, 180)

Series = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sightings:
    """Measurements of the visible masks.

    Attributes:
        scene: what was looked at.
        times: frame numbers, ascending.
        area: (T, N) share of the picture; 0 where an actor is not seen.
        whole: (T, N) share of the picture that an actor would cover if nothing hid it.
        x: (T, N) mean centre from the left, 0..1; NaN where an actor is not seen.
        y: (T, N) mean centre from the top, 0..1; NaN the same way.
    """

    scene: Scene
    times: tuple[int, ...]
    area: Series
    whole: Series
    x: Series
    y: Series

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(N,) whether an actor is there, clearly enough to be spoken of."""
        return np.asarray((self.area >= np.maximum(EXISTS, RECOGNISABLE * self.whole)).any(0))

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """(N,) whether too little of an actor is seen to be sure of it."""
        return np.asarray((self.area.max(0) > 0) & ~self.seen)

    def column(self, actor: Actor) -> int:
        """The index of an actor in the arrays."""
        return self.scene.actors.index(actor)


def measure(scene: Scene, times: Sequence[int]) -> Sightings:
    """Looks at every given time on a small grid."""
    return _measured(scene, tuple(sorted(set(times))))


@lru_cache(maxsize=2)
def _measured(scene: Scene, ordered: tuple[int, ...]) -> Sightings:
    count, (width, height) = len(scene.actors), _GRID
    columns = np.tile(np.arange(width) + 0.5, height) / width
    rows = np.repeat(np.arange(height) + 0.5, width) / height
    table = np.zeros((3, len(ordered), count))
    for k, t in enumerate(ordered):
        ids = scene.draw_ids(t, _GRID).ravel()
        for m, weights in enumerate((None, columns, rows)):
            table[m, k] = np.bincount(ids, weights, minlength=count + 1)[1:]
    pixels, sum_x, sum_y = table
    known = np.where(pixels > 0, pixels, np.nan)
    whole = np.array(
        [[_whole(a, scene.camera.at(t / scene.fps).zoom) for a in scene.actors] for t in ordered]
    )
    return Sightings(scene, ordered, pixels / (width * height), whole, sum_x / known, sum_y / known)


@lru_cache(maxsize=64)
def _unit_area(kind: str) -> float:
    """Area of a standing figure, in its own units squared."""
    ids = np.zeros((320, 320), np.uint8)
    black = Look((0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0))
    paint_figure(None, ids, FIGURES[kind](black, Pose(0, 0, 0)), np.array([[2.0, 0, 160], [0, 2.0, 300]]), 1)
    return float(ids.sum()) / 4


@lru_cache(maxsize=2)
def scenery_areas(scene: Scene, times: tuple[int, ...]) -> dict[str, float]:
    """The largest share of the picture that each kind of scenery covers at one of the times."""
    drawn = [np.bincount(scene.draw_scenery_ids(t, _GRID).ravel(), minlength=256) for t in times]
    most = np.max(drawn, axis=0) / (_GRID[0] * _GRID[1])
    return {name: float(most[number]) for name, number in SCENERY_NUMBERS.items()}


def _whole(actor: Actor, zoom: float) -> float:
    return _unit_area(actor.kind) * (actor.scale * zoom) ** 2 / (WIDTH * HEIGHT)


def third(sightings: Sightings, actor: Actor) -> str | None:
    """``left``, ``middle`` or ``right`` when an actor is clearly there at all times, else None."""
    x = sightings.x[:, sightings.column(actor)]
    x = x[~np.isnan(x)]
    edges = {"left": (-1.0, 1 / 3), "middle": (1 / 3, 2 / 3), "right": (2 / 3, 2.0)}
    for name, (low, high) in edges.items():
        if x.size and x.min() > low + THIRD_MARGIN and x.max() < high - THIRD_MARGIN:
            return name
    return None


def tendency(sightings: Sightings, actor: Actor) -> str | None:
    """What an actor is seen to do: ``left``, ``right``, ``up``, ``bounce``, ``still``; None if unclear."""
    column = sightings.column(actor)
    clear = sightings.area[:, column] >= EXISTS
    if clear.sum() < 2:
        return None
    x, y = sightings.x[clear, column], sightings.y[clear, column]
    motion, speed = actor.motion, actor.path.speed
    if motion in DIRECTED:
        way = float(x[-1] - x[0])
        return None if abs(way) < CLEAR_PATH or way * speed < 0 else ("right" if way > 0 else "left")
    if motion == "float":
        return "up" if y[0] - y[-1] >= CLEAR_PATH and np.ptp(x) <= CLEAR_PATH else None
    if motion == "bounce":
        return "bounce" if np.ptp(y) >= CLEAR_PATH and len(y) > 2 else None
    at_rest = motion == "stand" and np.ptp(x) <= CLEAR_REST and np.ptp(y) <= CLEAR_REST
    return "still" if at_rest else None


def largest(sightings: Sightings, actors: Sequence[Actor], ratio: float) -> Actor | None:
    """The one that covers ``ratio`` times more than each of the others at all times."""
    if len(actors) < 2:
        return None
    area = sightings.area[:, [sightings.column(a) for a in actors]]
    best = int(area.sum(0).argmax())
    others = np.delete(area, best, 1).max(1)
    return actors[best] if (area[:, best] >= np.maximum(ratio * others, EXISTS)).all() else None


def nearest(sightings: Sightings, actors: Sequence[Actor], mark_kind: str, ratio: float) -> Actor | None:
    """The one that is clearly nearest, sideways, to the only landmark of a kind at all times."""
    scene = sightings.scene
    marks = [mark for mark in scene.landmarks if mark.kind == mark_kind]
    columns = [sightings.column(a) for a in actors]
    if len(actors) < 2 or len(marks) != 1 or (sightings.area[:, columns] < EXISTS).any():
        return None
    place = np.array([scene.landmark_place(marks[0], t) for t in sightings.times])
    if place.min() < 0.03 or place.max() > 0.97:
        return None
    distance = np.abs(sightings.x[:, columns] - place[:, None])
    best = int(distance.sum(0).argmin())
    others = np.delete(distance, best, 1).min(1)
    clear = (distance[:, best] <= ratio * others) & (others - distance[:, best] >= CLEAR_REST)
    return actors[best] if clear.all() else None
