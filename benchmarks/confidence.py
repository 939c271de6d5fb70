"""How many bad masks the ranges worth a look hold, and how much they name, on drawn clips with known truth.

A frame of an object is bad where J with what was meant is below 0.6. Where the mask fits some other single
figure (J of 0.6 or more), the network followed the wrong thing well; no fact about the mask can tell that.

    python benchmarks/confidence.py                      # clips that no constant was chosen on
    python benchmarks/confidence.py --seed 7000 --fit    # prints constants for sa2va_cli/tracks/confidence.py
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle
from recording import Cell, Column, add_options, record

from sa2va_cli.datatypes import AnySegmenter, FrameMasks
from sa2va_cli.demo.world import Scene, scene_seed, write_clip
from sa2va_cli.evaluation.davis import jaccard
from sa2va_cli.pipeline.job import Search, numbered
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter
from sa2va_cli.tracks.confidence import DOUBTFUL, FACTS, JOINED, facts

BAD = 0.6
COLUMNS = (
    Column("frames", "frames of objects"),
    Column("count", "how many", "d"),
    Column("share", "of all, %", ".1f"),
    Column("named", "in ranges, %", ".1f"),
)
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Watched:
    """One object through one clip of T frames.

    Attributes:
        j: (T,) J with what was meant.
        nearest: (T,) the highest J with any single figure that is drawn.
        confidences: (T,).
        facts: (T, 5) what they are made of.
    """

    j: Numbers
    nearest: Numbers
    confidences: Numbers
    facts: Numbers

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Frames whose mask is not what was meant."""
        return self.j < BAD

    @property
    def mistaken(self) -> NDArray[np.bool_]:
        """Bad frames whose mask fits another figure."""
        return self.bad & (self.nearest >= BAD)

    def named(self, limit: float) -> NDArray[np.bool_]:
        """Frames that lie in ranges worth a look, as ``tracks/review.py`` joins them."""
        doubtful = np.flatnonzero(self.confidences < limit)
        inside = np.zeros(len(self.j), np.bool_)
        inside[doubtful] = True
        for one, other in pairwise(doubtful):
            if other - one <= JOINED + 1:
                inside[one:other] = True
        return inside


def watch(segmenter: AnySegmenter, seed: int, index: int, expressions: int) -> list[Watched]:
    """Follows what some sentences about a clip name, those with an answer, and compares it with the truth."""
    with tempfile.TemporaryDirectory() as folder:
        video, notes = write_clip(Scene.sample(scene_seed("clips", seed, index)), Path(folder) / "clip")
        told = json.loads(notes.read_text(encoding="utf-8"))
        asked = list({e["text"]: e for e in told["expressions"] if e["kind"] != "none"}.values())
        order = np.random.default_rng([seed, index]).permutation(len(asked))[:expressions]
        actors = {asked[k]["text"]: asked[k]["actors"] for k in order}
        truth = {int(a): [rle.decode(m).astype(bool) for m in ms] for a, ms in told["actors"].items()}
        rows: dict[int, list[tuple[float, float, float, Numbers]]] = {}
        search = Search(numbered(list(actors)))
        with closing(stream(segmenter, str(video), search)) as results:
            for masks in results:
                figures = [masks_of[masks.frame.index] for masks_of in truth.values()]
                _compare(
                    masks,
                    figures,
                    {text: [truth[a] for a in wanted] for text, wanted in actors.items()},
                    rows,
                )
    return [Watched(*(np.array(column) for column in zip(*found, strict=True))) for found in rows.values()]


def _compare(
    masks: FrameMasks,
    figures: Sequence[NDArray[np.bool_]],
    wanted: dict[str, list[list[NDArray[np.bool_]]]],
    rows: dict[int, list[tuple[float, float, float, Numbers]]],
) -> None:
    """Adds a row for each object of a frame."""
    evidence = masks.evidence
    if evidence is None:
        raise ValueError("these masks were not judged")
    known = facts(masks.logits, masks.threshold, masks.scores, evidence.ious, evidence.agreements)
    for row, (found, mask) in enumerate(zip(masks.objects, masks.masks, strict=True)):
        meant = np.logical_or.reduce([one[masks.frame.index] for one in wanted[found.prompt.text]])
        nearest = max((jaccard(mask, one) for one in figures), default=0.0) if mask.any() else 0.0
        confidence = float(evidence.confidences[row])
        rows.setdefault(found.id, []).append((jaccard(mask, meant), nearest, confidence, known[row]))


def summary(watched: Sequence[Watched], limit: float = DOUBTFUL) -> list[dict[str, Cell]]:
    """One row for all frames, for the bad ones, and for the two kinds of them."""
    named, bad, mistaken = (
        np.concatenate([getattr(one, what) for one in watched])
        if what != "named"
        else np.concatenate([one.named(limit) for one in watched])
        for what in ("named", "bad", "mistaken")
    )
    groups = {
        "all": np.ones(len(bad), np.bool_),
        f"J below {BAD}": bad,
        "of these, the mask fits no figure": bad & ~mistaken,
        "of these, the mask fits another figure": mistaken,
    }
    return [
        {
            "frames": name,
            "count": int(chosen.sum()),
            "share": 100 * float(chosen.mean()),
            "named": 100 * float(named[chosen].mean()) if chosen.any() else None,
        }
        for name, chosen in groups.items()
    ]


def fitted(watched: Sequence[Watched], ridge: float = 1e-3) -> tuple[float, Numbers]:
    """Offset and weights of a logistic regression, without mistaken figures and empty masks."""
    use = [~one.mistaken & (one.facts[:, -1] == 0) for one in watched]
    known = np.concatenate([one.facts[chosen, :-1] for one, chosen in zip(watched, use, strict=True)])
    good = np.concatenate([~one.bad[chosen] for one, chosen in zip(watched, use, strict=True)]).astype(float)
    scale = known.std(axis=0) + 1e-9
    rows = np.c_[known / scale, np.ones(len(known))]
    weights = np.zeros(rows.shape[1])
    for _ in range(50):  # Newton's method
        p = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (p - good) / len(good) + ridge * weights
        curve = (rows.T * (p * (1 - p))) @ rows / len(good) + ridge * np.eye(len(weights))
        weights -= np.linalg.solve(curve, slope)
    return float(weights[-1]), weights[:-1] / scale


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Follows, compares, prints, and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--seed", type=int, default=9000, help="which clips")
    parser.add_argument("--expressions", type=int, default=6, help="sentences for each clip, drawn at random")
    parser.add_argument("--fit", action="store_true", help="print constants fitted to these clips")
    parser.add_argument("--quick", action="store_true", help="one clip, one sentence")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.expressions = 1, 1
    choice = ModelChoice("demo")
    segmenter = load_segmenter(choice, choice.placed())
    watched: list[Watched] = []
    for index in range(options.clips):
        watched += watch(segmenter, options.seed, index, options.expressions)
        print(f"clip {index + 1}/{options.clips}", file=sys.stderr, flush=True)
    found = summary(watched)
    for row in found:
        print({name: round(cell, 1) if isinstance(cell, float) else cell for name, cell in row.items()})
    if options.fit:
        offset, weights = fitted(watched)
        print(f"OFFSET {offset:.2f}, WEIGHTS", dict(zip(FACTS, weights.round(2).tolist(), strict=False)))
    notes = f"demo model, clips of seed {options.seed}, {len(watched)} objects"
    record(options, __file__, arguments, COLUMNS, found, notes=notes)
    print(
        f"ratio bad frames in ranges {found[1]['named'] or 0.0:.1f} %, named {found[0]['named']:.1f} % of all"
    )
    return found


if __name__ == "__main__":
    main()
