"""How masks of a sentence are compared with the truth: as the official scripts do, or without their faults.

``official`` gives the numbers of the official Sa2VA scripts (commit 9832e1a8: ``eval_mevis.py``,
``eval_revos.py``, ``eval_ref_sav.py``, ``RES.py``), which differ from what they mean to compute where

* objects overlap in the truth: their masks are added up in uint8, so A misses the pixels of value 2, and in
  R a false positive there counts 255 times;
* polygons of one object overlap in a picture: the 2 goes through run lengths, which turn at every change of
  value, so what follows it in a column is the wrong way round;
* an answer has several masks in a video: only the first one counts;
* the frames of a file are not sorted: predictions are, the truth is not;
* one mask is empty and the other fills the picture: F is 1.

``clean`` has none of these: masks are unions, frames go by their names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sa2va_cli.evaluation.davis import boundary_f, jaccard
from sa2va_cli.training.datasets.sample import ReferringSample

Mask = NDArray[np.bool_]
Counts = NDArray[np.uint8]

_FOREGROUND_TINY = 1e-6
"""Of ``eval_revos.py``, so that nothing is divided by zero."""

_UNION_TINY = 1e-5
"""Of ``RES.py``; it shows on tiny masks: a single pixel scores 0.99999."""


@dataclass(frozen=True)
class FrameScores:
    """One frame of a video.

    Attributes:
        j: region similarity.
        f: contour accuracy.
        a: share of pixels that are as in the truth.
        r: robustness, one less the false positives by the foreground; None where no foreground is known.
    """

    j: float
    f: float
    a: float
    r: float | None


def score_frame(
    found: Mask, counts: Counts, foreground: Counts | None, *, protocol: str = "official"
) -> FrameScores:
    """Compares a mask with the truth on one frame.

    Args:
        found: (H, W) bool.
        counts: (H, W), how many objects of the truth cover a pixel.
        foreground: (H, W), everything that is annotated in the video; None where that is not known.
        protocol: see above.
    """
    official = protocol == "official"
    truth = counts > 0
    values = counts if official else truth.astype(np.uint8)
    predicted = found.astype(np.uint8)
    robustness = None
    if foreground is not None:
        false = int(np.sum((np.uint8(1) - values) * predicted, dtype=np.uint64))  # 1 - 2 is 255
        robustness = max(1.0 - false / (float(foreground.sum()) + _FOREGROUND_TINY), 0.0)
    return FrameScores(
        j=jaccard(found, truth),
        f=boundary_f(found, truth, official=official),
        a=float(np.mean(predicted == values)),
        r=robustness,
    )


def score_picture(
    found: Mask, counts: Counts, ignored: Counts | None = None, *, protocol: str = "official"
) -> tuple[int, int]:
    """Compares a mask with the truth of a picture.

    Args:
        found: (H, W) bool, the union of all masks of the answer.
        counts: (H, W), how many shapes of the truth cover a pixel.
        ignored: (H, W), not 0 where pixels do not count; None for nowhere.
        protocol: see above.

    Returns:
        Pixels of the intersection and of the union.
    """
    truth = through_run_lengths(counts) if protocol == "official" else counts > 0
    counted = np.ones_like(found) if ignored is None else ignored == 0
    return int(np.sum(found & truth & counted)), int(np.sum((found | truth) & counted))


def iou(intersection: int, union: int, *, protocol: str = "official") -> float:
    """What a sentence adds to gIoU: 1 where nothing is meant and nothing was found."""
    if union == 0:
        return 1.0
    if protocol == "official":
        return float(np.float32(intersection) / np.float32(np.float32(union) + np.float32(_UNION_TINY)))
    return intersection / union


def through_run_lengths(counts: Counts) -> Mask:
    """Encodes values as COCO's run lengths and decodes them: a new run begins at every change of value."""
    rle = coco_mask.encode(np.asfortranarray(counts, np.uint8))
    return np.asarray(coco_mask.decode(rle), np.uint8) > 0


def scored_sentences(
    form: str, samples: Sequence[ReferringSample], protocol: str
) -> Sequence[ReferringSample]:
    """The sentences that count: all, but officially of ReasonSeg the first of a picture, except to train on.

    So does ``ValDataset`` in ``utils/dataset.py`` of dvlab-research/LISA.
    """
    if form != "reason-seg" or protocol != "official":
        return samples
    return [one for one in samples if one.expression == "0" or one.split == "train"]


def united(masks: Sequence[Mask], size: tuple[int, int], *, first_only: bool) -> Mask:
    """The mask of an answer: of its first object only, or of all; empty where there is none."""
    chosen: Iterable[Mask] = masks[:1] if first_only else masks
    union = np.zeros(size, np.bool_)
    for one in chosen:
        union |= one
    return union
