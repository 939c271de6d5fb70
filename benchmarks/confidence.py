"""How many bad masks the ranges worth a look hold, and how much they name, on drawn clips with known truth.

A frame of an object is bad where J with what was meant is below 0.6. Where the mask fits some other single
figure (J of 0.6 or more), the network followed the wrong thing well.

    python benchmarks/confidence.py                                # clips that no constant was chosen on
    python benchmarks/confidence.py --seed 7200 --clips 54 --small --expressions 4 --fit
                          # prints constants for sa2va_cli/tracks/confidence.py; about ten minutes of one core
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
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter
from sa2va_cli.tracks.confidence import BY_HAND, DOUBTFUL, FACTS, JOINED, NEED_WORDS, facts

BAD = 0.6
SHARES = (10, 15, 20, 25)
"""Of all frames, in percent: what the ranges hold is told for limits that name so many."""

COLUMNS = (
    Column("frames", "frames of objects"),
    Column("count", "how many", "d"),
    Column("share", "of all, %", ".1f"),
    Column("named", "in ranges, %", ".1f"),
    *(Column(f"at{share}", f"if {share} % were named", ".1f") for share in SHARES),
)
Numbers = NDArray[np.float64]
Row = tuple[float, float, float, Numbers, bool]
"""What ``Watched`` holds of one frame."""


@dataclass(frozen=True)
class Watched:
    """One object through one clip of T frames.

    Attributes:
        j: (T,) J with what was meant.
        nearest: (T,) the highest J with any single figure that is drawn.
        confidences: (T,).
        facts: (T, 8) what they are made of.
        worded: (T,) whether it was looked at what the words alone name.
        joined: trusted frames that do not end a range, at the clip's rate.
    """

    j: Numbers
    nearest: Numbers
    confidences: Numbers
    facts: Numbers
    worded: NDArray[np.bool_]
    joined: int = JOINED

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
            if other - one <= self.joined + 1:
                inside[one:other] = True
        return inside


def watch(
    segmenter: AnySegmenter, seed: int, index: int, expressions: int, *, small: bool = False
) -> list[Watched]:
    """Follows what some sentences about a clip name, those with an answer, and compares it with the truth.

    Args:
        segmenter: the network.
        seed: of the clips.
        index: which of them.
        expressions: how many sentences.
        small: whether a clip has 48 frames of 320 x 180 at 12 frames per second, for half the time.
    """
    with tempfile.TemporaryDirectory() as folder:
        number, place = scene_seed("clips", seed, index), Path(folder) / "clip"
        scene = Scene.sample(number, 48, 12) if small else Scene.sample(number)
        video, notes = write_clip(scene, place, (320, 180) if small else (640, 360))
        told = json.loads(notes.read_text(encoding="utf-8"))
        asked = list({e["text"]: e for e in told["expressions"] if e["kind"] != "none"}.values())
        order = np.random.default_rng([seed, index]).permutation(len(asked))[:expressions]
        actors = {asked[k]["text"]: asked[k]["actors"] for k in order}
        truth = {int(a): [rle.decode(m).astype(bool) for m in ms] for a, ms in told["actors"].items()}
        rows: dict[int, list[Row]] = {}
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
    joined = JOINED // 2 if small else JOINED
    return [
        Watched(*(np.array(column) for column in zip(*found, strict=True)), joined=joined)
        for found in rows.values()
    ]


def _compare(
    masks: FrameMasks,
    figures: Sequence[NDArray[np.bool_]],
    wanted: dict[str, list[list[NDArray[np.bool_]]]],
    rows: dict[int, list[Row]],
) -> None:
    """Adds a row for each object of a frame."""
    evidence = masks.evidence
    if evidence is None:
        raise ValueError("these masks were not judged")
    worded = evidence.worded
    known = facts(
        masks.logits,
        masks.threshold,
        masks.scores,
        evidence.ious,
        evidence.agreements,
        worded,
        masks.objects,
    )
    for row, (found, mask) in enumerate(zip(masks.objects, masks.masks, strict=True)):
        meant = np.logical_or.reduce([one[masks.frame.index] for one in wanted[found.prompt.text]])
        nearest = max((jaccard(mask, one) for one in figures), default=0.0) if mask.any() else 0.0
        confidence = float(evidence.confidences[row])
        looked = worded is not None and bool(np.isfinite(worded[row]))
        rows.setdefault(found.id, []).append((jaccard(mask, meant), nearest, confidence, known[row], looked))


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
    curve = {f"at{share}": _named_by_share(watched, share / 100) for share in SHARES}
    return [
        {
            "frames": name,
            "count": int(chosen.sum()),
            "share": 100 * float(chosen.mean()),
            **{
                column: 100 * float(inside[chosen].mean()) if chosen.any() else None
                for column, inside in ({"named": named} | curve).items()
            },
        }
        for name, chosen in groups.items()
    ]


def _named_by_share(watched: Sequence[Watched], share: float) -> NDArray[np.bool_]:
    """What is named by the highest limit whose ranges hold no more than a share of all frames."""
    limits = np.quantile(np.concatenate([one.confidences for one in watched]), np.linspace(0, share, 40))
    best = np.zeros(sum(len(one.j) for one in watched), np.bool_)
    for limit in limits:
        inside = np.concatenate([one.named(float(limit)) for one in watched])
        if best.sum() <= inside.sum() <= share * len(inside):
            best = inside
    return best


def fitted(watched: Sequence[Watched], *, worded: bool, ridge: float = 2e-3) -> tuple[float, Numbers]:
    """Offset and weights of a logistic regression on whether a frame is not bad.

    Args:
        watched: the clips.
        worded: whether the facts that need the words are used.
        ridge: of the weights of facts of unit deviation; the offset has none.
    """
    known = np.concatenate([one.facts[one.worded] for one in watched])
    good = np.concatenate([~one.bad[one.worded] for one in watched]).astype(float)
    weights = np.array([BY_HAND.get(name, 0.0) for name in FACTS])
    given = known @ weights
    free = [k for k, name in enumerate(FACTS) if name not in BY_HAND and (worded or name not in NEED_WORDS)]
    scale = known[:, free].std(axis=0) + 1e-9
    rows = np.c_[known[:, free] / scale, np.ones(len(known))]
    penalty = ridge * np.diag([1.0] * len(free) + [0.0])
    found = np.zeros(len(free) + 1)
    for _ in range(50):  # Newton's method
        p = 1 / (1 + np.exp(-np.clip(rows @ found + given, -30, 30)))
        slope = rows.T @ (p - good) / len(good) + penalty @ found
        found -= np.linalg.solve((rows.T * (p * (1 - p))) @ rows / len(good) + penalty, slope)
    weights[free] = found[:-1] / scale
    return float(found[-1]), weights


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Follows, compares, prints, and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--seed", type=int, default=9000, help="which clips")
    parser.add_argument("--expressions", type=int, default=6, help="sentences for each clip, drawn at random")
    parser.add_argument("--fit", action="store_true", help="print constants fitted to these clips")
    parser.add_argument("--small", action="store_true", help="clips of half the size and half the frames")
    parser.add_argument("--quick", action="store_true", help="one clip, one sentence")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.expressions = 1, 1
    choice = ModelChoice("demo")
    segmenter = load_segmenter(choice, choice.placed())
    watched: list[Watched] = []
    for index in range(options.clips):
        watched += watch(segmenter, options.seed, index, options.expressions, small=options.small)
        print(f"clip {index + 1}/{options.clips}", file=sys.stderr, flush=True)
    found = summary(watched)
    for row in found:
        print({name: round(cell, 1) if isinstance(cell, float) else cell for name, cell in row.items()})
    if options.fit:
        for worded in (True, False):
            offset, weights = fitted(watched, worded=worded)
            facts_of = "with words" if worded else "without"
            print(
                f"{facts_of}: offset {offset:.2f},", dict(zip(FACTS, weights.round(2).tolist(), strict=True))
            )
    notes = f"demo model, clips of seed {options.seed}, {len(watched)} objects"
    record(options, __file__, arguments, COLUMNS, found, notes=notes)
    print(
        f"ratio bad frames in ranges {found[1]['named'] or 0.0:.1f} %, named {found[0]['named']:.1f} % of all"
    )
    return found


if __name__ == "__main__":
    main()
