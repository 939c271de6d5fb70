"""Mattes from refined edges: in place of ``render.matte.draw_matte``, with the same arguments."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.refine.foreground import decontaminate
from sa2va_cli.render.refine.guided import guided

Floats = NDArray[np.floating]

_FULL = 65535


def draw_refined_matte(
    image: RGB,
    alphas: Floats,
    threshold: float = 0.5,
    refine: Callable[[RGB, Floats], Floats] = guided,
) -> NDArray[np.uint16]:
    """Cuts the objects out of a picture along edges that are found in it.

    Args:
        image: (H, W, 3) uint8 RGB.
        alphas: (N, H, W) float32 soft masks in 0..1, as the network gives them.
        threshold: the value that separates objects from background.
        refine: from a picture and the union of the soft masks, with 0.5 at the edge, to alpha.

    Returns:
        (H, W, 4) uint16 straight RGBA; 65535 is full. Colours continue a little way outside and end in black.

    Raises:
        ValueError: the sizes do not fit, or the threshold is not between 0 and 1.
    """
    if alphas.ndim != 3 or alphas.shape[1:] != image.shape[:2]:
        raise ValueError(f"got alphas {alphas.shape} for a picture {image.shape}")
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")
    if not len(alphas):
        return np.zeros((*image.shape[:2], 4), np.uint16)
    alpha = refine(image, centred(alphas.max(axis=0), threshold))
    colours = decontaminate(image, alpha)
    counts = np.rint(alpha * _FULL).astype(np.uint16)
    return np.asarray(cv2.merge([*cv2.split(colours.astype(np.uint16) * 257), counts]))


def centred(soft: Floats, threshold: float) -> Floats:
    """Moves the logits of a soft mask so that the edge, which is at ``threshold``, comes to 0.5."""
    if threshold == 0.5:
        return soft
    inside, outside = soft * (1 - threshold), (1 - soft) * threshold
    return np.asarray(inside / (inside + outside), np.float32)
