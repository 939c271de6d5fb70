"""Dropping small parts of a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def drop_parts(soft: Floats, min_area: int) -> Floats:
    """Drops the parts below a size.

    A part is 8-connected. Its soft edge goes with it: every pixel that lies nearer to it than to any other
    part.

    Args:
        soft: (H, W) float32 in 0..1; above 0.5 is inside.
        min_area: the smallest part that stays, in pixels.

    Returns:
        (H, W) float32.

    Raises:
        ValueError: the area is negative.
    """
    if min_area < 0:
        raise ValueError(f"min_area must not be negative, got {min_area}")
    empty = (soft <= 0.5).view(np.uint8)
    if empty.all():
        return soft
    _, nearest = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    areas = np.bincount(nearest[empty == 0], minlength=int(nearest.max()) + 1)
    return np.where((areas < min_area)[nearest], np.float32(0), soft)
