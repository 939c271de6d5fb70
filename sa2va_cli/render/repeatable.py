"""What OpenCV computes with another last bit at another address, to the same bits every time.

Its vectorised loops begin where memory is aligned; what lies before is computed by other instructions. But
outputs are the same to the byte whenever they are made again. Knows nothing about masks.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def distance_to_zero(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels to the next zero, exactly.

    Args:
        values: (H, W) uint8 with a zero among them.

    Returns:
        (H, W) float32.
    """
    distance: Any = cv2.distanceTransform(values, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    cv2.multiply(distance, distance, dst=distance)  # whole numbers, but for the last bits
    return np.asarray(cv2.sqrt(np.rint(distance, out=distance)))


def magnitude(across: Floats, down: Floats) -> Floats:
    """Lengths of vectors with these parts, two arrays of one shape and type."""
    return np.asarray(cv2.sqrt(cv2.add(cv2.multiply(across, across), cv2.multiply(down, down))))
