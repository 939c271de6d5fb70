"""How far a mask can be trusted, from what a log holds about it; the one place that decides.

Each fact is zero for an ordinary good mask and negative for a worse one:

* ``iou``: the IoU that the mask decoder predicts, above 0.9;
* ``edge``: IoU of the soft mask and the hard one, above 0.92: where an edge could run elsewhere, they differ;
* ``motion``: IoU with the last mask, moved as the picture moved, above 0.8;
* ``size``: decimal logarithm of the share of the picture, as far as it is below 1 %.

An empty mask has none of these, but ``seen``: the logit of its visibility above -5. A logistic function joins
them: ``confidence = 1 / (1 + exp(-(OFFSET + sum of WEIGHTS * facts)))``.

Nothing here can see that a good mask is that of the wrong thing: a sentence that was misunderstood looks the
same.
"""

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Evidence, Reason

Floats = NDArray[np.float32]
Facts = NDArray[np.float64]

FACTS = ("iou", "edge", "motion", "size", "seen")
"""The columns of what ``facts`` returns."""

OFFSET = 4.2
WEIGHTS = np.array([12.6, 0.8, 2.9, 1.9, -0.46])
"""The offset and the first four by logistic regression on whether J is 0.6 or more, over frames of 12 drawn
clips that have a mask, and whose mask is not that of another figure (``benchmarks/confidence.py`` with
``--seed 7000 --fit`` does the same). The last by hand: an empty mask has 0.96 where the probability of
being visible is 0.05, and 0.91 where it is 0.3."""

DOUBTFUL = 0.92
"""Confidence below which a frame is worth a look. With ``JOINED`` it named 13 % of those clips' frames."""

JOINED = 12
"""Trusted frames between two doubtful ones that do not end a range: half a second at 24 frames per second."""

_REASONS: tuple[Reason, ...] = ("unsure edge", "unsure edge", "jumped", "nearly hidden", "lost")
"""What each fact speaks of."""

_LEAST_LOGIT, _LEAST_SHARE = -5.0, 1e-5


def gathered(
    logits: Floats,
    threshold: float,
    scores: Floats,
    ious: Floats,
    agreements: Floats,
    worded: Floats | None = None,
) -> Evidence:
    """Judges the masks of N objects on one frame.

    Args:
        logits: (N, h, w) on the decoder's grid.
        threshold: probability above which a pixel belongs to the mask.
        scores: (N,) probability that the object is visible.
        ious: (N,) IoU with the truth that the network predicts.
        agreements: (N,) IoU with the mask before, moved as the picture moved.
    """
    known = facts(logits, threshold, scores, ious, agreements)
    for_and_against = known * WEIGHTS
    confidences = (1 / (1 + np.exp(-(OFFSET + for_and_against.sum(axis=1))))).astype(np.float32)
    reasons = tuple(_REASONS[column] for column in for_and_against.argmin(axis=1))
    return Evidence(ious, agreements, confidences, reasons)


def facts(logits: Floats, threshold: float, scores: Floats, ious: Floats, agreements: Floats) -> Facts:
    """What speaks for and against each mask; arguments as in ``gathered``.

    Returns:
        (N, 5), in the order of ``FACTS``.
    """
    known = np.zeros((len(logits), len(FACTS)))
    cut = np.log(threshold / (1 - threshold))
    for row, one in enumerate(logits):
        inside = one > cut
        area = np.count_nonzero(inside)
        if not area:
            score = float(np.clip(scores[row], 1e-4, 1 - 1e-4))
            known[row, 4] = max(np.log(score / (1 - score)), _LEAST_LOGIT) - _LEAST_LOGIT
            continue
        alpha = 1 / (1 + np.exp(cut - np.clip(one, -30, 30)))
        both = float(alpha[inside].sum())
        edge = both / (area + float(alpha.sum()) - both)
        size = np.log10(max(area / one.size, _LEAST_SHARE)) + 2
        known[row, :4] = ious[row] - 0.9, edge - 0.92, agreements[row] - 0.8, min(size, 0.0)
    return known
