"""How well the demo model finds what sentences name in its world, answers, and follows a finger.

J&F on clips, cIoU on pictures, refusals; answers to questions; masks of what is pointed at.
Scenes, pipeline and metrics are those of ``python -m sa2va_cli.evaluation.park``, which this runs.

    python benchmarks/demo_scores.py --workers 2 --every 3
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from recording import Cell, Column, add_options, record

from sa2va_cli.demo.asking import KINDS_OF_QUESTIONS
from sa2va_cli.evaluation import park
from sa2va_cli.evaluation.asking import AnswerScore
from sa2va_cli.evaluation.park import KINDS_WITH_TARGETS, PLAIN_KINDS, Score, group
from sa2va_cli.evaluation.pointing import PointScore

COLUMNS = (
    Column("expressions", "expressions"),
    Column("clips", "in clips", "d"),
    Column("j", "J", ".3f"),
    Column("f", "F", ".3f"),
    Column("j_and_f", "J&F", ".3f"),
    Column("pictures", "in pictures", "d"),
    Column("ciou", "cIoU", ".3f"),
)
REFUSALS = (
    Column("source", "source"),
    Column("expressions", "expressions that match nothing", "d"),
    Column("empty", "no mask, %", ".1f"),
    Column("outside", "with words from outside", "d"),
    Column("outside_empty", "no mask, %", ".1f"),
)
ANSWERS = (
    Column("kind", "questions"),
    Column("clips", "about clips", "d"),
    Column("clips_right", "right, %", ".1f"),
    Column("pictures", "about pictures", "d"),
    Column("pictures_right", "right, %", ".1f"),
)
POINTING = (
    Column("how", "pointed with"),
    Column("what", "at"),
    Column("count", "masks", "d"),
    Column("before", "IoU before", ".3f"),
    Column("iou", "IoU", ".3f"),
)


def score_rows(clips: Sequence[Score], pictures: Sequence[Score]) -> list[dict[str, Cell]]:
    """One row for each kind of expression that names something, for all, and for each language."""
    found: list[dict[str, Cell]] = []
    for name in (*KINDS_WITH_TARGETS, "all", "English", "Chinese", *PLAIN_KINDS):
        moving, still = group(clips, name), group(pictures, name)
        row: dict[str, Cell] = {"expressions": name, "clips": len(moving), "pictures": len(still)}
        for metric in ("j", "f", "j_and_f"):
            row[metric] = float(np.mean([getattr(one, metric) for one in moving])) if moving else None
        union = sum(one.union for one in still)
        row["ciou"] = sum(one.intersection for one in still) / union if union else None
        found.append(row)
    return found


def refusal_rows(clips: Sequence[Score], pictures: Sequence[Score]) -> list[dict[str, Cell]]:
    """How many of the expressions that match nothing get no mask."""
    found: list[dict[str, Cell]] = []
    for source, scores in (("clips", clips), ("pictures", pictures)):
        nothing, outside = ([one for one in scores if one.kind == kind] for kind in ("none", "outside"))
        if nothing:
            row: dict[str, Cell] = {"source": source, "expressions": len(nothing), "outside": len(outside)}
            row["empty"] = 100 * float(np.mean([one.empty for one in nothing]))
            row["outside_empty"] = 100 * float(np.mean([one.empty for one in outside])) if outside else None
            found.append(row)
    return found


def answer_rows(scores: Sequence[AnswerScore]) -> list[dict[str, Cell]]:
    """How many answers are right, by kind of question."""
    found: list[dict[str, Cell]] = []
    for kind in (*KINDS_OF_QUESTIONS, "all"):
        row: dict[str, Cell] = {"kind": kind}
        for source in ("clips", "pictures"):
            some = [one for one in scores if one.source == source and kind in {one.kind, "all"}]
            row[source] = len(some)
            row[f"{source}_right"] = 100 * float(np.mean([one.right for one in some])) if some else None
        found.append(row)
    return found


def pointing_rows(scores: Sequence[PointScore]) -> list[dict[str, Cell]]:
    """Mean IoU by the way of pointing."""
    found: list[dict[str, Cell]] = []
    for how, what in dict.fromkeys((one.how, one.what) for one in scores):
        some = [one for one in scores if (one.how, one.what) == (how, what)]
        before = [one.before for one in some if one.before is not None]
        row: dict[str, Cell] = {"how": how, "what": what, "count": len(some)}
        row["before"] = float(np.mean(before)) if before else None
        row["iou"] = float(np.mean([one.iou for one in some]))
        found.append(row)
    return found


def main(arguments: Sequence[str] | None = None) -> tuple[list[dict[str, Cell]], list[dict[str, Cell]]]:
    """Scores, prints, and returns the rows of the first two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--every", type=int, default=1, help="score every how many-th frame")
    parser.add_argument("--workers", type=int, default=1, help="how many clips at a time")
    parser.add_argument("--quick", action="store_true", help="one clip, two pictures, few frames")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.pictures, options.every, options.workers = 1, 2, 24, 1
    counts = ["--clips", str(options.clips), "--pictures", str(options.pictures)]
    pace = ["--every", str(options.every), "--workers", str(options.workers)]
    with tempfile.TemporaryDirectory() as folder:
        details = Path(folder) / "scores.json"
        park.main(["--model", "demo", *counts, *pace, "--details", str(details)])
        scores = json.loads(details.read_text(encoding="utf-8"))
    clips, pictures = ([Score(**one) for one in scores[source]] for source in ("clips", "pictures"))
    answers = [AnswerScore(**one) for one in scores["answers"]]
    pointed = [PointScore(**one) for one in scores["pointed"]]
    found = score_rows(clips, pictures), refusal_rows(clips, pictures)
    record(options, __file__, arguments, COLUMNS, found[0], suffix="_expressions")
    record(options, __file__, arguments, REFUSALS, found[1], suffix="_refusals")
    record(options, __file__, arguments, ANSWERS, answer_rows(answers), suffix="_answers")
    record(options, __file__, arguments, POINTING, pointing_rows(pointed), suffix="_pointing")
    whole = next(row for row in found[0] if row["expressions"] == "all")
    print("ratio " + ", ".join(f"{name} {whole[name]:.3f}" for name in ("j_and_f", "ciou") if whole[name]))
    return found


if __name__ == "__main__":
    main()
