"""Scenes of the demo world as training sees them: pictures at chosen times, with exact masks and labels.

Knows nothing about what is asked about them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.landscape import SCENERY
from sa2va_cli.demo.scene import SCENERY_NUMBERS
from sa2va_cli.demo.world import Actor, Scene, scene_seed
from sa2va_cli.model.preprocessing import resize_bicubic
from sa2va_cli.training.samples import Meaning

CLASSES = (1 + len(KINDS), 1 + len(COLOURS), 1 + len(SCENERY))
"""Classes of a cell: nothing or a kind, nothing or a colour, nothing or scenery."""

NAMES = len(KINDS) + len(COLOURS) + len(SCENERY)
"""Names a target may have: the kinds, then the colours, then scenery."""

DEEDS = ("still", "left", "right", "run left", "run right", "up", "bounce")
"""What is told apart of what actors do; whoever leaves and comes back goes where it looks."""

PLACES = 8
"""Side of the grid of the language model's visual tokens in one picture."""

CLIP_FRAMES = 96

Ids = NDArray[np.uint8]
"""(H, W) number of the actor seen at each pixel, 0 for none."""


@dataclass(frozen=True)
class FrameSchedule:
    """Which frames the samples of one batch show.

    Attributes:
        keyframes: frame numbers the language model sees.
        frames: frame numbers SAM 2 sees; the first ``conditioning`` are conditioned on the query.
        conditioning: see ``frames``.
    """

    keyframes: tuple[int, ...]
    frames: tuple[int, ...]
    conditioning: int


def sample_schedule(rng: np.random.Generator) -> FrameSchedule:
    """Makes up a clip's schedule: uniform keyframes, some of them conditioned, and a run of tracked ones."""
    keyframes = tuple(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, 5))
    conditioning = int(rng.choice([1, 2, 2, 2, 3, 5]))
    tracked = int(rng.choice([2, 2, 3, 6]))
    stride = int(rng.choice([1, 1, 2, 4]))
    start = int(rng.integers(1, CLIP_FRAMES - stride * tracked - 1))
    passed = (start + stride * k for k in range(tracked + 1))  # a run meets at most one keyframe
    run = [i for i in passed if i not in keyframes][:tracked]
    conditioned = sorted(int(i) for i in rng.choice(keyframes, conditioning, replace=False))
    return FrameSchedule(keyframes, (*conditioned, *run), conditioning)


class DrawnScene:
    """The pictures of one scene at the times of a schedule."""

    def __init__(
        self, scene: Scene, schedule: FrameSchedule, size: int, places: int, *, worded: bool
    ) -> None:
        self.scene, self.schedule, self.places = scene, schedule, places
        pictures = {*schedule.frames, *(schedule.keyframes if worded else ())}
        drawn = {t: scene.draw_with_scenery(t) for t in pictures}
        self.images = {t: resize_bicubic(image, size, size) for t, (image, _) in drawn.items()}
        unseen = (t for t in schedule.keyframes if t not in drawn)
        self.ids = {t: ids for t, (_, ids) in drawn.items()} | {t: scene.draw_scenery_ids(t) for t in unseen}
        self._covered: dict[tuple[int, int], NDArray[np.float32]] = {}

    def masks(self, numbers: Sequence[int], side: int) -> NDArray[np.float32]:
        """(F, side, side) share of each cell of the grounding frames that actors or scenery cover."""
        return np.stack([shares(np.isin(self.ids[t], numbers), side) for t in self.schedule.frames])

    def meaning(self, numbers: Sequence[int]) -> Meaning:
        """Names and places of actors or scenery."""
        meant = [a for a in self.scene.actors if a.id in numbers]
        kinds, colours = {a.kind for a in meant}, {a.colour for a in meant}
        scenery = [SCENERY_NUMBERS[name] in numbers for name in SCENERY]
        names = np.array(
            [*(k in kinds for k in KINDS), *(c in colours for c in COLOURS), *scenery], np.float32
        )
        places = [np.zeros((len(self.schedule.keyframes), self.places, self.places), np.float32)]
        places += [np.stack([self._places(t, number) for t in self.schedule.keyframes]) for number in numbers]
        return Meaning(names, np.max(places, axis=0))

    def _places(self, t: int, number: int) -> NDArray[np.float32]:
        """(g, g) share of each cell, relative to the largest one."""
        share = self._cells(t, self.places)[number]
        return np.asarray(share / max(float(share.max()), 1e-6), np.float32)

    def _cells(self, t: int, side: int) -> NDArray[np.float32]:
        """(256, side, side) share of each cell that each number covers; a pixel counts for one cell only."""
        if (t, side) not in self._covered:
            self._covered[t, side] = _covered(self.ids[t], side)
        return self._covered[t, side]

    def classes(self, times: Sequence[int], grid: int) -> NDArray[np.int64]:
        """What each cell shows: (T, grid, grid, 3).

        Kind and colour of whoever covers most of it, if that is a fifth of it, and the scenery that covers
        half of it.
        """
        return np.stack([self._classes(t, grid) for t in times])

    def deeds(self) -> NDArray[np.int64]:
        """What is done in each visual token of the keyframes: (K, places, places).

        0 for nobody, else one more than the place in ``DEEDS`` of what is done by whoever covers most of it,
        if that is a tenth of it.
        """
        return np.stack([self._deeds(t) for t in self.schedule.keyframes])

    def _deeds(self, t: int) -> NDArray[np.int64]:
        labels, covering = np.zeros((self.places, self.places), np.int64), self._covering(t, self.places, 0.1)
        for actor in self.scene.actors:
            labels[covering == actor.id] = 1 + DEEDS.index(_deed(actor, t / self.scene.fps))
        return labels

    def _covering(self, t: int, side: int, least: float) -> NDArray[np.int64]:
        """(side, side) number of whoever covers most of a cell, and more than ``least`` of it, else 0."""
        covering, most = np.zeros((side, side), np.int64), np.full((side, side), least)
        for actor in self.scene.actors:
            share = self._cells(t, side)[actor.id]
            covering[share > most] = actor.id
            most = np.maximum(most, share)
        return covering

    def _classes(self, t: int, grid: int) -> NDArray[np.int64]:
        labels, covering = np.zeros((grid, grid, 3), np.int64), self._covering(t, grid, 0.2)
        for actor in self.scene.actors:
            named = 1 + KINDS.index(actor.kind), 1 + list(COLOURS).index(actor.colour)
            labels[covering == actor.id, :2] = named
        for place, name in enumerate(SCENERY, 1):
            labels[self._cells(t, grid)[SCENERY_NUMBERS[name]] > 0.5, 2] = place
        return labels


def _deed(actor: Actor, seconds: float) -> str:
    known = {"stand": "still", "float": "up", "bounce": "bounce"}
    if actor.motion in known:
        return known[actor.motion]
    way = "left" if actor.path.faces_left(seconds) else "right"
    return f"run {way}" if actor.motion == "run" else way


class Park:
    """What batches of the park have in common; each is a function of the seed and of its number alone.

    Args:
        seed: of the set; scenes come from the ``train`` domain of ``scene_seed``.
        size: side of the square pictures in pixels.
        grid: side of the grid of cells whose classes are labelled.
        places: side of the grid of places of a meaning.
        stills: pictures in a batch of stills.
        clip_frames: SAM 2 frames in a batch of clips; how many clips that is depends on its schedule.
        clip_share: share of the batches that are clips, once ``clips_from`` batches have passed.
        clips_from: batches before the first clip.
    """

    def __init__(
        self,
        seed: int,
        *,
        size: int = 256,
        grid: int = 16,
        places: int = PLACES,
        stills: int = 16,
        clip_frames: int = 24,
        clip_share: float = 0.5,
        clips_from: int = 0,
    ) -> None:
        self.seed, self.size, self.grid, self.places = seed, size, grid, places
        self.stills, self.clip_frames = stills, clip_frames
        self.clip_share, self.clips_from = clip_share, clips_from

    def schedule(self, number: int, rng: np.random.Generator) -> tuple[FrameSchedule, int]:
        """What the samples of batch ``number`` show, and how many there are."""
        if rng.random() < self.clip_share and number >= self.clips_from:
            schedule = sample_schedule(rng)
            return schedule, max(2, self.clip_frames // len(schedule.frames))
        still = int(rng.integers(CLIP_FRAMES))
        return FrameSchedule((still,), (still,), 1), self.stills

    def draw(self, index: int, schedule: FrameSchedule, *, worded: bool) -> DrawnScene:
        """Draws the scene of the set's sample ``index``."""
        scene = Scene.sample(scene_seed("train", self.seed, index), CLIP_FRAMES)
        return DrawnScene(scene, schedule, self.size, self.places, worded=worded)


def _covered(ids: Ids, side: int) -> NDArray[np.float32]:
    """(256, side, side) share of each cell that each number covers, all of them counted at once."""
    height, width = ids.shape
    rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
    cells = rows[:, None] * side + columns
    counts = np.bincount((ids.astype(np.int64) * side**2 + cells).ravel(), minlength=256 * side**2)
    sizes = np.bincount(cells.ravel(), minlength=side**2)
    return np.asarray((counts.reshape(256, -1) / sizes).reshape(256, side, side), np.float32)


def shares(mask: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """(side, side) share of each cell of a squashed picture that a mask (H, W) covers."""
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA))
