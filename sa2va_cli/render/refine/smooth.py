"""Steadying masks over time, without lag and without ghosts.

The masks of the frames around one are brought to it along optical flow (DIS: Kroeger et al., "Fast Optical
Flow using Dense Inverse Search", ECCV 2016) and averaged with its own. The window is centred on the frame, so
the mean does not trail behind. A neighbour counts only where flow there and back again ends where it began,
and where the picture it leads to looks the same: a thing that was hidden, or is not there yet, has no vote.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.crop import Box, mask_box, padded

Floats = NDArray[np.floating]
Moment = tuple[RGB, Floats]
"""A picture, (H, W, 3) uint8, and its soft mask, (H, W) float32."""

_SHORT_SIDE = 360  # flow is computed on pictures of at most this size; it is smooth
_LOOSE = 0.5  # pixels of the flow's picture by which there and back may differ, and a share of the way
_LOOSE_SHARE = 0.05
_UNLIKE = 12.0  # levels of 255 by which two pictures of the same point may differ, half counted
_DOUBTFUL = 5  # pixels of the flow's picture along a side: flow is no better than the worst of its neighbours
_MARGIN = 0.1


def smooth(window: Sequence[Moment], middle: int) -> Floats:
    """Averages the masks around a frame along the motion of the picture.

    Args:
        window: the frames before, at and after, in order; fewer at the ends of a clip.
        middle: which of them is the frame.

    Returns:
        (H, W) float32, the frame's soft mask.

    Raises:
        ValueError: there is no such frame in the window.
    """
    if not 0 <= middle < len(window):
        raise ValueError(f"middle must be one of the window's {len(window)} frames, got {middle}")
    image, soft = window[middle]
    box = _seen(window)
    if box is None or len(window) == 1:
        return soft
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    total, count = soft[part].copy(), np.ones_like(soft[part])
    reach = max(middle, len(window) - 1 - middle)
    for k, (other, other_soft) in enumerate(window):
        if k != middle:
            warped, trust = _brought(image[part], other[part], other_soft[part])
            trust *= 1 - abs(k - middle) / (reach + 1)
            total += trust * warped
            count += trust
    smoothed = soft.copy()
    smoothed[part] = total / count
    return smoothed


def _seen(window: Sequence[Moment]) -> Box | None:
    """The box of all masks in the window, with room for what surrounds them."""
    union = np.max([soft for _, soft in window], axis=0)
    box = mask_box(union > 0.02)
    return (
        None if box is None else padded(box, (union.shape[1], union.shape[0]), _MARGIN, even=False, least=24)
    )


def _brought(image: RGB, other: RGB, other_soft: Floats) -> tuple[Floats, Floats]:
    """The mask of another frame as it lies in this one, and how far to trust it, each (h, w) float32."""
    height, width = other_soft.shape
    scale = min(1.0, _SHORT_SIDE / min(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    here, there = (_grey(k, size) for k in (image, other))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    forward, backward = flow.calc(here, there, None), flow.calc(there, here, None)
    back = _moved(backward, forward)
    miss = np.square(forward + back).sum(-1)
    loose = _LOOSE**2 + _LOOSE_SHARE * (np.square(forward).sum(-1) + np.square(back).sum(-1))
    unlike = cv2.blur(cv2.absdiff(_moved(there, forward), here).astype(np.float32), (3, 3))
    trust = np.where(miss < loose, 1 / (1 + np.square(unlike / _UNLIKE)), 0) * _stays_inside(forward)
    trust = cv2.erode(trust, np.ones((_DOUBTFUL, _DOUBTFUL), np.uint8))
    large = cv2.resize(forward, (width, height), interpolation=cv2.INTER_LINEAR)
    large *= np.array([width / size[0], height / size[1]], np.float32)
    trust = cv2.resize(trust.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return _moved(other_soft, large), trust


def _grey(image: RGB, size: tuple[int, int]) -> NDArray[np.uint8]:
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _places(flow: Floats) -> tuple[Floats, Floats]:
    """Where each pixel comes from: columns and rows."""
    height, width = flow.shape[:2]
    columns = np.arange(width, dtype=np.float32)[None] + flow[..., 0]
    rows = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return columns, rows


def _moved(values: NDArray[np.generic], flow: Floats) -> Floats:
    columns, rows = _places(flow)
    return np.asarray(cv2.remap(values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _stays_inside(flow: Floats) -> NDArray[np.bool_]:
    height, width = flow.shape[:2]
    columns, rows = _places(flow)
    return np.asarray((columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1))
