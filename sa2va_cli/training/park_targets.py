"""Targets in the demo world without words, for SAM 2 alone: told by names and places, or shown by clicks."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.landscape import SCENERY
from sa2va_cli.demo.scene import SCENERY_NUMBERS
from sa2va_cli.demo.world import Actor
from sa2va_cli.training.clicks import BOX, CODE, POINT, sample_box, sample_point
from sa2va_cli.training.park_drawing import DrawnScene, FrameSchedule, Park, shares
from sa2va_cli.training.samples import Clicks, Meaning, Question, Sample

_APART = ("cloud", "sun", "tree", "house", "bench")
"""Scenery of which each piece is a thing of its own."""

_CLICKABLE = 0.0015
"""Share of the picture that is seen of what is pointed at, at least."""


class ParkTargets(Park):
    """Batches of targets without words, for SAM 2 alone.

    A target is any set of actors that has a name or a place: one actor, all of a kind, all of a colour, or
    any two. It is told by names and places, at times by only one of the two where that is enough, and never
    quite exactly, as a language model would.

    Args:
        seed: see ``Park``.
        targets: how many in each picture; half as many in clips, which cost more.
        scenery: share of the targets that is scenery.
        clicked: share of the single actors that is pointed at or boxed where that is possible, and half as
            much of scenery; without any, masks are not corrected by clicks either.
        more: see ``Park``.
    """

    def __init__(
        self, seed: int, *, targets: int = 4, scenery: float = 0.25, clicked: float = 0.6, **more: Any
    ) -> None:
        super().__init__(seed, **more)
        self.targets, self.scenery, self.clicked = targets, scenery, clicked

    def batch(self, number: int) -> list[Sample]:
        """The samples of batch ``number``, all of one shape."""
        rng = np.random.default_rng([self.seed, number])
        schedule, count = self.schedule(number, rng)
        first = (number * 2 + 1) * max(self.stills, self.clip_frames)
        targets = self.targets // 2 if len(schedule.keyframes) > 1 else self.targets
        return [self._sample(first + k, schedule, targets, rng) for k in range(count)]

    def _sample(self, index: int, schedule: FrameSchedule, targets: int, rng: np.random.Generator) -> Sample:
        drawn = self.draw(index, schedule, worded=False)
        return Sample(
            keyframes=(),
            frames=[drawn.images[t] for t in schedule.frames],
            conditioning=schedule.conditioning,
            indices=schedule.frames,
            questions=[self._target(drawn, rng) for _ in range(targets)],
            labels=drawn.classes(schedule.frames, self.grid),
        )

    def _target(self, drawn: DrawnScene, rng: np.random.Generator) -> Question:
        actors = drawn.scene.actors
        one = actors[int(rng.integers(len(actors)))]
        if rng.random() < self.scenery:
            return self._scenery_target(drawn, rng)
        if rng.random() < self.clicked and (question := self._shown(drawn, one.id, rng)):
            return question
        how = rng.random()
        if how < 0.5:
            chosen = [one]
        elif how < 0.7:
            chosen = [a for a in actors if a.kind == one.kind]
        elif how < 0.85:
            chosen = [a for a in actors if a.colour == one.colour]
        else:
            chosen = [one, actors[int(rng.integers(len(actors)))]]
        told = drawn.meaning([a.id for a in chosen])
        suffice = set(_named_alike(told, actors)) == set(chosen)
        return self._told(drawn, [a.id for a in chosen], _blurred(told, rng, names_suffice=suffice), rng)

    def _scenery_target(self, drawn: DrawnScene, rng: np.random.Generator) -> Question:
        shown = np.concatenate([drawn.ids[t].ravel()[::16] for t in drawn.schedule.frames])
        seen = [number for number in SCENERY_NUMBERS.values() if (shown == number).any()]
        chosen = seen[int(rng.integers(len(seen)))]
        apart = chosen in {SCENERY_NUMBERS[name] for name in _APART}
        if rng.random() < self.clicked / 2 and (
            question := self._shown(drawn, chosen, rng, apart=apart, needed=len(drawn.schedule.frames) < 2)
        ):
            return question
        return self._told(drawn, [chosen], _blurred(drawn.meaning([chosen]), rng, names_suffice=True), rng)

    def _told(
        self, drawn: DrawnScene, numbers: Sequence[int], meaning: Meaning, rng: np.random.Generator
    ) -> Question:
        masks = drawn.masks(numbers, self.size // 2)
        chances = np.asarray(rng.random(2), np.float32)
        clicks = Clicks(CODE, np.zeros((2, 2), np.float32), chances) if self.clicked else None
        return Question("", "", masks, meaning, clicks=clicks)

    def _shown(
        self,
        drawn: DrawnScene,
        number: int,
        rng: np.random.Generator,
        *,
        apart: bool = False,
        needed: bool = True,
    ) -> Question | None:
        """A target that is pointed at, or boxed, on the first frame; None where too little of it is seen.

        Args:
            drawn: the frames.
            number: of the actor or scenery.
            rng: chooses.
            apart: of scenery that stands in several places, only the piece that is pointed at is meant.
            needed: whether it can be shown at all.
        """
        schedule = drawn.schedule
        seen = drawn.ids[schedule.frames[0]] == number
        if not needed or schedule.conditioning > 1 or np.mean(seen) < _CLICKABLE:
            return None
        masks = drawn.masks([number], self.size // 2)
        point = sample_point(seen, self.size, rng)
        if apart:
            seen = _piece(seen, point, self.size)
            masks = shares(seen, self.size // 2)[None]
        boxed = rng.random() < 0.45
        points = sample_box(seen, self.size, rng) if boxed else np.stack([point, point])
        clicks = Clicks(BOX if boxed else POINT, points, np.asarray(rng.random(2), np.float32))
        return Question("", "", masks, drawn.meaning([number]), clicks=clicks)


def _piece(mask: NDArray[np.bool_], point: NDArray[np.float32], side: int) -> NDArray[np.bool_]:
    """The connected piece of a mask (H, W) at a point in pixels of the input."""
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8))
    x, y = np.rint(point * np.array([mask.shape[1], mask.shape[0]]) / side).astype(int)
    return np.asarray(pieces == pieces[y, x])


def _named_alike(told: Meaning, actors: Sequence[Actor]) -> list[Actor]:
    """Everyone whose kind and colour are among the names."""
    kinds = {k for k, there in zip(KINDS, told.names[: len(KINDS)], strict=True) if there}
    colours = {c for c, there in zip(COLOURS, told.names[len(KINDS) : -len(SCENERY)], strict=True) if there}
    return [a for a in actors if a.kind in kinds and a.colour in colours]


def _blurred(told: Meaning, rng: np.random.Generator, *, names_suffice: bool) -> Meaning:
    """The meaning as somebody tells it who is not quite sure."""
    names, places = told.names, told.places
    noise = float(rng.choice([0.0, 0.1, 0.2]))
    if names_suffice and rng.random() < 0.25:
        places = np.zeros_like(places)
    elif places.any():
        if rng.random() < 0.15:
            names = np.zeros_like(names)
        wrong = noise * rng.random(places.shape) * (rng.random(places.shape) < 0.1)
        places = np.asarray(places * rng.uniform(1 - 3 * noise, 1, places.shape) + wrong, np.float32)
    unsure = names * (1 - noise * rng.random(names.shape)) + noise * rng.normal(0, 0.5, names.shape)
    return Meaning(np.asarray(unsure, np.float32), places)
