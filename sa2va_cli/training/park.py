"""Samples from the demo world: pictures and clips of the park, with questions and exact masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.asking import asked
from sa2va_cli.demo.landscape import SCENERY
from sa2va_cli.demo.outside import outside_phrase
from sa2va_cli.demo.plain import plain_expressions, scenery_name
from sa2va_cli.demo.scene import SCENERY_NUMBERS
from sa2va_cli.demo.world import Actor, Expression, Scene, caption, expressions, scene_seed
from sa2va_cli.model.chat import NOTHING
from sa2va_cli.model.preprocessing import resize_bicubic
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.training.clicks import BOX, CODE, POINT, sample_box, sample_point
from sa2va_cli.training.samples import Clicks, Meaning, Question, Sample

CLASSES = (1 + len(KINDS), 1 + len(COLOURS), 1 + len(SCENERY))
"""Classes of a cell: nothing or a kind, nothing or a colour, nothing or scenery."""

NONE_SHARE = 0.25
"""Share of the questions that nothing fits: what is not there is harder to learn than what is."""

STRESSED = {"motion": 3.0, "size": 2.0, "relation": 2.5, "plural": 2.5}
"""How much oftener than of the other forms questions are of these: they are the hardest."""

NAMES = len(KINDS) + len(COLOURS) + len(SCENERY)
"""Names a target may have: the kinds, then the colours, then scenery."""

DEEDS = ("still", "left", "right", "run left", "run right", "up", "bounce")
"""What is told apart of what actors do; whoever leaves and comes back goes where it looks."""

_APART = ("cloud", "sun", "tree", "house", "bench")
"""Scenery of which each piece is a thing of its own."""

_CLICKABLE = 0.0015
"""Share of the picture that is seen of what is pointed at, at least."""

PLACES = 8
"""Side of the grid of the language model's visual tokens in one picture."""

ASKED = (
    *("count", "description") * 2,
    *("colour", "side", "largest", "yes-no", "grounded") * 3,
    *("deed",) * 4,
)
"""Kinds of questions that are answered in words; those named more often are asked more often."""

ASKED_KEYFRAMES = 8
"""Keyframes of a clip of which one asks without wanting masks."""

CLIP_FRAMES = 96
Ids = NDArray[np.uint8]
"""(H, W) number of the actor seen at each pixel, 0 for none."""


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


class _Drawn:
    """The pictures of one scene at the times of a schedule."""

    def __init__(self, scene: Scene, schedule: Schedule, size: int, places: int, *, worded: bool) -> None:
        self.scene, self.schedule, self.places = scene, schedule, places
        pictures = {*schedule.frames, *(schedule.keyframes if worded else ())}
        drawn = {t: scene.draw_with_scenery(t) for t in pictures}
        self.images = {t: resize_bicubic(image, size, size) for t, (image, _) in drawn.items()}
        unseen = (t for t in schedule.keyframes if t not in drawn)
        self.ids = {t: ids for t, (_, ids) in drawn.items()} | {t: scene.draw_scenery_ids(t) for t in unseen}
        self._covered: dict[tuple[int, int], NDArray[np.float32]] = {}

    def masks(self, numbers: Sequence[int], side: int) -> NDArray[np.float32]:
        """(F, side, side) share of each cell of the grounding frames that actors or scenery cover."""
        return np.stack([_shares(np.isin(self.ids[t], numbers), side) for t in self.schedule.frames])

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


class _Park:
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

    def schedule(self, number: int, rng: np.random.Generator) -> tuple[Schedule, int]:
        """What the samples of batch ``number`` show, and how many there are."""
        if rng.random() < self.clip_share and number >= self.clips_from:
            schedule = sample_schedule(rng)
            return schedule, max(2, self.clip_frames // len(schedule.frames))
        still = int(rng.integers(CLIP_FRAMES))
        return Schedule((still,), (still,), 1), self.stills

    def draw(self, index: int, schedule: Schedule, *, worded: bool) -> _Drawn:
        """Draws the scene of the set's sample ``index``."""
        scene = Scene.sample(scene_seed("train", self.seed, index), CLIP_FRAMES)
        return _Drawn(scene, schedule, self.size, self.places, worded=worded)


@dataclass(frozen=True)
class Mixture:
    """How many questions of each sort are asked about a picture or clip.

    Attributes:
        told: expressions of ``demo.language``.
        plain: those of ``demo.plain``.
        outside: phrases that name nothing of the park.
        asked: questions that are answered in words.
    """

    told: int = 5
    plain: int = 0
    outside: int = 0
    asked: int = 0


class ParkDataset(_Park):
    """Batches of conversations about the park.

    Args:
        seed: see ``_Park``.
        mixture: what is asked about each picture or clip.
        masked: how many of these have a mask that is trained.
        clips: clips in a batch of clips without masks.
        asked_share: share of these that has ``ASKED_KEYFRAMES`` keyframes.
        more: see ``_Park``.
    """

    def __init__(
        self,
        seed: int,
        *,
        mixture: Mixture = Mixture(),
        masked: int = 3,
        clips: int = 6,
        asked_share: float = 0.3,
        **more: Any,
    ) -> None:
        super().__init__(seed, **more)
        self.mixture, self.masked, self.clips, self.asked_share = mixture, masked, clips, asked_share

    def batch(self, number: int) -> list[Sample]:
        """The samples of batch ``number``, all of one shape."""
        rng = np.random.default_rng([self.seed, number])
        schedule, count = self.schedule(number, rng)
        if not self.masked:
            schedule, count = self._unmasked(schedule, count, rng)
        first = number * 2 * max(self.stills, self.clip_frames)
        return [self._sample(first + k, schedule, rng) for k in range(count)]

    def _unmasked(self, schedule: Schedule, count: int, rng: np.random.Generator) -> tuple[Schedule, int]:
        """Without masks: only keyframes, at times as many as questions without masks are asked of."""
        if len(schedule.keyframes) == 1:
            return Schedule(schedule.keyframes, (), 0), count
        several = ASKED_KEYFRAMES if rng.random() < self.asked_share else len(schedule.keyframes)
        keyframes = tuple(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, several))
        return Schedule(keyframes, (), 0), max(2, self.clips * len(schedule.keyframes) // several)

    def _sample(self, index: int, schedule: Schedule, rng: np.random.Generator) -> Sample:
        drawn = self.draw(index, schedule, worded=True)
        return Sample(
            keyframes=[drawn.images[t] for t in schedule.keyframes],
            frames=[drawn.images[t] for t in schedule.frames],
            conditioning=schedule.conditioning,
            indices=schedule.frames,
            questions=self._questions(drawn, rng),
            labels=drawn.classes(schedule.frames, self.grid) if schedule.frames else None,
            key_labels=drawn.classes(schedule.keyframes, self.grid),
            key_deeds=drawn.deeds(),
        )

    def _questions(self, drawn: _Drawn, rng: np.random.Generator) -> list[Question]:
        scene, times = drawn.scene, drawn.schedule.keyframes
        if len(times) > 1:
            times = tuple(sorted({*times, *(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, 9))}))
        told = expressions(
            scene, times, rng, count=self.mixture.told, none_share=NONE_SHARE, stressed=STRESSED
        )
        told += plain_expressions(scene, times, rng, self.mixture.plain)
        told += [self._outside(rng) for _ in range(self.mixture.outside)]
        trained = {id(e) for e in [e for e in told if e.actors][: self.masked]}
        questions = [self._question(drawn, times, e, rng, masked=id(e) in trained) for e in told]
        for q in asked(scene, times, rng, self.mixture.asked, ASKED):
            parts = [drawn.meaning(numbers) for numbers in q.segments]
            meaning = None if parts else drawn.meaning(q.about)
            questions.append(Question(q.text, q.answer, meaning=meaning, parts=parts))
        return questions

    @staticmethod
    def _outside(rng: np.random.Generator) -> Expression:
        language = "zh" if rng.random() < 0.4 else "en"
        return Expression(outside_phrase(language, rng), language, "none", ())

    def _question(
        self,
        drawn: _Drawn,
        times: Sequence[int],
        expression: Expression,
        rng: np.random.Generator,
        *,
        masked: bool,
    ) -> Question:
        text = question(expression.text, verbatim=bool(rng.random() < 0.1)).removeprefix("<image>")
        meaning = drawn.meaning(expression.actors)
        if not expression.actors:
            return Question(text, NOTHING, meaning=meaning)
        answer = f"Sure, {_named(drawn.scene, times, expression.actors)}: [SEG]."
        masks = drawn.masks(expression.actors, self.size // 2) if masked else None
        return Question(text, answer, masks, meaning)


def _named(scene: Scene, times: Sequence[int], numbers: Sequence[int]) -> str:
    """Names actors or scenery in English."""
    scenery = [name for name, number in SCENERY_NUMBERS.items() if number in numbers]
    return scenery_name(scenery, "en") if scenery else caption(scene, times, numbers, "en")


class ParkTargets(_Park):
    """Batches of targets without words, for SAM 2 alone.

    A target is any set of actors that has a name or a place: one actor, all of a kind, all of a colour, or
    any two. It is told by names and places, at times by only one of the two where that is enough, and never
    quite exactly, as a language model would.

    Args:
        seed: see ``_Park``.
        targets: how many in each picture; half as many in clips, which cost more.
        scenery: share of the targets that is scenery.
        clicked: share of the single actors that is pointed at or boxed where that is possible, and half as
            much of scenery; without any, masks are not corrected by clicks either.
        more: see ``_Park``.
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

    def _sample(self, index: int, schedule: Schedule, targets: int, rng: np.random.Generator) -> Sample:
        drawn = self.draw(index, schedule, worded=False)
        return Sample(
            keyframes=(),
            frames=[drawn.images[t] for t in schedule.frames],
            conditioning=schedule.conditioning,
            indices=schedule.frames,
            questions=[self._target(drawn, rng) for _ in range(targets)],
            labels=drawn.classes(schedule.frames, self.grid),
        )

    def _target(self, drawn: _Drawn, rng: np.random.Generator) -> Question:
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

    def _scenery_target(self, drawn: _Drawn, rng: np.random.Generator) -> Question:
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
        self, drawn: _Drawn, numbers: Sequence[int], meaning: Meaning, rng: np.random.Generator
    ) -> Question:
        masks = drawn.masks(numbers, self.size // 2)
        chances = np.asarray(rng.random(2), np.float32)
        clicks = Clicks(CODE, np.zeros((2, 2), np.float32), chances) if self.clicked else None
        return Question("", "", masks, meaning, clicks=clicks)

    def _shown(
        self,
        drawn: _Drawn,
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
            masks = _shares(seen, self.size // 2)[None]
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


def _covered(ids: Ids, side: int) -> NDArray[np.float32]:
    """(256, side, side) share of each cell that each number covers, all of them counted at once."""
    height, width = ids.shape
    rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
    cells = rows[:, None] * side + columns
    counts = np.bincount((ids.astype(np.int64) * side**2 + cells).ravel(), minlength=256 * side**2)
    sizes = np.bincount(cells.ravel(), minlength=side**2)
    return np.asarray((counts.reshape(256, -1) / sizes).reshape(256, side, side), np.float32)


def _shares(mask: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """(side, side) share of each cell of a squashed picture that a mask (H, W) covers."""
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA))
