"""Colours of generated frames, matched to the source where nothing was to be made.

Networks drift in colour over the whole picture. Outside of the mask the truth is known; a gain and an offset
for each channel that mend it there mend the inside, too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB

_LEAST_SHARE = 0.02
"""Of the pixels that must lie outside of the mask, so that they can tell anything."""
_GAINS = (0.5, 2.0)
"""A frame that needs more than that has not drifted but is another picture."""
_FLAT = 2.0
"""Standard deviation under which a channel has no contrast from which a gain could be known."""


def matched(made: Sequence[RGB], sources: Sequence[RGB], masks: Sequence[NDArray[np.bool_]]) -> list[RGB]:
    """Frames with the source's colours outside of the masks, on average over all of them.

    Args:
        made: (H, W, 3) uint8 each.
        sources: the same.
        masks: (H, W) bool each, where something new was to be made.
    """
    outside = [~mask for mask in masks]
    if sum(int(one.sum()) for one in outside) < _LEAST_SHARE * sum(one.size for one in outside):
        return list(made)
    now = np.concatenate([image[part] for image, part in zip(made, outside, strict=True)]).astype(np.float32)
    right = np.concatenate([image[part] for image, part in zip(sources, outside, strict=True)]).astype(
        np.float32
    )
    spread = now.std(axis=0)
    gain = np.where(spread < _FLAT, 1.0, right.std(axis=0) / np.maximum(spread, _FLAT))
    gain = np.clip(gain, *_GAINS).astype(np.float32)
    offset = right.mean(axis=0) - gain * now.mean(axis=0)
    return [np.clip(np.rint(image * gain + offset), 0, 255).astype(np.uint8) for image in made]
