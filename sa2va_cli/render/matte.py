"""Mattes: what an editor lays over another background.

The network's soft masks have edges some of its coarse cells wide, which at film size would be a broad glow.
Here an edge keeps its place, to a fraction of a pixel, and becomes as thin as a lens draws it.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import mask_box, padded

_EDGE_SHARE = 0.003
_THINNEST_EDGE = 2.0
_FAR_SHARE = 0.04
_LEAST_REACH = 12
_SKIN = 0.4
_LAST_RESORT = 1e-3
_NOTHING = 1e-9
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
    slope = cv2.dilate(cv2.magnitude(across, down), _NEIGHBOURS)  # it vanishes along the middle of thin parts
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

    The estimate is the normalised blur of Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021),
    from a near and a far neighbourhood; the far one counts where the near one is empty. Unlike there,
    pixels count only from a good pixel inside the edge: the network's edge may lie a pixel off, and then what
    it calls solid is background. On a pixel of misplacement this leaves a quarter of the error.
    """
    height, width = depth.shape
    sure = np.clip((depth - 0.5) / edge - _SKIN, 0, 1)
    if opacity is not None:
        sure = np.where(opacity > 0, sure, 0)
    seen = np.dstack([image, np.ones_like(image[..., 0])]).astype(np.float32)  # (h, w, 4): colour and count
    weight = sure * sure
    total = cv2.blur(seen * weight[..., None], (2 * round(edge) + 3,) * 2)
    shown = alpha.astype(np.float32) / _FULL
    weight += _LAST_RESORT * (shown if opacity is None else shown * opacity)  # thin parts have no sure pixel
    quarter = max(1, width // 4), max(1, height // 4)
    small = cv2.resize(seen * weight[..., None], quarter, interpolation=cv2.INTER_AREA)
    total += _LAST_RESORT * cv2.resize(cv2.blur(small, (far // 4,) * 2), (width, height))
    estimate = total[..., :3] / np.maximum(total[..., 3:], _NOTHING)
    colours = estimate + sure[..., None] * (seen[..., :3] - estimate)
    full = _FULL / np.iinfo(image.dtype).max
    return np.asarray(np.clip(np.rint(colours * full), 0, _FULL), np.uint16)
