"""Mattes from alphas that are final: the objects' own colours under them."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.refine.foreground import decontaminate

Floats = NDArray[np.floating]

_FULL = 65535


def draw_refined_matte(
    image: NDArray[Any], alpha: Floats, opacity: NDArray[Any] | None = None
) -> NDArray[np.uint16]:
    """Cuts objects out of a picture along edges that have been found in it.

    Args:
        image: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) float32 in 0..1.
        opacity: (H, W) uint8 or uint16, how opaque the picture is by itself; None for all of it. The matte's
            alpha is multiplied by it, and what lies hidden where it is 0 counts in no colour.

    Returns:
        (H, W, 4) uint16 straight RGBA; 65535 is full, and a colour inside is the picture's own. Colours
        continue a little way outside and end in black.

    Raises:
        ValueError: the sizes do not fit.
    """
    if alpha.shape != image.shape[:2]:
        raise ValueError(f"got an alpha {alpha.shape} for a picture {image.shape}")
    colours = decontaminate(image, alpha if opacity is None else np.where(opacity > 0, alpha, np.float32(0)))
    if opacity is not None:
        alpha = alpha * np.asarray(opacity / np.iinfo(opacity.dtype).max, np.float32)
    deep = colours.astype(np.uint16) * np.uint16(257) if colours.dtype == np.uint8 else colours
    return np.asarray(cv2.merge([*cv2.split(deep), np.rint(alpha * _FULL).astype(np.uint16)]))


def centred(soft: Floats, threshold: float) -> Floats:
    """Moves the logits of a soft mask so that the edge, which is at ``threshold``, comes to 0.5."""
    if threshold == 0.5:
        return soft
    inside, outside = soft * (1 - threshold), (1 - soft) * threshold
    return np.asarray(inside / (inside + outside), np.float32)
