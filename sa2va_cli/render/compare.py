"""Two pictures of the same size as one: side by side, or the one wiped over the other."""

import numpy as np

from sa2va_cli.datatypes import RGB

_LINE = (255, 255, 255)
_SECONDS = 4.0
"""How long the line of a wipe takes to the right and back."""


def side_by_side(left: RGB, right: RGB) -> RGB:
    """(H, 2W, 3): the one beside the other."""
    return np.concatenate([left, right], axis=1)


def wiped(left: RGB, right: RGB, share: float) -> RGB:
    """The one up to a line and the other behind it.

    Args:
        left: (H, W, 3) uint8.
        right: the same.
        share: where the line is, 0 at the left edge and 1 at the right one.
    """
    width = left.shape[1]
    at = min(width, max(0, round(share * width)))
    made = right.copy()
    made[:, :at] = left[:, :at]
    half = max(1, width // 640)
    made[:, max(0, at - half) : min(width, at + half)] = _LINE
    return made


def wipe_share(seconds: float) -> float:
    """Where the line of a wipe is at a time: it goes to the right and back, and slows down at the edges."""
    return float(0.5 - 0.5 * np.cos(2 * np.pi * seconds / _SECONDS))
