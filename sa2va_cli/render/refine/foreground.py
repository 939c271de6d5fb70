"""The object's own colours along its edge, without what shines through from behind."""

from importlib.util import find_spec
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import mask_box, padded

Floats = NDArray[np.floating]
Colours = NDArray[np.uint8] | NDArray[np.uint16]
Same = TypeVar("Same", np.uint8, np.uint16)

_LAST_RESORT = 1e-3
_NOTHING = 1e-9
_SOLID = 0.8  # alpha from which on a pixel's colour begins to count as the object's own
_NEAR = 9  # pixels
_FAR_SHARE = 0.15  # of the picture's short side
_LEAST_FAR = 12
_LEAST_SIDE = 4  # pixels: pymatting divides by zero where a side has one


def decontaminate(image: NDArray[Same], alpha: Floats) -> NDArray[Same]:
    """Replaces the colours along soft edges by the object's own.

    By pymatting's multi-level method (Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020)
    where that is installed, else by ``blurred_colours``.

    Args:
        image: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) float32 in 0..1.

    Returns:
        (H, W, 3) straight colours of the picture's type: its own where alpha is 1, those of the object nearby
        where it is less, black further away.
    """
    colours = np.zeros_like(image)
    box = mask_box(alpha > 0)
    if box is None:
        return colours
    height, width = alpha.shape
    far = max(_LEAST_FAR, round(_FAR_SHARE * min(height, width)))
    box = padded(box, (width, height), 0.0, even=False, least=far)
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    is_large = min(box.size) >= _LEAST_SIDE
    estimate = _multi_level if is_large and find_spec("pymatting") else _blurred
    top = np.iinfo(image.dtype).max
    found = estimate(image[part], alpha[part], far)
    colours[part] = np.clip(np.rint(found), 0, top).astype(image.dtype)
    colours[alpha == 1] = image[alpha == 1]
    return colours


def edge_colours(image: NDArray[Same], alpha: Floats) -> NDArray[np.float32]:
    """The object's own colours where alpha is soft: what laying it elsewhere needs, quickly.

    By ``blurred_colours`` at half the size, as a blur needs no more.

    Args:
        image: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) float32 in 0..1.

    Returns:
        (n, 3) float32 in the picture's numbers, one row for each pixel where 0 < alpha < 1, in the order of
        ``image[(alpha > 0) & (alpha < 1)]``.
    """
    soft = (alpha > 0) & (alpha < 1)
    own = np.asarray(image[soft], np.float32)
    height, width = alpha.shape
    far = max(_LEAST_FAR, round(_FAR_SHARE * min(height, width)))
    box = mask_box(soft)
    if box is None:
        return own
    box = padded(box, (width, height), 0.0, even=False, least=far // 2)
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    half = max(1, box.size[0] // 2), max(1, box.size[1] // 2)
    small, shares = (cv2.resize(one[part], half, interpolation=cv2.INTER_AREA) for one in (image, alpha))
    estimate = blurred_colours(small, shares, _sure(shares), _NEAR // 2 | 1, far // 2)
    rows, columns = np.nonzero(soft[part])
    at = np.minimum(rows // 2, half[1] - 1), np.minimum(columns // 2, half[0] - 1)
    smooth = estimate[at]
    sure = _sure(alpha[soft])[:, None]
    return np.asarray(smooth + sure * (own - smooth), np.float32)


def blurred_colours(image: Colours, alpha: Floats, sure: Floats, near: int, far: int) -> Floats:
    """Estimates the object's colours from those of its sure pixels.

    The estimate is the normalised blur of Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021),
    from a near and a far neighbourhood; the far one counts where the near one is empty.

    Args:
        image: (h, w, 3) uint8 RGB.
        alpha: (h, w) float32 in 0..1; tells where the object is in parts that have no sure pixel.
        sure: (h, w) float32 in 0..1: how much a pixel's colour is the object's alone; it keeps as much of it.
        near: side of the near neighbourhood, in pixels.
        far: side of the far one, in pixels, at least 4.

    Returns:
        (h, w, 3) float32, in the picture's numbers.
    """
    height, width = sure.shape
    seen = np.ones((height, width, 4), np.float32)  # colour and count
    seen[..., :3] = image
    weight = np.asarray(sure * sure, np.float32)
    total = cv2.blur(cv2.multiply(seen, _each(weight, 4)), (near,) * 2)
    weight += _LAST_RESORT * alpha  # thin parts have no sure pixel
    quarter = max(1, width // 4), max(1, height // 4)
    small = cv2.resize(cv2.multiply(seen, _each(weight, 4)), quarter, interpolation=cv2.INTER_AREA)
    total += _LAST_RESORT * cv2.resize(cv2.blur(small, (far // 4,) * 2), (width, height))
    counts = _each(np.maximum(total[..., 3], np.float32(_NOTHING)), 3)
    estimate = cv2.divide(np.ascontiguousarray(total[..., :3]), counts)
    nearer = cv2.subtract(np.ascontiguousarray(seen[..., :3]), estimate)
    return np.asarray(estimate + cv2.multiply(nearer, _each(np.asarray(sure, np.float32), 3)))


def _each(values: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """(h, w) values for each of some channels, where OpenCV multiplies faster than NumPy spreads."""
    return np.asarray(cv2.merge([values] * channels))


def _blurred(image: Colours, alpha: Floats, far: int) -> Floats:
    return blurred_colours(image, alpha, _sure(alpha), _NEAR, far)


def _sure(alpha: Floats) -> Floats:
    return np.asarray(np.clip((alpha - _SOLID) / (1 - _SOLID), 0, 1))


def _multi_level(image: Colours, alpha: Floats, far: int) -> Floats:
    from pymatting import estimate_foreground_ml

    top = float(np.iinfo(image.dtype).max)
    colours = top * estimate_foreground_ml(image / top, alpha.astype(np.float64))
    around = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((far | 1, far | 1), np.uint8))
    return np.asarray(colours * around[..., None], np.float32)
