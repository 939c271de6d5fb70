"""J and F of DAVIS: how well a region and its boundary are found.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation" (CVPR 2016),
in the form of the official ``davis2017-evaluation`` (``metrics.py``). Its semi-supervised protocol leaves out
the first and the last frame of a clip; here every frame that is passed counts, as in MeViS and Ref-DAVIS.
"""

from math import ceil, hypot

import cv2
import numpy as np
from numpy.typing import NDArray

_BOUND_SHARE = 0.008


def jaccard(pred: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Measures region similarity, J: intersection over union.

    Args:
        pred: (H, W) bool.
        truth: (H, W) bool.

    Returns:
        0..1; 1 when both are empty.
    """
    _check(pred, truth)
    union = np.count_nonzero(pred | truth)
    return np.count_nonzero(pred & truth) / union if union else 1.0


def boundary_f(
    pred: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    bound_pix: float = _BOUND_SHARE,
    *,
    official: bool = False,
) -> float:
    """Measures contour accuracy, F: the harmonic mean of the boundaries' precision and recall.

    Args:
        pred: (H, W) bool.
        truth: (H, W) bool.
        bound_pix: how far apart boundaries may lie and still match: in pixels from 1 on, below that as a
            share of the picture's diagonal, rounded up.
        official: whether two masks without a boundary match, as in the official code, even where one is empty
            and the other fills the picture.

    Returns:
        0..1; 1 when neither has a boundary, 0 when only one has, and 0 when one mask is empty and the other
        fills the picture.
    """
    _check(pred, truth)
    if pred.ndim != 2:
        raise ValueError(f"pred and truth must be (H, W), got {pred.shape}")
    radius = int(bound_pix if bound_pix >= 1 else ceil(bound_pix * hypot(*pred.shape)))
    whole = pred.any() == truth.any()
    pred, truth = _cropped(pred, truth, radius + 2)
    of_pred, of_truth = _boundary(pred), _boundary(truth)
    in_pred, in_truth = np.count_nonzero(of_pred), np.count_nonzero(of_truth)
    if in_pred == 0 or in_truth == 0:
        return float(in_pred == in_truth and (official or bool(whole)))
    precision = np.count_nonzero(of_pred & _widened(of_truth, radius)) / in_pred
    recall = np.count_nonzero(of_truth & _widened(of_pred, radius)) / in_truth
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def j_and_f(pred: NDArray[np.bool_], truth: NDArray[np.bool_], bound_pix: float = _BOUND_SHARE) -> float:
    """Returns J&F of one object through a clip: the mean of (J + F) / 2 over its frames.

    Args:
        pred: (T, H, W) bool.
        truth: (T, H, W) bool.
        bound_pix: as for ``boundary_f``.

    Returns:
        0..1. A frame counts 1 where both are empty and 0 where only one is.
    """
    _check(pred, truth)
    if pred.ndim != 3 or not len(pred):
        raise ValueError(f"pred and truth must be (T, H, W) with at least one frame, got {pred.shape}")
    scores = [
        (jaccard(one, other) + boundary_f(one, other, bound_pix)) / 2
        for one, other in zip(pred, truth, strict=True)
    ]
    return sum(scores) / len(scores)


def _cropped(
    pred: NDArray[np.bool_], truth: NDArray[np.bool_], margin: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both masks where either is set, with a margin: nothing further off has a boundary."""
    either = pred | truth
    rows, columns = np.flatnonzero(either.any(1)), np.flatnonzero(either.any(0))
    if not len(rows):
        return pred, truth
    box = tuple(slice(max(int(k[0]) - margin, 0), int(k[-1]) + margin + 1) for k in (rows, columns))
    return pred[box], truth[box]


def _boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Marks pixels unlike their right, lower or lower right neighbour (the official ``_seg2bmap``)."""
    here = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = here[:-1, 1:], here[1:, :-1], here[1:, 1:]
    return (mask ^ right) | (mask ^ below) | (mask ^ diagonal)


def _widened(boundary: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Dilates a boundary with a disk: every pixel within ``radius`` of it."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.uint8)
    return np.asarray(cv2.dilate(boundary.view(np.uint8), disk), np.uint8).view(np.bool_)


def _check(pred: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
    """Checks that two stacks of masks can be compared."""
    if pred.shape != truth.shape or pred.dtype != np.bool_ or truth.dtype != np.bool_:
        raise ValueError(
            f"pred and truth must be bool and of one shape, got {pred.shape} {pred.dtype} and "
            f"{truth.shape} {truth.dtype}"
        )
