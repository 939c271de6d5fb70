"""What is known of each sentence after it was scored, as a table on disk."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.protocols import FrameScores, iou, score_frame, score_picture
from sa2va_cli.staging import atomic
from sa2va_cli.training.datasets.sample import ReferringSample


@dataclass(frozen=True)
class SentenceScore:
    """One sentence.

    Attributes:
        video: name of the video or picture.
        expression: name of the sentence in it.
        sentence: what is said.
        kind: of sentence.
        split: part of the data set.
        frames: how many were compared.
        j: mean region similarity.
        f: mean contour accuracy.
        a: mean share of pixels that are as in the truth.
        r: mean robustness; None where no foreground is known.
        intersection: pixels, over all frames.
        union: pixels, over all frames.
        iou: what it adds to gIoU.
        target: whether anything is meant, on any frame.
        answered: whether anything was found, on any frame.
    """

    video: str
    expression: str
    sentence: str
    kind: str
    split: str
    frames: int
    j: float
    f: float
    a: float
    r: float | None
    intersection: int
    union: int
    iou: float
    target: bool
    answered: bool

    @property
    def j_and_f(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2


def score_sentence(
    sample: ReferringSample, found: Sequence[Any], *, protocol: str = "official"
) -> SentenceScore:
    """Scores one sentence.

    Args:
        sample: with the truth.
        found: (H, W) bool for each frame of the truth, in the order it is compared in.
        protocol: ``official`` or ``clean``.

    Raises:
        InputError: the truth cannot be read, or masks have another size.
    """
    frames: list[FrameScores] = []
    shared = total = 0
    target = answered = False
    for k, mask in enumerate(found):
        if sample.shows_first_mask and k in (0, len(found) - 1):
            continue  # as davis2017-evaluation does
        counts = sample.counts(k)
        size = counts.shape
        if mask.shape != size:
            raise InputError(
                f"{sample.id}: the predicted mask is {mask.shape[1]}x{mask.shape[0]} and the picture "
                f"{size[1]}x{size[0]}"
            )
        ground = sample.counts_of(sample.foreground, k) if sample.foreground else None
        ignored = sample.counts_of(sample.ignored, k) if sample.ignored else None
        frames.append(score_frame(mask, counts, ground, protocol=protocol))
        overlap, union = score_picture(mask, counts, ignored, protocol=protocol)
        shared, total = shared + overlap, total + union
        target, answered = target or bool(counts.any()), answered or bool(mask.any())
    robust = [one.r for one in frames if one.r is not None]
    return SentenceScore(
        video=sample.video,
        expression=sample.expression,
        sentence=sample.sentence,
        kind=sample.kind,
        split=sample.split,
        frames=len(frames),
        j=float(np.mean([one.j for one in frames])),
        f=float(np.mean([one.f for one in frames])),
        a=float(np.mean([one.a for one in frames])),
        r=float(np.mean(robust)) if robust else None,
        intersection=shared,
        union=total,
        iou=iou(shared, total, protocol=protocol),
        target=target,
        answered=answered,
    )


def write_sentences(scores: Iterable[SentenceScore], path: Path) -> None:
    """Writes a CSV file with a line for each sentence.

    Raises:
        OutputError: it cannot be written.
    """
    names = [one.name for one in fields(SentenceScore)]
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for one in scores:
            row = {name: getattr(one, name) for name in names}
            writer.writerow(row | {"r": "" if one.r is None else one.r})


def read_sentences(path: Path) -> list[SentenceScore]:
    """Reads what ``write_sentences`` wrote.

    Raises:
        InputError: it is missing, or another file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_rows(csv.DictReader(file)))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a table of sentences that sa2va evaluate wrote ({error})") from error


def _rows(rows: Iterable[dict[str, str]]) -> Iterator[SentenceScore]:
    kinds: dict[str, Any] = {"target": "True".__eq__, "answered": "True".__eq__}
    kinds |= dict.fromkeys(("frames", "intersection", "union"), int)
    kinds |= dict.fromkeys(("j", "f", "a", "iou"), float)
    kinds["r"] = lambda text: float(text) if text else None
    for row in rows:
        yield SentenceScore(
            **{one.name: kinds.get(one.name, str)(row[one.name]) for one in fields(SentenceScore)}
        )
