"""Mattes: what an editor lays over another background.

The network's soft masks have edges some of its coarse cells wide, which at film size would be a broad glow.
Here an edge keeps its place, to a fraction of a pixel, and becomes as thin as a lens draws it.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import mask_box, padded
from sa2va_cli.render.refine.foreground import blurred_colours
from sa2va_cli.render.repeatable import magnitude

_EDGE_SHARE = 0.003
_THINNEST_EDGE = 2.0
_FAR_SHARE = 0.04
_LEAST_REACH = 12
_SKIN = 0.4
_TINY = 1e-5
_FULL = 65535
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def draw_mask(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draws all objects in white on black.

    Args:
        masks: (N, H, W) bool.

    Returns:
        (H, W) uint8, 255 inside any mask and 0 elsewhere.
    """
    return np.where(masks.any(axis=0), np.uint8(255), np.uint8(0))


def draw_soft_mask(alphas: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draws how probable it is that a pixel belongs to any object.

    Args:
        alphas: (N, H, W) float32 in 0..1.

    Returns:
        (H, W) uint8.
    """
    return np.asarray(np.rint(255 * alphas.max(axis=0, initial=0)), np.uint8)


def draw_matte(
    image: NDArray[np.uint8] | NDArray[np.uint16],
    alphas: NDArray[np.float32],
    threshold: float = 0.5,
    opacity: NDArray[Any] | None = None,
) -> NDArray[np.uint16]:
    """Cuts the objects out of a picture, for laying over another one.

    Alpha is soft only in a thin band along the edge, of the width that a lens draws (0.3 % of the picture's
    short side, at least 2 pixels); it is above one half exactly where a soft mask is above ``threshold``.
    Along the edge the colours are those of the object alone, without what shone through from behind, and they
    continue a little way outside, so that scaling and compression bring in no fringe. Further away they are
    black.

    Args:
        image: (H, W, 3) uint8 or uint16 RGB.
        alphas: (N, H, W) float32 soft masks in 0..1, as the network gives them.
        threshold: the value that separates objects from background.
        opacity: (H, W) uint8 or uint16, how opaque the picture is by itself; None for all of it. The matte's
            alpha is multiplied by it, and what lies hidden where it is 0 counts in no colour.

    Returns:
        (H, W, 4) uint16 straight RGBA; 65535 is full, and a colour inside is the picture's own.

    Raises:
        ValueError: the sizes do not fit, or the threshold is not between 0 and 1.
    """
    if alphas.ndim != 3 or alphas.shape[1:] != image.shape[:2]:
        raise ValueError(f"got alphas {alphas.shape} for a picture {image.shape}")
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")
    height, width = image.shape[:2]
    matte = np.zeros((height, width, 4), np.uint16)
    if not len(alphas):
        return matte
    soft = alphas[0] if len(alphas) == 1 else alphas.max(axis=0)
    box = mask_box(soft > threshold)
    if box is None:
        return matte
    short = min(width, height)
    edge = max(_THINNEST_EDGE, _EDGE_SHARE * short)
    far = max(_LEAST_REACH, round(_FAR_SHARE * short))
    box = padded(box, (width, height), 0.0, even=False, least=far)
    window = (slice(box.y0, box.y1), slice(box.x0, box.x1))
    solid = (soft[window] > threshold).view(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    alpha = _thin_edge(soft[window], solid, depth, threshold, edge)
    share = None
    if opacity is not None:
        share = np.asarray(opacity[window] / np.iinfo(opacity.dtype).max, np.float32)
    matte[(*window, slice(3))] = _own_colours(image[window], alpha, depth, edge, far, share)
    matte[(*window, 3)] = alpha if share is None else np.rint(alpha * share)
    return matte


def thin_edge(soft: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the alpha of ``draw_matte`` for a soft mask, (H, W) float32, whose edge is at 0.5."""
    solid = (soft > 0.5).view(np.uint8)
    if not solid.any():
        return np.zeros_like(soft)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    edge = max(_THINNEST_EDGE, _EDGE_SHARE * min(soft.shape))
    return np.asarray(_thin_edge(soft, solid, depth, 0.5, edge) / _FULL, np.float32)


def _thin_edge(
    soft: NDArray[np.float32],
    solid: NDArray[np.uint8],
    depth: NDArray[np.float32],
    threshold: float,
    edge: float,
) -> NDArray[np.uint16]:
    """Returns alpha that goes from 0 to 1 over ``edge`` pixels where ``soft`` crosses ``threshold``.

    A logit divided by the length of its gradient is the distance to that line in pixels.
    """
    soft = np.clip(soft, _TINY, 1 - _TINY)
    logits = cv2.log(soft) - cv2.log(1 - soft) - np.float32(np.log(threshold / (1 - threshold)))
    across = cv2.Sobel(logits, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(logits, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.dilate(magnitude(across, down), _NEIGHBOURS)  # it vanishes along the middle of thin parts
    alpha = 0.5 + logits / (edge * slope + _TINY)
    alpha[depth > edge] = 1
    alpha[cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5) > edge] = 0
    counts = np.clip(np.rint(alpha * _FULL), 0, _FULL).astype(np.uint16)
    half = np.uint16(_FULL // 2)
    inside, outside = np.maximum(counts, half + np.uint16(1)), np.minimum(counts, half)
    return np.asarray(np.where(solid, inside, outside), np.uint16)


def _own_colours(
    image: NDArray[np.uint8] | NDArray[np.uint16],
    alpha: NDArray[np.uint16],
    depth: NDArray[np.float32],
    edge: float,
    far: int,
    opacity: NDArray[np.float32] | None,
) -> NDArray[np.uint16]:
    """Returns the objects' colours as (h, w, 3) uint16, with those near the edge taken from further inside.

    Pixels count only from a good pixel inside the edge: the network's edge may lie a pixel off, and then what
    it calls solid is background. On a pixel of misplacement this leaves a quarter of the error.
    """
    sure = np.clip((depth - 0.5) / np.float32(edge) - np.float32(_SKIN), 0, 1)
    shown = alpha.astype(np.float32) / np.float32(_FULL)
    if opacity is not None:
        sure, shown = np.where(opacity > 0, sure, 0), shown * opacity
    colours = blurred_colours(image, shown, sure, near=2 * round(edge) + 3, far=far)
    full = _FULL / np.iinfo(image.dtype).max
    return np.asarray(np.clip(np.rint(colours * full), 0, _FULL), np.uint16)
