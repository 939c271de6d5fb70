"""What a clip in parts is worth against the same clip in one piece: J&F, and objects that change their names.

Each clip of the demo world is one shot, which is cut in the middle, so that its two halves are asked about
and followed apart: the hardest place for a seam. Films are edited ones of four shots, cut where shots end.
One prompt names an actor of its own, of which J&F is taken; another asks for a description with masks, which
gives several objects that could be taken for each other. Such an object is swapped where its masks are those
of another actor behind the seam than before it. Masks that hold two actors are those of neither, and counted
apart: which of the two they fit better changes with the way that the two walk.

    python benchmarks/splitting.py
    python benchmarks/splitting.py --clips 50 --frames 32 --films 8
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from recording import Cell, Column, add_clip_options, record

from sa2va_cli.batch.listing import Request
from sa2va_cli.batch.options import Options, SharedSearch, Splitting
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.running import run_batch
from sa2va_cli.datatypes import AnySegmenter
from sa2va_cli.demo.edited import Film
from sa2va_cli.demo.scene import Scene
from sa2va_cli.demo.world import scene_seed, write_clip
from sa2va_cli.evaluation.davis import boundary_f, jaccard
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter
from sa2va_cli.tracks.log import TrackedFrame, Tracks

SIZE = (640, 360)
DESCRIBE = "Please describe the video with interleaved masks."
LEAST_FIT, MUCH_BETTER = 0.1, 2.0
"""IoU from which an object is some actor or several; and by how many times as much it is one and no other."""

Masks = NDArray[np.bool_]
COLUMNS = (
    Column("what", "clips"),
    Column("clips", "how many", "d"),
    Column("whole", "J&F in one piece", ".3f"),
    Column("parts", "J&F in parts", ".3f"),
    Column("difference", "difference", "+.4f"),
    Column("objects", "objects across a seam", "d"),
    Column("mixed", "of several actors", "d"),
    Column("swapped", "swapped", "d"),
    Column("drifted", "swapped in one piece", "d"),
    Column("same", "clips with the same bytes", "d"),
)


def seen(one: TrackedFrame, row: int) -> Masks:
    """A mask of the picture's size."""
    return np.asarray(cv2.resize(one.logits[row], SIZE, interpolation=cv2.INTER_LINEAR)) > 0


def named(scene: Scene) -> tuple[int, str] | None:
    """The number and name of an actor that no other is like, if there is one."""
    names = [f"{one.colour} {one.kind}" for one in scene.actors]
    alone = [one for one, name in zip(scene.actors, names, strict=True) if names.count(name) == 1]
    return (alone[0].id, f"{alone[0].colour} {alone[0].kind}") if alone else None


def run(
    segmenter: AnySegmenter, folder: Path, prompts: Mapping[str, Sequence[str]], out: str, split: str | None
) -> dict[str, Tracks]:
    """Follows clips, in parts or not; gives the tracks of each."""
    found = {}
    for name, said in prompts.items():
        options = Options(
            SharedSearch(tuple(said), verbatim=True),
            Saving(("tracks",), f"{folder}/{out}/"),
            model=ModelChoice("demo", "cpu"),
            splitting=Splitting(split),
        )
        plan = Plan(Request((f"{folder}/{name}.mp4",), options=options), load=lambda *_: segmenter)
        result = run_batch(plan, lambda _: None)
        if result.failures:
            print(name, result.failures)
            continue
        found[name] = Tracks(folder / out / f"{name}.tracks.sa2va")
    return found


def score(tracks: Tracks, truth: Sequence[Masks]) -> float:
    """Mean J&F of what the first prompt found."""
    values = []
    for one in tracks:
        rows = [row for row, found in enumerate(one.objects) if found.prompt.id == 1]
        masks = [seen(one, row) for row in rows]
        mask = np.any(masks, axis=0) if masks else np.zeros_like(truth[0])
        wanted = truth[one.index]
        values.append((jaccard(mask, wanted) + boundary_f(mask, wanted)) / 2)
    return float(np.mean(values))


class Across(NamedTuple):
    """Described objects that are seen on both sides of a seam.

    Attributes:
        there: how many there are.
        mixed: how many are several actors on a side.
        swapped: how many are one actor before it, and another one behind it.
    """

    there: int
    mixed: int
    swapped: int


def across(tracks: Tracks, ids: Sequence[NDArray[np.int_]], seam: int) -> Across:
    """Which actors the objects of a description are on both sides of a seam."""
    numbers = sorted({int(number) for one in ids for number in np.unique(one)} - {0})
    objects = [one.id for one in tracks.header.objects if one.prompt.id == 2]
    shared = np.zeros((2, len(objects), len(numbers)))
    joint = np.ones_like(shared)
    for one in tracks:
        side = int(one.index >= seam)
        for row, found in enumerate(one.objects):
            if found.id not in objects:
                continue
            mask, place = seen(one, row), objects.index(found.id)
            for column, number in enumerate(numbers):
                actor = ids[one.index] == number
                shared[side, place, column] += np.count_nonzero(mask & actor)
                joint[side, place, column] += np.count_nonzero(mask | actor)
    fits = shared / joint
    ordered = np.sort(fits, axis=2)
    there = (ordered[..., -1] >= LEAST_FIT).all(axis=0)
    several = np.zeros_like(there)
    if len(numbers) > 1:
        several = there & (ordered[..., -1] < MUCH_BETTER * ordered[..., -2]).any(axis=0)
    swapped = there & ~several & (fits[0].argmax(axis=1) != fits[1].argmax(axis=1))
    return Across(*(int(one.sum()) for one in (there, several, swapped)))


def clips(
    segmenter: AnySegmenter, folder: Path, options: argparse.Namespace, until: float
) -> dict[str, Cell]:
    """Clips of one shot, cut in the middle, each in both ways; those that there is time for."""
    seam = options.frames // 2
    split = f"minutes:{(seam - 0.5) / 24 / 60:.6f}"
    scores: list[tuple[float, float]] = []
    there = mixed = swapped = drifted = same = number = 0
    while len(scores) < options.clips and (time.monotonic() < until or not scores):
        scene = Scene.sample(scene_seed("clips", options.seed, number), options.frames)
        name, chosen = f"{number:03}", named(scene)
        number += 1
        if chosen is None:
            continue
        if not (folder / f"{name}.mp4").exists():
            write_clip(scene, folder / name, SIZE)
        prompts = {name: [f"Please segment {chosen[1]}.", DESCRIBE]}
        whole = run(segmenter, folder, prompts, "whole", None).get(name)
        parts = run(segmenter, folder, prompts, "parts", split).get(name)
        if whole is None or parts is None:
            continue
        assert [shot["first"] for shot in parts.header.settings["shots"]] == [0, seam]  # noqa: S101
        ids = [scene.draw(t, SIZE)[1] for t in range(scene.frames)]
        truth = [one == chosen[0] for one in ids]
        scores.append((score(whole, truth), score(parts, truth)))
        found = across(parts, ids, seam)
        there, mixed, swapped = there + found.there, mixed + found.mixed, swapped + found.swapped
        drifted += across(whole, ids, seam).swapped
        same += whole.path.read_bytes() == parts.path.read_bytes()
        jf = " ".join(f"{value:.3f}" for value in scores[-1])
        print(f"{name}: J&F {jf}, {found.mixed} mixed, {found.swapped} of {found.there} swapped", flush=True)
    counts: dict[str, Cell] = {"objects": there, "mixed": mixed, "swapped": swapped, "drifted": drifted}
    return facts("clips of one shot", scores, same) | counts


def facts(what: str, scores: Sequence[tuple[float, float]], same: int) -> dict[str, Cell]:
    """A row of the table."""
    before, after = np.mean(scores, axis=0)
    return {
        "what": what,
        "clips": len(scores),
        "whole": float(before),
        "parts": float(after),
        "difference": float(after - before),
        "objects": None,
        "mixed": None,
        "swapped": None,
        "drifted": None,
        "same": same,
    }


def films(segmenter: AnySegmenter, folder: Path, options: argparse.Namespace) -> dict[str, Cell]:
    """Films of four shots, cut where they end; the hero is in the first and the third."""
    scores: list[tuple[float, float]] = []
    same = 0
    for number in range(options.films):
        film = Film.sample(4000 + number, 18)
        name = f"film-{number}"
        truth = film.write(folder / f"{name}.mp4")
        prompts = {name: [f"Please segment {film.name}."]}
        whole = run(segmenter, folder, prompts, "whole", None)
        parts = run(segmenter, folder, prompts, "parts", "scenes:0")
        if name in whole and name in parts:
            scores.append((score(whole[name], truth), score(parts[name], truth)))
            same += whole[name].path.read_bytes() == parts[name].path.read_bytes()
    return facts("films of four shots", scores, same)


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Runs, prints, and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_clip_options(parser, clips=50, seed=31, frames=32, length="of a clip")
    parser.add_argument("--films", type=int, default=8, help="edited films of four shots")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no clip after so many")
    parser.add_argument("--folder", type=Path, help="keep what was followed, and go on from there")
    options = parser.parse_args(arguments)
    until = time.monotonic() + 60 * options.minutes
    if options.quick:
        options.clips, options.frames, options.films = 1, 12, 1
    choice = ModelChoice(options.model, device="cpu")
    segmenter = load_segmenter(choice, choice.placed())
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        rows = [films(segmenter, folder, options), clips(segmenter, folder, options, until)]
    print(f"ratio J&F {rows[1]['parts']:.3f} in parts against {rows[1]['whole']:.3f} in one piece")
    record(options, __file__, arguments, COLUMNS, rows, notes=f"clips of {options.frames} frames, cut in two")
    return rows


if __name__ == "__main__":
    main()
