"""Filling small holes of a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def fill_holes(soft: Floats, max_area: int) -> Floats:
    """Fills the holes up to a size.

    A hole is background, 8-connected, that does not reach the border of the picture. Its soft edge is filled
    with
    it: every pixel that lies nearer to the hole than to any other background.

    Args:
        soft: (H, W) float32 in 0..1; above 0.5 is inside.
        max_area: the largest hole that is filled, in pixels.

    Returns:
        (H, W) float32.

    Raises:
        ValueError: the area is negative.
    """
    if max_area < 0:
        raise ValueError(f"max_area must not be negative, got {max_area}")
    solid = (soft > 0.5).view(np.uint8)
    if solid.all() or not solid.any():
        return soft
    _, nearest = cv2.distanceTransformWithLabels(solid, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    areas = np.bincount(nearest[solid == 0], minlength=int(nearest.max()) + 1)
    small = areas <= max_area
    for line in (0, -1):
        small[nearest[line][solid[line] == 0]] = False
        small[nearest[:, line][solid[:, line] == 0]] = False
    return np.where(small[nearest], np.float32(1), soft)
