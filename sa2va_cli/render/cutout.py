"""Objects on something else: a colour, a blurred surrounding or another picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.crop import mask_box

_BLUR_SHARE = 0.03
"""Standard deviation of the blur, of the picture's short side."""
_NOTHING = 1e-3
_FULL = 65535


def laid_over(matte: NDArray[np.uint16], ground: RGB) -> RGB:
    """Lays a matte over a picture.

    Args:
        matte: (H, W, 4) uint16 straight RGBA.
        ground: (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8.
    """
    laid = ground.copy()
    box = mask_box(matte[..., 3] > 0)
    if box is None:
        return laid
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    above = matte[part].astype(np.float32)
    share = above[..., 3:] / _FULL
    under = laid[part].astype(np.float32)
    laid[part] = np.rint(under + share * (above[..., :3] * np.float32(255 / _FULL) - under)).astype(np.uint8)
    return laid


def blurred_ground(image: RGB, alpha: NDArray[np.uint16]) -> RGB:
    """Blurs what lies around objects; their own colours do not spread into it.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) uint16, 65535 inside an object.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = alpha.shape
    quarter = max(1, width // 4), max(1, height // 4)
    sigma = max(0.5, _BLUR_SHARE * min(quarter))
    around = np.where(alpha == 0, np.float32(1), np.float32(0))
    small = cv2.resize(image, quarter, interpolation=cv2.INTER_AREA).astype(np.float32)
    seen = cv2.resize(image * around[..., None], quarter, interpolation=cv2.INTER_AREA)
    count = cv2.resize(around, quarter, interpolation=cv2.INTER_AREA)
    own, weight, plain = (
        cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        for values in (seen, count, small)
    )
    weight = weight[..., None]
    mixed = (own + _NOTHING * plain) / (weight + _NOTHING)
    large = cv2.resize(mixed, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.rint(large), 0, 255), np.uint8)


def covering(image: RGB, size: tuple[int, int]) -> RGB:
    """Resizes a picture so that it covers a size, and cuts off what is too much on both sides.

    Args:
        image: (h, w, 3) uint8.
        size: width and height in pixels.

    Returns:
        (height, width, 3) uint8.
    """
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    inner = max(1, min(width, round(size[0] / scale))), max(1, min(height, round(size[1] / scale)))
    x, y = (width - inner[0]) // 2, (height - inner[1]) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image[y : y + inner[1], x : x + inner[0]], size, interpolation=way))
