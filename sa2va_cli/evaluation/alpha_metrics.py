"""Errors of alpha mattes, as the papers on video matting count them.

MAD, MSE, Grad and Conn go back to Rhemann et al., "A Perceptually Motivated Online Benchmark for Image
Matting" (CVPR 2009), dtSSD to Erofeev et al., "Perceptually Motivated Benchmark for Video Matting" (BMVC
2015). Scales and details are those of the evaluation that Robust Video Matting published and MatAnyone took
over. That code also stretches each matte to 0..1 before Grad, which changes nothing where a matte holds a 0
and a 1; it is left out.

Knows nothing about how an alpha is made. Every function takes alpha as (H, W) float in 0..1, smaller is
better, and ``band`` picks the pixels that count: all without one.
"""

from dataclasses import astuple, dataclass
from itertools import pairwise
from math import ceil, log, pi, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.float32]
Band = NDArray[np.bool_] | None

_GRAD_SIGMA = 1.4
_GRAD_CUT = 1e-2  # the Gaussian is cut where it falls below this
_CONN_STEP = 0.1
_CONN_THRESHOLD = 0.15


@dataclass(frozen=True)
class AlphaScore:
    """The five errors, at the scales that papers print.

    Attributes:
        mad: mean absolute difference, times 1000.
        mse: mean squared difference, times 1000.
        grad: difference of gradients, over 1000.
        conn: difference of connectedness, over 1000.
        dtssd: difference of what changes from frame to frame, times 100; 0 for a single frame.
    """

    mad: float
    mse: float
    grad: float
    conn: float
    dtssd: float


def mean_score(scores: list[AlphaScore]) -> AlphaScore:
    """Returns the mean of each error; at least one score is needed."""
    return AlphaScore(*(float(k) for k in np.mean([astuple(k) for k in scores], axis=0)))


def score_clip(pred: Alpha, truth: Alpha, bands: Band = None) -> AlphaScore:
    """Scores one clip: the mean over its frames of each error.

    Args:
        pred: (T, H, W) float in 0..1.
        truth: (T, H, W) likewise.
        bands: (T, H, W) bool, the pixels that count; a frame without any counts 0.

    Raises:
        ValueError: the shapes differ or are not (T, H, W).
    """
    if pred.shape != truth.shape or pred.ndim != 3 or (bands is not None and bands.shape != pred.shape):
        shapes = [k.shape for k in (pred, truth, bands) if k is not None]
        raise ValueError(f"pred, truth and bands must all be (T, H, W), got {shapes}")
    frames = [(pred[t], truth[t], None if bands is None else bands[t]) for t in range(len(pred))]
    steps = [dtssd(pred[t - 1 : t + 1], truth[t - 1 : t + 1], frames[t][2]) for t in range(1, len(pred))]
    mads, mses, grads, conns = ([error(*one) for one in frames] for error in (mad, mse, grad, conn))
    return AlphaScore(_mean_of(mads), _mean_of(mses), _mean_of(grads), _mean_of(conns), _mean_of(steps))


def mad(pred: Alpha, truth: Alpha, band: Band = None) -> float:
    """Mean absolute difference, times 1000."""
    return _mean(np.abs(pred - truth), band) * 1e3


def mse(pred: Alpha, truth: Alpha, band: Band = None) -> float:
    """Mean squared difference, times 1000."""
    return _mean(np.square(pred - truth), band) * 1e3


def grad(pred: Alpha, truth: Alpha, band: Band = None) -> float:
    """Sum of squared differences of the gradients' lengths, over 1000."""
    return _total(np.square(_slope(pred) - _slope(truth)), band) / 1e3


def conn(pred: Alpha, truth: Alpha, band: Band = None) -> float:
    """Sum of absolute differences of connectedness, over 1000.

    A pixel is connected up to the highest of the levels 0, 0.1, .. 1 at which it still belongs to the largest
    4-connected region that both mattes share; what exceeds that level by 0.15 or more counts as loose.
    """
    levels = np.arange(0, 1 + _CONN_STEP, _CONN_STEP)
    connected = np.full(truth.shape, -1.0)
    for below, level in pairwise(levels):
        lost = (connected == -1) & ~_largest((truth >= level) & (pred >= level))
        connected[lost] = below
    connected[connected == -1] = 1
    return _total(np.abs(_looseness(pred - connected) - _looseness(truth - connected)), band) / 1e3


def dtssd(pred: Alpha, truth: Alpha, band: Band = None) -> float:
    """Root of the mean squared difference of the changes between two frames, times 100.

    Args:
        pred: (2, H, W), a frame and the next.
        truth: (2, H, W) likewise.
        band: (H, W) bool, the pixels that count.
    """
    return sqrt(_mean(np.square((pred[1] - pred[0]) - (truth[1] - truth[0])), band)) * 1e2


def _mean_of(errors: list[float]) -> float:
    return sum(errors) / len(errors) if errors else 0.0


def _mean(values: NDArray[np.floating], band: Band) -> float:
    chosen = values if band is None else values[band]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else 0.0


def _total(values: NDArray[np.floating], band: Band) -> float:
    return float((values if band is None else values[band]).sum(dtype=np.float64))


def _slope(alpha: Alpha) -> NDArray[np.float64]:
    """The length of the gradient under a Gaussian derivative of unit energy, borders replicated."""
    half = ceil(_GRAD_SIGMA * sqrt(-2 * log(sqrt(2 * pi) * _GRAD_SIGMA * _GRAD_CUT)))
    places = np.arange(-half, half + 1)
    bell = np.exp(-np.square(places) / (2 * _GRAD_SIGMA**2)) / (_GRAD_SIGMA * sqrt(2 * pi))
    kernel = np.outer(bell, -places * bell / _GRAD_SIGMA**2)
    kernel /= np.sqrt(np.square(kernel).sum())
    wide = alpha.astype(np.float64)
    across, down = (cv2.filter2D(wide, -1, k, borderType=cv2.BORDER_REPLICATE) for k in (kernel, kernel.T))
    return np.asarray(np.hypot(across, down))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of a mask its largest 4-connected part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _looseness(excess: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(excess >= _CONN_THRESHOLD, excess, 0)
