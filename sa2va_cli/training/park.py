"""Samples from the demo world: pictures and clips of the park, with questions and exact masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.world import Actor, Expression, Scene, caption, expressions, scene_seed
from sa2va_cli.model.preprocessing import resize_bicubic
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.training.samples import Question, Sample

CLASSES = (1 + len(KINDS), 1 + len(COLOURS))
"""Classes of the auxiliary loss: nothing or a kind, and nothing or a colour."""

CLIP_FRAMES = 96
Ids = NDArray[np.uint8]
"""(H, W) number of the actor seen at each pixel, 0 for none."""
NOTHING = "There is no such thing here."


@dataclass(frozen=True)
class Schedule:
    """Which frames the samples of one batch show.

    Attributes:
        keyframes: frame numbers the language model sees.
        frames: frame numbers SAM 2 sees; the first ``conditioning`` are conditioned on the query.
        conditioning: see ``frames``.
    """

    keyframes: tuple[int, ...]
    frames: tuple[int, ...]
    conditioning: int


def sample_schedule(rng: np.random.Generator) -> Schedule:
    """Makes up a clip's schedule: uniform keyframes, some of them conditioned, and a run of tracked ones."""
    keyframes = tuple(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, 5))
    conditioning = int(rng.choice([1, 2, 2, 2, 3, 5]))
    tracked = int(rng.choice([2, 2, 3, 6]))
    stride = int(rng.choice([1, 1, 2, 4]))
    start = int(rng.integers(1, CLIP_FRAMES - stride * tracked - 1))
    passed = (start + stride * k for k in range(tracked + 1))  # a run meets at most one keyframe
    run = [i for i in passed if i not in keyframes][:tracked]
    conditioned = sorted(int(i) for i in rng.choice(keyframes, conditioning, replace=False))
    return Schedule(keyframes, (*conditioned, *run), conditioning)


class ParkDataset:
    """Batches of samples, each a function of the seed and of the batch's number alone.

    Args:
        seed: of the set; scenes come from the ``train`` domain of ``scene_seed``.
        size: side of the square pictures in pixels.
        grid: side of the grid of cells of the auxiliary classes.
        stills: pictures in a batch of stills.
        clip_frames: SAM 2 frames in a batch of clips; how many clips that is depends on its schedule.
        clip_share: share of the batches that are clips in the long run.
        clips_from: batch from which clips have their share; before, when words are still being learned from
            many pictures, they have two fifths of it.
        questions: how many expressions are asked about each.
        masked: how many of these are answered with a mask that is trained.
        answers_first: how many batches at the beginning train the answers alone, with more questions.
    """

    def __init__(
        self,
        seed: int,
        *,
        size: int = 256,
        grid: int = 16,
        stills: int = 16,
        clip_frames: int = 20,
        clip_share: float = 0.4,
        questions: int = 5,
        masked: int = 3,
        answers_first: int = 0,
        clips_from: int = 0,
    ) -> None:
        self.seed, self.size, self.grid = seed, size, grid
        self.stills, self.clip_frames, self.clip_share = stills, clip_frames, clip_share
        self.questions, self.masked = questions, masked
        self.answers_first, self.clips_from = answers_first, clips_from

    def batch(self, number: int) -> list[Sample]:
        """The samples of batch ``number``, all of one shape."""
        rng = np.random.default_rng([self.seed, number])
        answers_only = number < self.answers_first
        masked = 0 if answers_only else self.masked
        clip_share = self.clip_share * (1.0 if number >= self.clips_from else 0.4)
        if rng.random() < clip_share:
            schedule, masked = sample_schedule(rng), min(masked, 2)
            count = 5 if answers_only else max(2, self.clip_frames // len(schedule.frames))
        else:
            still = int(rng.integers(CLIP_FRAMES))
            schedule, count = Schedule((still,), (still,), 1), self.stills
        if answers_only:
            schedule = Schedule(schedule.keyframes, (), 0)
        first = number * max(self.stills, self.clip_frames)
        return [self._sample(first + k, schedule, masked, rng) for k in range(count)]

    def _sample(self, index: int, schedule: Schedule, masked: int, rng: np.random.Generator) -> Sample:
        scene = Scene.sample(scene_seed("train", self.seed, index), CLIP_FRAMES)
        drawn = {t: self._draw(scene, t) for t in {*schedule.keyframes, *schedule.frames}}
        ids = [drawn[t][1] for t in schedule.frames]
        key_ids = [drawn[t][1] for t in schedule.keyframes]
        return Sample(
            keyframes=[drawn[t][0] for t in schedule.keyframes],
            frames=[drawn[t][0] for t in schedule.frames],
            conditioning=schedule.conditioning,
            indices=schedule.frames,
            questions=self._questions(
                scene, schedule, [drawn[t][1] for t in schedule.keyframes], ids, masked, rng
            ),
            labels=np.stack([self._labels(scene, i) for i in ids]) if ids else None,
            key_labels=np.stack([self._labels(scene, i) for i in key_ids]),
        )

    def _draw(self, scene: Scene, t: int) -> tuple[RGB, Ids]:
        """Draws a frame at the clips' size and resizes the picture as the network's input is."""
        image, ids = scene.draw(t)
        return resize_bicubic(image, self.size, self.size), ids

    def _questions(
        self,
        scene: Scene,
        schedule: Schedule,
        key_ids: Sequence[Ids],
        ids: Sequence[Ids],
        masked: int,
        rng: np.random.Generator,
    ) -> list[Question]:
        times = schedule.keyframes
        if len(times) > 1:
            times = tuple(sorted({*times, *(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, 9))}))
        asked = expressions(scene, times, rng, count=self.questions if ids else 3 * self.questions - 1)
        targets = [e for e in asked if e.actors]
        trained = {id(e) for e in targets[:masked]}
        questions = [self._question(scene, times, e, ids if id(e) in trained else None, rng) for e in asked]
        area = {a.id: max(float(np.mean(i == a.id)) for i in key_ids) for a in scene.actors}
        seen = [number for number, share in area.items() if share > 0.003]
        if seen:
            named = caption(scene, times, seen, "en")
            questions.append(Question("What is in the picture?", f"{named[0].upper()}{named[1:]}."))
        return questions

    def _question(
        self,
        scene: Scene,
        times: Sequence[int],
        expression: Expression,
        ids: Sequence[Ids] | None,
        rng: np.random.Generator,
    ) -> Question:
        text = question(expression.text, verbatim=bool(rng.random() < 0.1)).removeprefix("<image>")
        if not expression.actors:
            return Question(text, NOTHING)
        answer = f"Sure, {caption(scene, times, expression.actors, 'en')}: [SEG]."
        masks = None if ids is None else np.stack([self._target(i, expression.actors) for i in ids])
        return Question(text, answer, masks, _named([a for a in scene.actors if a.id in expression.actors]))

    def _target(self, ids: Ids, actors: Sequence[int]) -> NDArray[np.float32]:
        return _shares(np.isin(ids, actors), self.size // 2)

    def _labels(self, scene: Scene, ids: Ids) -> NDArray[np.int64]:
        """(grid, grid, 2) kind and colour of whoever covers most of each cell, if it is a fifth of it."""
        labels = np.zeros((self.grid, self.grid, 2), np.int64)
        most = np.full(labels.shape[:2], 0.2)
        for actor in scene.actors:
            share = _shares(ids == actor.id, self.grid)
            labels[share > most] = (1 + KINDS.index(actor.kind), 1 + list(COLOURS).index(actor.colour))
            most = np.maximum(most, share)
        return labels


def _named(actors: Sequence[Actor]) -> NDArray[np.float32]:
    """Which kinds and which colours there are among actors."""
    kinds, colours = {a.kind for a in actors}, {a.colour for a in actors}
    return np.array([*(k in kinds for k in KINDS), *(c in colours for c in COLOURS)], np.float32)


def _shares(mask: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """(side, side) share of each cell of a squashed picture that a mask (H, W) covers."""
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA))
