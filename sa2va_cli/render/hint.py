"""Hints for keyers: a coarse mask that lies inside its object, soft towards the edge."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.refine.feather import feather
from sa2va_cli.render.refine.grow import grow

_SHARE = 0.01
"""By what share of the picture's short side the edge moves inwards; as far does the blur reach."""
_LEAST = 2.0
_DEEPEST = 0.5
"""Share of an object's own half width that may be lost, so that thin ones keep a hint."""


def draw_hint(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draws the union of masks eroded and blurred; nothing outside of it is anything but black.

    Args:
        masks: (N, H, W) bool.

    Returns:
        (H, W) uint8.
    """
    solid = masks.any(axis=0)
    if not solid.any():
        return np.zeros(solid.shape, np.uint8)
    framed = np.pad(solid.view(np.uint8), 1)
    half = float(cv2.distanceTransform(framed, cv2.DIST_L2, 5).max())
    inwards = min(max(_LEAST, _SHARE * min(solid.shape)), _DEEPEST * half)
    eroded = grow(np.asarray(solid, np.float32), -inwards)
    soft = np.where(solid, feather(eroded, inwards), 0)
    return np.asarray(np.rint(255 * soft), np.uint8)
