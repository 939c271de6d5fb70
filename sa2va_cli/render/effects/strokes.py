"""Flat patches of paint with clear edges, and bristles that run along the forms of a picture.

The patches are a Kuwahara filter with soft choices among eight sectors, after Papari, Petkov and Campisi,
"Artistic Edge and Corner Enhancing Smoothing" (2007), here with boxes for sectors, which are quick.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats

_SHARP = 6.0
"""Exponent by which a sector of less variance counts more."""

_NOISE = 12.0
"""Variance, in squared levels of 255, that tells no sector from another."""


def patches(pixels: NDArray[np.uint8], radius: float) -> Floats:
    """(h, w, 3) float32, 0..255: each pixel takes the mean of the quietest area beside it.

    Args:
        pixels: (h, w, 3) uint8.
        radius: pixels across which an area lies.
    """
    side = max(2, round(radius))
    height, width = pixels.shape[:2]
    wide = cv2.copyMakeBorder(pixels, side, side, side, side, cv2.BORDER_REFLECT_101).astype(np.float32)
    luma = cv2.cvtColor(wide, cv2.COLOR_RGB2GRAY)
    kernel = side + 1
    mean = cv2.blur(wide, (kernel, kernel))
    first = cv2.blur(luma, (kernel, kernel))
    second = cv2.blur(luma * luma, (kernel, kernel))
    variance = np.maximum(second - first * first, 0)
    weight = np.power(1 / (1 + variance / _NOISE), np.float32(_SHARP / 2))
    total = np.zeros((height, width, 3), np.float32)
    count = np.zeros((height, width), np.float32)
    half = side / 2
    for turn in range(8):
        angle = turn * np.pi / 4
        down, across = round(1.2 * half * np.sin(angle)), round(1.2 * half * np.cos(angle))
        part = slice(side + down, side + down + height), slice(side + across, side + across + width)
        share = weight[part] + np.float32(1e-6)
        total += mean[part] * share[..., None]
        count += share
    return np.asarray(total / count[..., None], np.float32)


def directions(luma: Floats, sigma: float) -> tuple[Floats, Floats, Floats]:
    """Unit vectors (across, down) along the forms, and how clear they are, from the structure tensor."""
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    xx, yy, xy = (
        cv2.GaussianBlur(one, (0, 0), sigma) for one in (across * across, down * down, across * down)
    )
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    clear = np.sqrt(np.square(xx - yy) + 4 * xy * xy) / (xx + yy + np.float32(1e-5))
    return np.cos(angle), np.sin(angle), np.asarray(clear, np.float32)


def combed(texture: Floats, across: Floats, down: Floats, length: float, steps: int = 5) -> Floats:
    """A texture drawn out along a field of directions (line integral convolution), by doubling its length."""
    height, width = texture.shape
    columns = np.arange(width, dtype=np.float32)[None]
    rows = np.arange(height, dtype=np.float32)[:, None]
    reach = length / 2 ** (steps - 1)
    border = cv2.BORDER_REFLECT
    for step in range(steps):
        far = np.float32(reach * 2**step / 2)
        both = [
            cv2.remap(texture, columns + way * across, rows + way * down, cv2.INTER_LINEAR, borderMode=border)
            for way in (far, -far)
        ]
        texture = np.asarray(0.5 * (both[0] + both[1]), np.float32)
    return np.asarray(texture, np.float32)
