"""Softening the edge of a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def feather(soft: Floats, pixels: float) -> Floats:
    """Makes an edge soft to a distance on either side.

    Args:
        soft: (H, W) float32 in 0..1.
        pixels: two standard deviations of the blur: so far from a hard edge alpha is within 0.03 of 0 and 1.

    Returns:
        (H, W) float32.

    Raises:
        ValueError: the distance is negative.
    """
    if pixels < 0:
        raise ValueError(f"pixels must not be negative, got {pixels}")
    if not pixels:
        return soft
    blurred = cv2.GaussianBlur(soft, (0, 0), pixels / 2, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(blurred, 0, 1))  # sums of a rounded kernel may exceed 1 by a hair
