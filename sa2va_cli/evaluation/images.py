"""Scores of referring segmentation on images: cIoU and gIoU.

As gRefCOCO counts them (Liu, Ding and Jiang, "GRES: Generalized Referring Expression Segmentation",
CVPR 2023). On RefCOCO, where every sentence has a target, cIoU is what papers call oIoU or cIoU.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Pair = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""A predicted and a true mask, both (H, W) bool."""


def cumulative_iou(pairs: Iterable[Pair]) -> float:
    """Returns cIoU: all intersections together over all unions together, so that large objects weigh more.

    Args:
        pairs: predicted and true masks, one pair for each sentence; consumed one by one.

    Returns:
        0..1; 1 when all masks are empty.

    Raises:
        ValueError: there is no pair, or the masks of a pair do not fit together.
    """
    shared = total = count = 0
    for pred, truth in pairs:
        intersection, union = _areas(pred, truth)
        shared, total, count = shared + intersection, total + union, count + 1
    if not count:
        raise ValueError("cIoU needs at least one pair of masks")
    return shared / total if total else 1.0


def generalized_iou(pairs: Iterable[Pair]) -> float:
    """Returns gIoU: the mean over sentences of intersection over union.

    A sentence without a target counts 1 when the predicted mask is empty and 0 when it is not.

    Args:
        pairs: predicted and true masks, one pair for each sentence; consumed one by one.

    Returns:
        0..1.

    Raises:
        ValueError: there is no pair, or the masks of a pair do not fit together.
    """
    total, count = 0.0, 0
    for pred, truth in pairs:
        intersection, union = _areas(pred, truth)
        total += intersection / union if union else 1.0
        count += 1
    if not count:
        raise ValueError("gIoU needs at least one pair of masks")
    return total / count


def _areas(pred: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int]:
    """Returns the areas of intersection and union in pixels."""
    if pred.shape != truth.shape or pred.dtype != np.bool_ or truth.dtype != np.bool_:
        raise ValueError(
            f"a pair of masks must be bool and of one shape, got {pred.shape} {pred.dtype} and "
            f"{truth.shape} {truth.dtype}"
        )
    return int(np.count_nonzero(pred & truth)), int(np.count_nonzero(pred | truth))
