"""Growing and shrinking a mask, by the distance to its edge.

A soft mask is a stack of hard ones, one for each level that it exceeds. All are moved by the same distance,
and the level at which a pixel is reached is found between them: so a soft edge moves without becoming harder
or softer, thin parts grow to both sides, and fractions of a pixel count.
"""

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import mask_box, padded
from sa2va_cli.render.repeatable import distance_to_zero

Floats = NDArray[np.floating]

_LEVELS = np.clip(np.linspace(0, 1, 9), 1 / 255, 254 / 255)


def grow(soft: Floats, pixels: float) -> Floats:
    """Moves the edge of a mask outwards.

    Args:
        soft: (H, W) float32 in 0..1.
        pixels: how far; negative moves it inwards.

    Returns:
        (H, W) float32. The border of the picture is no edge: nothing grows or shrinks from there.
    """
    box = mask_box(soft >= _LEVELS[0])
    if not pixels or box is None:
        return soft
    height, width = soft.shape
    box = padded(box, (width, height), 0.0, even=False, least=int(max(pixels, 0)) + 2)
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    moved = np.zeros_like(soft)
    moved[part] = _moved(soft[part], pixels)
    return moved


def _moved(soft: Floats, pixels: float) -> Floats:
    total = np.zeros_like(soft)
    near = _distance(soft >= _LEVELS[0])
    for level in _LEVELS[1:]:
        far = _distance(soft >= level)
        # between two levels that lie less than a pixel apart the edge is one pixel wide
        reached = 0.5 + (pixels - (near + far) / 2) / np.maximum(far - near, 1)
        total += np.clip(reached, 0, 1)
        near = far
    return np.asarray(total / np.float32(len(_LEVELS) - 1))


def _distance(mask: NDArray[np.bool_]) -> Floats:
    """Pixels to the edge of a mask, positive outside; large, of the right sign, where there is no edge."""
    if not mask.any() or mask.all():
        return np.full(mask.shape, -1e6 if mask.any() else 1e6, np.float32)
    inside = mask.view(np.uint8)
    outer, inner = (distance_to_zero(k) for k in (1 - inside, inside))
    return np.asarray(np.where(mask, 0.5 - inner, outer - 0.5))
