"""Measures over sentences, each a sum by a sum, so that one way of resampling gives the interval of any.

Sentences of one video are alike, so videos are drawn, not sentences. The tables of the official scripts are
made here too, rounding included.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.sentences import SentenceScore

RESAMPLINGS = 1000
_LOW, _HIGH = 2.5, 97.5
_TINY = 1e-10
"""Of ``RES.py``, beside the sum of unions."""

Parts = Callable[[SentenceScore], tuple[float, float]]
"""What a sentence adds above and below the line."""


@dataclass(frozen=True)
class Interval:
    """A measure with what chance leaves open.

    Attributes:
        value: of all sentences.
        low: of the 95 % interval; None where there is one video only, which leaves nothing to draw from.
        high: the same.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def half(self) -> float | None:
        """Half of the interval's width."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def _of_all(value: Callable[[SentenceScore], float]) -> Parts:
    return lambda one: (value(one), 1.0)


def _precision(least: float) -> Parts:
    return lambda one: (float(one.target and one.iou > least), float(one.target))


MEASURES: dict[str, Parts] = {
    "J": _of_all(lambda one: one.j),
    "F": _of_all(lambda one: one.f),
    "J&F": _of_all(lambda one: one.j_and_f),
    "A": _of_all(lambda one: one.a),
    "R": lambda one: (one.r or 0.0, float(one.r is not None)),
    "cIoU": lambda one: (float(one.intersection), float(one.union)),
    "gIoU": _of_all(lambda one: one.iou),
    "Pr@0.7": _precision(0.7),
    "Pr@0.8": _precision(0.8),
    "Pr@0.9": _precision(0.9),
    "N-acc.": lambda one: (float(not one.target and not one.answered), float(not one.target)),
    "T-acc.": lambda one: (float(one.target and one.answered), float(one.target)),
}

OF_VIDEOS = ("J&F", "J", "F", "N-acc.", "T-acc.")
OF_PICTURES = ("cIoU", "gIoU")
BY_FORMAT: dict[str, tuple[str, ...]] = {
    "mevis": OF_VIDEOS,
    "ref-youtube-vos": ("J&F", "J", "F"),
    "ref-davis17": ("J&F", "J", "F"),
    "davis": ("J&F", "J", "F"),
    "revos": ("J&F", "J", "F", "A", "R"),
    "ref-sav": ("J&F", "J", "F", "A"),
    "refcoco": OF_PICTURES,
    "grefcoco": (*OF_PICTURES, "N-acc.", "T-acc.", "Pr@0.7", "Pr@0.8", "Pr@0.9"),
    "reason-seg": ("gIoU", "cIoU"),
}
"""What is reported of a format; of any other: pictures ``OF_PICTURES``, videos ``OF_VIDEOS``."""


def names_for(form: str, scores: Sequence[SentenceScore]) -> tuple[str, ...]:
    """The measures of a data set."""
    if form in BY_FORMAT:
        return BY_FORMAT[form]
    return OF_PICTURES if all(one.frames == 1 for one in scores) else OF_VIDEOS


def _sums(scores: Sequence[SentenceScore], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each video adds above and below the line."""
    order = {video: k for k, video in enumerate(dict.fromkeys(one.video for one in scores))}
    sums = np.zeros((2, len(order)))
    for one in scores:
        sums[:, order[one.video]] += MEASURES[name](one)
    return sums[0], sums[1]


def measured(scores: Sequence[SentenceScore], name: str, seed: int = 0) -> Interval | None:
    """One measure with its 95 % interval; None where nothing of the kind is among the sentences.

    Args:
        scores: of the sentences.
        name: in ``MEASURES``.
        seed: of the draws.
    """
    above, below = _sums(scores, name)
    if not below.sum():
        return None
    whole = float(above.sum() / below.sum())
    return _interval(whole, len(above), seed, lambda drawn: (drawn @ above) / (drawn @ below))


def _interval(
    value: float, videos: int, seed: int, of_draws: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> Interval:
    if videos < 2:
        return Interval(value, None, None)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = of_draws(_drawn(videos, seed))
    low, high = np.nanpercentile(values, (_LOW, _HIGH))
    return Interval(value, float(low), float(high))


def _drawn(videos: int, seed: int) -> NDArray[np.int64]:
    """(N, V) how often each video is drawn."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(videos, np.full(videos, 1 / videos), size=RESAMPLINGS)


def differing(
    first: Sequence[SentenceScore], second: Sequence[SentenceScore], name: str, seed: int = 0
) -> Interval | None:
    """How much larger a measure is in a second run over the same sentences; both draw the same videos.

    Args:
        first: one run.
        second: another one.
        name: in ``MEASURES``.
        seed: of the draws.

    Raises:
        InputError: they are not of the same sentences.
    """
    keys = [(one.video, one.expression) for one in first]
    others = {(one.video, one.expression): one for one in second}
    if set(keys) != set(others) or len(keys) != len(second):
        odd = ["/".join(one) for one in sorted(set(keys) ^ set(others))]
        raise InputError(f"not the same sentences: {odd[0] if odd else 'one'} is in one of the runs only")
    for one in first:
        other = others[one.video, one.expression]
        if (one.sentence, one.split) != (other.sentence, other.split):
            raise InputError(
                f"not the same sentences: {one.video}/{one.expression} is {one.sentence!r} of {one.split!r} "
                f"in one of the runs and {other.sentence!r} of {other.split!r} in the other"
            )
    above, below = _sums(first, name)
    other_above, other_below = _sums([others[key] for key in keys], name)
    if not below.sum() or not other_below.sum():
        return None
    whole = float(other_above.sum() / other_below.sum() - above.sum() / below.sum())
    return _interval(
        whole,
        len(above),
        seed,
        lambda drawn: (drawn @ other_above) / (drawn @ other_below) - (drawn @ above) / (drawn @ below),
    )


def official_table(form: str, scores: Sequence[SentenceScore]) -> Mapping[str, Mapping[str, float]]:
    """The table that the official script prints, in its own units and with its own rounding.

    Args:
        form: the format's name.
        scores: scored with the official protocol.

    Returns:
        By row (``overall``, and kinds of sentences) and column. Of gRefCOCO it is the table of ReLA (commit
        3ca95519, ``refer_evaluation.py``): N-acc. and T-acc. as shares, all else per cent.
    """
    if form == "revos":
        return _by_kind(scores, {"referring": "referring", "reason": "reasoning"}, ("J", "F", "A", "R"))
    if form == "ref-sav":
        return _by_kind(scores, {"long": "long", "short": "short"}, ("J", "F", "A"))
    if names_for(form, scores)[0] == "J&F":
        return {"overall": _of_video(scores)}
    table = {"cIoU": _summed_iou(scores), "gIoU": float(np.mean([one.iou for one in scores]))}
    if form != "grefcoco":
        return {"overall": table}
    exact = [one.intersection / one.union if one.union else 1.0 for one in scores]  # ReLA adds nothing
    percents = {"cIoU": 100 * _ratio(scores, "cIoU"), "gIoU": 100 * float(np.mean(exact))}
    for name in BY_FORMAT["grefcoco"][2:]:
        percents[name] = (100 if name.startswith("Pr") else 1) * _ratio(scores, name)
    return {"overall": percents}


def _ratio(scores: Sequence[SentenceScore], name: str) -> float:
    above, below = _sums(scores, name)
    return float(above.sum() / below.sum()) if below.sum() else 0.0


def _summed_iou(scores: Sequence[SentenceScore]) -> float:
    shared = np.float32(sum(one.intersection for one in scores))
    total = np.float32(sum(one.union for one in scores))
    return float(shared / np.float32(total + np.float32(_TINY))) if total else 0.0


def _of_video(scores: Sequence[SentenceScore]) -> dict[str, float]:
    """``eval_mevis.py``: per cent, rounded to 2 places."""
    j, f = (float(np.mean([getattr(one, name) for one in scores])) for name in ("j", "f"))
    return {"J": round(100 * j, 2), "F": round(100 * f, 2), "J&F": round(100 * (j + f) / 2, 2)}


def _by_kind(
    scores: Sequence[SentenceScore], rows: Mapping[str, str], columns: Sequence[str]
) -> dict[str, dict[str, float]]:
    """``eval_revos.py``: each sentence rounded first; overall is the plain mean of two kinds."""
    table: dict[str, dict[str, float]] = {}
    for row, kind in rows.items():
        chosen = [one for one in scores if one.kind == kind]
        values = {
            column: [round(100 * (getattr(one, column.lower()) or 0.0), 2) for one in chosen]
            for column in columns
        }
        table[row] = {column: float(np.mean(found)) if found else 0.0 for column, found in values.items()}
        table[row]["JF"] = (table[row]["J"] + table[row]["F"]) / 2
    first, second = table.values()
    table["overall"] = {column: (first[column] + second[column]) / 2 for column in first}
    return table
