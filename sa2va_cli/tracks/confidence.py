"""How far a mask can be trusted, from what a log holds about it; the one place that decides.

Each fact is zero for an ordinary good mask and negative for a worse one:

* ``iou``: the IoU that the mask decoder predicts, above 0.9;
* ``edge``: IoU of the soft mask and the hard one, above 0.92: where an edge could run elsewhere, they differ;
* ``motion``: IoU with the last mask, moved as the picture moved, above 0.8;
* ``size``: decimal logarithm of the share of the picture, as far as it is below 1 %;
* ``words``: IoU with what the words alone name on the frame, above 0.9;
* ``margin``: how decided the words of the answer were, as far as it is below 4.

An empty mask has, besides the last, these: ``seen``, the logit of its visibility above -5; ``missed``, the
IoU with what the words alone name, above 1. A logistic function joins them:
``confidence = 1 / (1 + exp(-(OFFSET + sum of WEIGHTS * facts)))``. Where nobody looked at what the words
alone name, as for what was pointed at, other constants are taken.

Where it is known how probable it is that something else was meant (``FoundObject.elsewhere``), the
confidence is multiplied by how probable it is that this was meant; the ``margin``, which also falls where the
words hesitate between two names of one thing, then counts less.

Nothing here can see that a good mask is that of the wrong thing where the model was sure of its words.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Evidence, FoundObject, Reason

Floats = NDArray[np.float32]
Facts = NDArray[np.float64]

FACTS = ("iou", "edge", "motion", "size", "words", "margin", "seen", "missed")
"""The columns of what ``facts`` returns."""

NEED_WORDS = ("words", "missed")
"""Those that are not known where nobody looked at what the words alone name."""

BY_HAND = {"edge": 0.8, "motion": 3.5}
"""Weights that are not fitted. On drawn clips these facts tell hardly anything that the others do not, and no
weight up to these changes what is found; a mask that could as well lie elsewhere is to be trusted less."""

OFFSET = 3.54
WEIGHTS = np.array([1.08, 0.8, 3.5, 0.39, 8.29, 1.06, -0.62, 2.18])
OFFSET_UNWORDED = 3.71
WEIGHTS_UNWORDED = np.array([8.37, 0.8, 3.5, 1.75, 0.0, 0.93, -0.86, 0.0])
"""The rest by logistic regression on whether J is 0.6 or more, over 9 744 frames of 203 objects in 54 drawn
clips (320 x 180 at 12 frames per second; ``benchmarks/confidence.py --fit`` does the same)."""

HESITATION = 0.3
"""What counts of the ``margin`` where second answers are known, which tell better what was not meant: on 25
drawn clips nearly any share up to this held as much, and larger ones less."""

DOUBTFUL = 0.72
"""Confidence below which a frame is worth a look. On 38 drawn clips of the seeds 7200, 9500 and 9600, ranges
below it named 15.6 % of the frames."""

JOINED = 6
"""Trusted frames between two doubtful ones that do not end a range: a quarter of a second at 24 frames per
second. Longer ones name more good frames, for which fewer bad ones can be named elsewhere."""

_REASONS: tuple[Reason, ...] = (
    "unsure edge",
    "unsure edge",
    "jumped",
    "nearly hidden",
    "not as named",
    "unsure words",
    "lost",
    "lost",
    "unsure words",
)
"""What each fact speaks of, and last what was nearly answered instead."""

_LEAST_LOGIT, _LEAST_SHARE, _DECIDED = -5.0, 1e-5, 4.0


def gathered(
    logits: Floats,
    threshold: float,
    scores: Floats,
    ious: Floats,
    agreements: Floats,
    worded: Floats | None = None,
    objects: Sequence[FoundObject] = (),
) -> Evidence:
    """Judges the masks of N objects on one frame.

    Args:
        logits: (N, h, w) on the decoder's grid.
        threshold: probability above which a pixel belongs to the mask.
        scores: (N,) probability that the object is visible.
        ious: (N,) IoU with the truth that the network predicts.
        agreements: (N,) IoU with the mask before, moved as the picture moved.
        worded: (N,) IoU with what the words alone name; NaN or None where nobody looked.
        objects: what the rows are; none where that is not known.
    """
    known = facts(logits, threshold, scores, ious, agreements, worded, objects)
    looked = np.zeros(len(logits), np.bool_) if worded is None else np.isfinite(worded)
    for_and_against = known * np.where(looked[:, None], WEIGHTS, WEIGHTS_UNWORDED)
    others = np.full(len(logits), np.nan)
    others[: len(objects)] = [np.nan if one.elsewhere is None else one.elsewhere for one in objects]
    asked = np.isfinite(others)
    for_and_against[asked, FACTS.index("margin")] *= HESITATION
    sums = np.where(looked, OFFSET, OFFSET_UNWORDED) + for_and_against.sum(axis=1)
    good = 1 / (1 + np.exp(-sums))
    confidences = good * np.where(asked, 1 - np.clip(others, 0, 1), 1.0)
    against = _logits(confidences) - _logits(good)  # what the others cost, in the measure of the facts
    reasons = tuple(_REASONS[column] for column in np.c_[for_and_against, against].argmin(axis=1))
    return Evidence(ious, agreements, confidences.astype(np.float32), reasons, worded)


def _logits(shares: Facts) -> Facts:
    shares = np.clip(shares, 1e-6, 1 - 1e-6)
    return np.log(shares / (1 - shares))


def facts(
    logits: Floats,
    threshold: float,
    scores: Floats,
    ious: Floats,
    agreements: Floats,
    worded: Floats | None = None,
    objects: Sequence[FoundObject] = (),
) -> Facts:
    """What speaks for and against each mask; arguments as in ``gathered``.

    Returns:
        (N, 8), in the order of ``FACTS``; zero for what is not known.
    """
    known = np.zeros((len(logits), len(FACTS)))
    cut = np.log(threshold / (1 - threshold))
    margins = [one.margin for one in objects]
    for row, margin in enumerate(margins):
        known[row, 5] = 0.0 if margin is None else min(margin - _DECIDED, 0.0)
    for row, one in enumerate(logits):
        inside = one > cut
        area = np.count_nonzero(inside)
        asked = np.nan if worded is None else float(worded[row])
        if not area:
            score = float(np.clip(scores[row], 1e-4, 1 - 1e-4))
            known[row, 6] = max(np.log(score / (1 - score)), _LEAST_LOGIT) - _LEAST_LOGIT
            known[row, 7] = np.nan_to_num(asked - 1)
            continue
        alpha = 1 / (1 + np.exp(cut - np.clip(one, -30, 30)))
        both = float(alpha[inside].sum())
        edge = both / (area + float(alpha.sum()) - both)
        size = np.log10(max(area / one.size, _LEAST_SHARE)) + 2
        known[row, :4] = ious[row] - 0.9, edge - 0.92, agreements[row] - 0.8, min(size, 0.0)
        known[row, 4] = np.nan_to_num(asked - 0.9)
    return known
