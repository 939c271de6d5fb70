"""Where a soft mask is unsure: the band along its edge in which alpha is looked for.

The width of the band follows the mask. A pixel is unsure where a truth drawn by the mask's own probabilities
would vary, ``p (1 - p)``, there and a little way around, on a picture reduced to cells. Knows nothing about
colours.
"""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
T = TypeVar("T", bound=np.generic)

UNKNOWN = 128
"""Between 0, background, and 255, object, in a trimap."""

_CELLS = 180  # along the short side: about what networks of 256 cells resolve of a wide picture
_REACH = 2  # cells that an unsure one makes unsure around it: half of the least width of the band
_LEAST_DOUBT = 0.01  # p (1 - p) of a mask at 0.01 or 0.99


def cell_size(shape: tuple[int, ...]) -> int:
    """Returns the side in pixels of a cell of an (H, W) picture."""
    return max(1, round(min(shape[:2]) / _CELLS))


def reduced(values: NDArray[T], factor: int) -> NDArray[T]:
    """Returns the means of cells; both sides of the picture must be multiples of the factor."""
    size = values.shape[1] // factor, values.shape[0] // factor
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def box_mean(values: Floats, radius: int) -> Floats:
    """Returns the mean over a square around each value."""
    return np.asarray(cv2.blur(values, (2 * radius + 1,) * 2))


def doubt(mask: Floats) -> Floats:
    """Returns the variance of the truth about a soft mask that was reduced to cells.

    Args:
        mask: (h, w) float32 in 0..1.

    Returns:
        (h, w) float32 in 0..0.25; exactly 0 outside the band.
    """
    soft = box_mean(mask, 1)
    return np.asarray(np.maximum(box_mean(soft * (1 - soft), _REACH) - _LEAST_DOUBT, 0))


def whole_cells(values: NDArray[T], factor: int) -> NDArray[T]:
    """Returns a picture whose sides are multiples of the factor; the last row and column are repeated."""
    missing = -values.shape[0] % factor, -values.shape[1] % factor
    if not any(missing):
        return values
    return np.asarray(cv2.copyMakeBorder(values, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE))


def trimap(soft: Floats) -> NDArray[np.uint8]:
    """Divides a picture into object, background and the band between.

    Args:
        soft: (H, W) float32 in 0..1; above 0.5 is inside.

    Returns:
        (H, W) uint8: 255, 0, or ``UNKNOWN`` in the band.
    """
    height, width = soft.shape
    factor = cell_size(soft.shape)
    unsure = doubt(reduced(whole_cells(soft, factor), factor)) > 0
    band = np.repeat(np.repeat(unsure, factor, axis=0), factor, axis=1)[:height, :width]
    return np.where(band, np.uint8(UNKNOWN), np.where(soft > 0.5, np.uint8(255), np.uint8(0)))
