"""How often ``ask --times`` is right on clips of the demo world, and what it costs: mean temporal IoU.

Clips are drawn in which something comes or goes, so that it is to be seen for a part of the time; the model
is asked when, and its range is compared with the truth. A refusal where something is there counts 0. Of what
moves it is asked in clips of its own when it does what it does (the same time), and when it does something
else (never: a refusal counts 1, and any time 0). Nothing in the little world begins or ends to move within a
clip. Scenes in which nothing can be asked about are neither measured nor drawn.

    python benchmarks/moments.py
    python benchmarks/moments.py --clips 40 --deeds 40 --seed 3000
    python benchmarks/moments.py --clips 0 --deeds 20
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from recording import Cell, Column, add_clip_options, record

from sa2va_cli.conversation import ChatEngine
from sa2va_cli.demo.actors import KINDS
from sa2va_cli.demo.english import GERUNDS
from sa2va_cli.demo.scene import Scene
from sa2va_cli.demo.sightings import EXISTS, measure
from sa2va_cli.demo.world import scene_seed, write_clip
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.pipeline.asking_job import Viewing
from sa2va_cli.pipeline.moments import Moment, find_moment
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_chat

GOAL = 0.7
SEEN = ("When is the {thing} seen?", "the {thing} is in the picture")
DEEDS = ("When is the {thing} {deed}?", "When is the {thing} {other}?")
_OTHERS = {"run": "standing still", "walk": "running", "drive": "standing still", "fly": "standing still"}
"""What is asked of things that do something else, by what they do."""

_LEAST, _MOST = 0.15, 0.85
"""Share of the clip for which a thing that is asked for is there."""

COLUMNS = (
    Column("form", "asked as"),
    Column("questions", "questions", ".0f"),
    Column("iou", "mean temporal IoU", ".3f"),
    Column("half", "IoU above 0.5", ".0%"),
    Column("refused", "found nowhere", ".0%"),
    Column("asked", "times the model was asked", ".1f"),
    Column("seen", "pictures it saw", ".1f"),
    Column("seconds", "seconds each", ".1f"),
)


@dataclass(frozen=True)
class Truth:
    """Something that is seen for a part of a clip."""

    scene: Scene
    name: str
    frames: tuple[int, int]
    motion: str

    def asked(self, form: str) -> str:
        """A form as it is asked of this thing."""
        return form.format(thing=self.name, deed=GERUNDS.get(self.motion), other=_OTHERS.get(self.motion))

    def score(self, form: str, moment: Moment | None) -> float:
        """Temporal IoU; where there is nothing to be found, whether nothing was."""
        return float(moment is None) if "{other}" in form else overlap(moment, self.frames)


def truths(seed: int, frames: int, *, doing: bool = False) -> Iterator[Truth]:
    """Things that come or go: the only one of its kind and colour, seen in one stretch of a clip.

    Args:
        seed: of the scenes.
        frames: of a clip.
        doing: whether only things that do something are wanted.
    """
    number = 0
    while True:
        scene = Scene.sample(scene_seed("clips", seed, number), frames, 24)
        number += 1
        looks = [(actor.kind, actor.colour) for actor in scene.actors]
        named = [
            actor
            for actor, look in zip(scene.actors, looks, strict=True)
            if looks.count(look) == 1 and actor.kind in KINDS and (not doing or actor.path.motion in _OTHERS)
        ]
        if not named:
            continue
        sightings = measure(scene, range(frames))
        for actor in named:
            there = np.flatnonzero(sightings.area[:, sightings.column(actor)] >= EXISTS)
            if not len(there):
                continue
            first, last = int(there[0]), int(there[-1])
            whole = last - first + 1 == len(there)
            if whole and _LEAST <= len(there) / frames <= _MOST:
                yield Truth(scene, f"{actor.colour} {actor.kind}", (first, last), actor.path.motion)
                break


def overlap(moment: Moment | None, truth: tuple[int, int]) -> float:
    """Temporal IoU of two ranges of frames, both ends included."""
    if moment is None:
        return 0.0
    first, last = moment.first_frame, moment.last_frame
    inner = max(0, min(last, truth[1]) - max(first, truth[0]) + 1)
    return inner / ((last - first + 1) + (truth[1] - truth[0] + 1) - inner)


Score = tuple[float, Moment | None, float]
"""How right an answer is, the answer, and how many seconds it took."""


def score(engine: ChatEngine, path: Path, truth: Truth, form: str) -> Score:
    """Asks about a clip, and tells what came of it."""
    words, viewing, started, moment = truth.asked(form), Viewing(), time.perf_counter(), None
    with opened(str(path), viewing.search(words), lambda _: None) as reader, suppress(NothingFoundError):
        moment = find_moment(engine, reader, words, viewing)
    right = truth.score(form, moment)
    found = (moment.first_frame, moment.last_frame) if moment else None
    print(f"{words!r} {truth.frames} {found} {right:.2f}", flush=True)
    return right, moment, time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Asks, prints, and returns the mean IoU of each form of question."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_clip_options(parser, clips=20, seed=2000, frames=96, length="of a clip")
    parser.add_argument("--deeds", type=int, default=20, help="clips in which something does something (20)")
    options = parser.parse_args(arguments)
    clips, deeds, frames = (1, 0, 24) if options.quick else (options.clips, options.deeds, options.frames)
    choice = ModelChoice(options.model, device="cpu")
    engine = load_chat(choice, choice.placed())
    scores: dict[str, list[Score]] = {form: [] for form in (*SEEN, *DEEDS)}
    with tempfile.TemporaryDirectory() as folder:
        for forms, count in ((SEEN, clips), (DEEDS, deeds)):
            for truth in islice(truths(options.seed, frames, doing=forms is DEEDS), count):
                path, _ = write_clip(truth.scene, Path(folder) / "clip", (640, 360))
                for form in forms:
                    scores[form].append(score(engine, path, truth, form))
    rows: list[dict[str, Cell]] = []
    for form, all_scores in scores.items():
        if not all_scores:
            continue
        moments = [moment for _, moment, _ in all_scores if moment]
        row: dict[str, Cell] = {
            "form": form.format(thing="X", deed="running", other="(something else)"),
            "questions": len(all_scores),
            "iou": statistics.mean(score for score, _, _ in all_scores),
            "half": statistics.mean(score > 0.5 for score, _, _ in all_scores),
            "refused": statistics.mean(moment is None for _, moment, _ in all_scores),
            "asked": statistics.mean(one.asked for one in moments) if moments else None,
            "seen": statistics.mean(one.seen for one in moments) if moments else None,
            "seconds": statistics.median(seconds for _, _, seconds in all_scores),
        }
        rows.append(row)
    means = {str(row["form"]): float(row["iou"]) for row in rows}  # type: ignore[arg-type]
    print("ratio " + "; ".join(f"{form} {mean:.3f}" for form, mean in means.items()))
    record(options, __file__, arguments, COLUMNS, rows, notes=f"{options.model}, bf16")
    return means


if __name__ == "__main__":
    main()
