"""Scores a model on scenes of the demo world that it never saw.

    python -m sa2va_cli.evaluation.park --model demo --clips 40 --seed 1000

writes the clips as videos, runs them through the same pipeline as the command line, and prints J&F by kind
of expression, how often an expression that matches nothing is answered with nothing, and cIoU on pictures.
``--workers 2`` scores two clips at a time, each on one thread, which small networks like better than two.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle

from sa2va_cli.datatypes import AnySegmenter
from sa2va_cli.demo.outside import outside_phrase
from sa2va_cli.demo.plain import plain_expressions
from sa2va_cli.demo.world import Expression, Scene, expressions, scene_seed, write_clip
from sa2va_cli.evaluation.asking import AnswerScore, answer_table, score_answers
from sa2va_cli.evaluation.davis import boundary_f, jaccard
from sa2va_cli.evaluation.pointing import PointScore, pointing_table, score_pointing
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter

Masks = NDArray[np.bool_]
KINDS_WITH_TARGETS = ("kind", "colour", "size", "place", "motion", "relation", "plural")
PLAIN_KINDS = ("hypernym", "scenery")
"""Kinds of expressions in plain words, which are scored apart from those above."""

_OUTSIDE, _PLAIN = 6, 5
"""How many expressions more are asked about each clip or picture: with words from outside, in plain words."""


@dataclass(frozen=True)
class Score:
    """How well one expression was followed through one clip, or found in one picture.

    Attributes:
        kind: of expression; ``none`` matches nothing in the scene, ``outside`` nothing in any scene.
        language: ``en`` or ``zh``.
        text: the expression.
        j: mean region similarity over the frames.
        f: mean contour accuracy over the frames.
        empty: no mask anywhere.
        intersection: pixels, summed over the frames.
        union: pixels, summed over the frames.
    """

    kind: str
    language: str
    text: str
    j: float
    f: float
    empty: bool
    intersection: int
    union: int

    @property
    def j_and_f(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2


@dataclass(frozen=True)
class Results:
    """All that was scored."""

    clips: list[Score] = field(default_factory=list)
    pictures: list[Score] = field(default_factory=list)
    answers: list[AnswerScore] = field(default_factory=list)
    pointed: list[PointScore] = field(default_factory=list)

    def joined(self, other: "Results") -> "Results":
        """Both, in this order."""
        return Results(
            self.clips + other.clips,
            self.pictures + other.pictures,
            self.answers + other.answers,
            self.pointed + other.pointed,
        )


def score_source(
    segmenter: AnySegmenter,
    source: Path,
    asked: Sequence[Expression],
    truth: Mapping[int, Sequence[Masks]],
    every: int = 1,
) -> list[Score]:
    """Runs all expressions over one clip or picture in one pass and scores each.

    Args:
        segmenter: the model.
        source: a video or an image.
        asked: what is asked for; texts must differ.
        truth: actor number -> visible mask (H, W) on every frame.
        every: scores every how many-th frame; the model sees all of them.
    """
    search = Search(numbered(list(dict.fromkeys(e.text for e in asked))))
    rows: dict[str, list[tuple[float, float, int, int, bool]]] = {e.text: [] for e in asked}
    with closing(stream(segmenter, str(source), search)) as results:
        for masks in results:
            if masks.frame.index % every:
                continue
            for e in asked:
                places = [k for k, o in enumerate(masks.objects) if o.prompt.text == e.text]
                found = _union(masks.masks[places], masks.frame.image.shape[:2])
                wanted = _union([truth[a][masks.frame.index] for a in e.actors], found.shape)
                overlap = int(np.count_nonzero(found & wanted))
                total = int(np.count_nonzero(found | wanted))
                f = boundary_f(found, wanted) if e.actors else 0.0
                rows[e.text].append((jaccard(found, wanted), f, overlap, total, bool(found.any())))
    return [_score(e, rows[e.text]) for e in asked]


def _union(masks: Iterable[Masks], shape: tuple[int, ...]) -> Masks:
    union = np.zeros(shape, np.bool_)
    for mask in masks:
        union |= mask
    return union


def _score(e: Expression, rows: Sequence[tuple[float, float, int, int, bool]]) -> Score:
    j, f, overlap, total, seen = (np.array(column) for column in zip(*rows, strict=True))
    empty = not bool(seen.any())
    return Score(
        e.kind,
        e.language,
        e.text,
        float(j.mean()),
        float(f.mean()),
        empty,
        int(overlap.sum()),
        int(total.sum()),
    )


def _distinct(asked: Sequence[Expression]) -> list[Expression]:
    return list({e.text: e for e in asked}.values())


def score_clip(segmenter: AnySegmenter, seed: int, index: int, every: int = 1) -> list[Score]:
    """Scores a whole clip of 96 frames at 640x360, written as a video and decoded again.

    Args:
        segmenter: the model.
        seed: of the set of clips.
        index: which of its clips.
        every: scores every how many-th frame; the model sees all of them.
    """
    scene = Scene.sample(scene_seed("clips", seed, index))
    with tempfile.TemporaryDirectory() as folder:
        video, notes = write_clip(scene, Path(folder) / "clip")
        described = json.loads(notes.read_text(encoding="utf-8"))
        asked = [
            Expression(e["text"], e["language"], e["kind"], tuple(e["actors"]))
            for e in described["expressions"]
        ]
        truth = {int(a): [rle.decode(m).astype(bool) for m in ms] for a, ms in described["actors"].items()}
        asked += more_expressions(scene, range(scene.frames), np.random.default_rng([seed, index, 1]))
        scenery = {n for e in asked for n in e.actors if n not in truth}
        drawn = [scene.draw_scenery_ids(t) for t in range(scene.frames)] if scenery else []
        truth |= {number: [ids == number for ids in drawn] for number in scenery}
        return score_source(segmenter, video, _distinct(asked), truth, every)


def score_picture(segmenter: AnySegmenter, seed: int, index: int) -> list[Score]:
    """Scores a single picture at 640x360, one of a scene of its own."""
    rng = np.random.default_rng([seed, index])
    scene, t = Scene.sample(scene_seed("clips", seed, index)), int(rng.integers(96))
    image, ids = scene.draw_with_scenery(t)
    asked = expressions(scene, [t], rng) + more_expressions(scene, [t], rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        Image.fromarray(image).save(path)
        truth = {number: [ids == number] for number in {*(a.id for a in scene.actors), *np.unique(ids)}}
        return score_source(segmenter, path, _distinct(asked), truth)


def more_expressions(scene: Scene, times: Sequence[int], rng: np.random.Generator) -> list[Expression]:
    """Plain words, and words from outside that training never sees."""
    told = plain_expressions(scene, times, rng, _PLAIN)
    for k in range(_OUTSIDE):
        language = "zh" if k % 3 == 0 else "en"
        told.append(Expression(outside_phrase(language, rng, held_out=True), language, "outside", ()))
    return told


def _still(seed: int, index: int) -> tuple[Scene, int]:
    """The scene and the frame that ``score_picture`` looks at."""
    t = int(np.random.default_rng([seed, index]).integers(96))
    return Scene.sample(scene_seed("clips", seed, index)), t


def table(clips: Sequence[Score], pictures: Sequence[Score]) -> str:
    """Writes the scores as a Markdown table, by kind of expression and by language."""
    lines = ["| expressions | n | J | F | J&F | pictures: n | cIoU |", "|---|---|---|---|---|---|---|"]
    for name in (*KINDS_WITH_TARGETS, "all", "English", "Chinese", *PLAIN_KINDS):
        lines += [_row(name, group(clips, name), group(pictures, name))]
    for what, scores in (("clips", clips), ("pictures", pictures)):
        for kind, named in (("none", "where nothing matches"), ("outside", "for words from outside")):
            nothing = [s for s in scores if s.kind == kind]
            if nothing:
                share = 100 * float(np.mean([s.empty for s in nothing]))
                lines.append(f"\nNo mask {named}, {what}: {share:.1f} % of {len(nothing)}.")
    return "\n".join(lines)


def group(scores: Sequence[Score], name: str) -> list[Score]:
    """The scores of one row of the table: a kind of expression, ``all``, ``English`` or ``Chinese``."""
    languages = {"English": "en", "Chinese": "zh"}
    meant = [s for s in scores if s.kind in KINDS_WITH_TARGETS or s.kind == name]
    if name in languages:
        return [s for s in meant if s.language == languages[name]]
    return meant if name == "all" else [s for s in meant if s.kind == name]


def _row(name: str, clips: Sequence[Score], pictures: Sequence[Score]) -> str:
    cells = [name, str(len(clips))]
    cells += (
        [f"{np.mean([getattr(s, m) for s in clips]):.3f}" for m in ("j", "f", "j_and_f")]
        if clips
        else ["-"] * 3
    )
    union = sum(s.union for s in pictures)
    cells += [str(len(pictures)), f"{sum(s.intersection for s in pictures) / union:.3f}" if union else "-"]
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line of this module."""
    parser = argparse.ArgumentParser(description="Score a model on the demo world.")
    parser.add_argument("--model", default="demo", help="alias, folder or hub id")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument(
        "--seed", type=int, default=1000, help="of the clips; training never sees them, whatever it is"
    )
    parser.add_argument("--every", type=int, default=1, help="score every how many-th frame")
    parser.add_argument("--workers", type=int, default=1, help="how many clips at a time")
    parser.add_argument("--details", type=Path, help="write every single score to this JSON file")
    options = parser.parse_args(arguments)
    found = _scored(options)
    if options.details:
        options.details.write_text(json.dumps(asdict(found), ensure_ascii=False), encoding="utf-8")
    tables = table(found.clips, found.pictures), answer_table(found.answers), pointing_table(found.pointed)
    print("\n\n".join(tables))  # noqa: T201


def _scored(options: argparse.Namespace) -> Results:
    """Scores clips and pictures in processes of their own, with a line of progress for each clip."""
    with ProcessPoolExecutor(
        options.workers, get_context("spawn"), _prepare, (options.model, options.workers)
    ) as pool:
        clips = [pool.submit(_clip, options.seed, k, options.every) for k in range(options.clips)]
        pictures = [pool.submit(_picture, options.seed, k) for k in range(options.pictures)]
        found = Results()
        for number, clip in enumerate(clips, 1):
            found = found.joined(clip.result())
            print(f"clip {number}/{options.clips}: {_progress(found.clips)}", file=sys.stderr)  # noqa: T201
        for picture in pictures:
            found = found.joined(picture.result())
        return found


def _progress(scores: Sequence[Score]) -> str:
    meant = group(scores, "all")
    return f"J&F {np.mean([s.j_and_f for s in meant]):.3f} of {len(meant)}"


_loaded: list[AnySegmenter] = []
"""The model of a worker process."""


def _prepare(model: str, workers: int) -> None:
    if workers > 1:
        torch.set_num_threads(1)
    choice = ModelChoice(model)
    _loaded.append(load_segmenter(choice, choice.placed()))


def _clip(seed: int, index: int, every: int) -> Results:
    answers = score_answers(_loaded[0], seed, index, clip=True)
    return Results(clips=score_clip(_loaded[0], seed, index, every), answers=answers)


def _picture(seed: int, index: int) -> Results:
    scene, t = _still(seed, index)
    image, ids = scene.draw_with_scenery(t)
    return Results(
        pictures=score_picture(_loaded[0], seed, index),
        answers=score_answers(_loaded[0], seed, index, clip=False),
        pointed=score_pointing(_loaded[0], image, ids, [a.id for a in scene.actors]),
    )


if __name__ == "__main__":
    main()
