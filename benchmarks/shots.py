"""What ``--reground scenes`` is worth on edited clips of the demo world: J&F, false masks, and what it costs.

Each film has four shots; its hero is in the first and the third. A false mask is one with a single pixel or
more on a frame of a shot in which the hero is not. The cost of detection is its share of the run's processor
time; the two ways of a clip are run one after the other in one process.

    python benchmarks/shots.py
    python benchmarks/shots.py --clips 40 --frames 48
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from recording import Cell, Column, add_clip_options, record

from sa2va_cli.datatypes import AnySegmenter
from sa2va_cli.demo.edited import Film
from sa2va_cli.demo.sightings import EXISTS
from sa2va_cli.evaluation.davis import boundary_f, jaccard
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.shots import shots_of
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter

WAYS = ("off", "scenes")

COLUMNS = (
    Column("way", "--reground"),
    Column("clips", "films", "d"),
    Column("there", "J&F where the hero is", ".3f"),
    Column("returned", "J&F after its return", ".3f"),
    Column("false", "false masks, % of other frames", ".1f"),
    Column("large", "those of an object's size, %", ".1f"),
    Column("after", "false masks in 5 frames after a cut, %", ".1f"),
    Column("cuts", "cuts found", ".0%"),
    Column("wrong", "cuts found that are none", "d"),
    Column("detection", "detection, % of the run", ".1f"),
)


@dataclass
class Scores:
    """What was measured of one way."""

    there: list[float] = field(default_factory=list)
    returned: list[float] = field(default_factory=list)
    false: list[bool] = field(default_factory=list)
    large: list[bool] = field(default_factory=list)
    after: list[bool] = field(default_factory=list)
    found: int = 0
    cuts: int = 0
    wrong: int = 0
    detection: float = 0.0
    whole: float = 0.0

    def row(self, way: str, clips: int) -> dict[str, Cell]:
        """As a row of the table."""
        scenes = way == "scenes"
        return {
            "way": way,
            "clips": clips,
            "there": float(np.mean(self.there)),
            "returned": float(np.mean(self.returned)),
            "false": 100 * float(np.mean(self.false)),
            "large": 100 * float(np.mean(self.large)),
            "after": 100 * float(np.mean(self.after)),
            "cuts": self.found / self.cuts if scenes else None,
            "wrong": self.wrong if scenes else None,
            "detection": 100 * self.detection / self.whole if scenes else None,
        }


def score(
    segmenter: AnySegmenter, film: Film, path: Path, truth: Sequence[np.ndarray], way: str, scores: Scores
) -> None:
    """Runs one film in one way, and adds what came of it."""
    search = Search((film.name,), reground=way)
    length = film.shots[0].frames
    if way == "scenes":
        with opened(str(path), search, lambda _: None) as reader:
            began = time.process_time()
            cuts = set(shots_of(reader, search).firsts[1:])
            scores.detection += time.process_time() - began
        true = set(range(length, film.frames, length))
        scores.found, scores.cuts = scores.found + len(cuts & true), scores.cuts + len(true)
        scores.wrong += len(cuts - true)
    began, scoring = time.process_time(), 0.0
    with closing(stream(segmenter, str(path), search)) as results:
        for masks in results:
            shot, frame = film.place(masks.frame.index)
            wanted = truth[masks.frame.index]
            found = masks.masks.any(axis=0) if len(masks) else np.zeros_like(wanted)
            at = time.process_time()
            if film.present[shot]:
                value = (jaccard(found, wanted) + boundary_f(found, wanted)) / 2
                scores.there.append(value)
                if shot:
                    scores.returned.append(value)
            else:
                scores.false.append(bool(found.any()))
                scores.large.append(bool(found.mean() >= EXISTS))
                if frame < 5:
                    scores.after.append(scores.false[-1])
            scoring += time.process_time() - at
    scores.whole += time.process_time() - began - scoring


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Runs, prints, and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_clip_options(parser, clips=8, seed=4000, frames=18, length="of a shot")
    options = parser.parse_args(arguments)
    clips, frames = (1, 10) if options.quick else (options.clips, options.frames)
    choice = ModelChoice(options.model, device="cpu")
    segmenter = load_segmenter(choice, choice.placed())
    scores = {way: Scores() for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(clips):
            film = Film.sample(options.seed + number, frames)
            path = Path(folder) / "film.mp4"
            truth = film.write(path)
            for way in WAYS:
                score(segmenter, film, path, truth, way, scores[way])
            print(
                f"{number}: {film.name}",
                {way: one.row(way, number + 1) for way, one in scores.items()},
                flush=True,
            )
    rows = [one.row(way, clips) for way, one in scores.items()]
    gain = scores["scenes"].row("scenes", clips)["there"], scores["off"].row("off", clips)["there"]
    print(f"ratio J&F {gain[0]:.3f} against {gain[1]:.3f}")
    record(options, __file__, arguments, COLUMNS, rows, notes=f"{clips} films of 4 shots of {frames} frames")
    return rows


if __name__ == "__main__":
    main()
