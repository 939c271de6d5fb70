"""Where a video cuts from one shot to the next, told from small pictures.

The rule is that of PySceneDetect's ``AdaptiveDetector`` (https://www.scenedetect.com, version 0.6, defaults):
a cut is where hue, saturation and value change much more than around it, so that a moving camera is none.
Three things are added: a picture that is back after a moment, as behind a flash, is no new shot, and neither
is one of which most stays; and the least length of a shot is shorter. Dissolves and fades are not found.
Knows nothing about what is in a picture.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB

SIZE = (128, 72)
"""(width, height) of the pictures that are compared; PySceneDetect's are 256 wide, and half of it will do."""

WINDOW = 2
"""Frames on each side that a change is compared with."""

RATIO = 3.0
"""How many times as large as theirs on average the change at a cut is."""

LEAST_CHANGE = 15.0
"""What a cut changes at least, of 255: the mean over hue, saturation and value of all pixels."""

LEAST_SHARE = 0.45
"""The least part of the picture that changes at a cut: where a title or a thing appears, the rest stays."""

PIXEL_CHANGE = 16
"""Levels by which a pixel is another one: more than what a lossy codec does to it."""

LEAST_SECONDS = 0.3
"""The least length of a shot. PySceneDetect's is 15 frames, which would join quick cuts."""

Small = NDArray[np.uint8]


def find_cuts(pictures: Iterable[tuple[int, RGB]], rate: float) -> Iterator[int]:
    """Finds the first frame of each shot but the first.

    Args:
        pictures: of a clip, in order, each with its ``Frame.index``; (H, W, 3) uint8 RGB of about ``SIZE``.
        rate: of them, per second.

    Yields:
        ``Frame.index``, rising, as soon as it is known; a few small pictures are remembered at a time.
    """
    least = max(WINDOW + 1, round(LEAST_SECONDS * rate))
    seen: deque[tuple[int, Small, float]] = deque(maxlen=2 * WINDOW + 2)
    last: int | None = None
    for index, picture in pictures:
        small = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), np.uint8)
        seen.append((index, small, _change(seen[-1][1], small) if seen else 0.0))
        if last is None:
            last = index
        if len(seen) < 2 * WINDOW + 2:
            continue
        first = seen[WINDOW + 1][0]
        if first - last >= least and _is_cut(seen):
            last = first
            yield first


def _is_cut(seen: "deque[tuple[int, Small, float]]") -> bool:
    """Whether a shot begins in the middle of what was seen."""
    changes = [change for _, _, change in seen][1:]
    change = changes.pop(WINDOW)
    if change < max(LEAST_CHANGE, RATIO * sum(changes) / len(changes)):
        return False
    pictures = [small for _, small, _ in seen]
    before, after = pictures[: WINDOW + 1], pictures[WINDOW + 1 :]
    levels = cv2.absdiff(before[-1], after[0])[..., 1:].max(axis=2)  # the hue of grey is noise
    if np.mean(levels > PIXEL_CHANGE) < LEAST_SHARE:
        return False
    return all(_change(one, other) >= LEAST_CHANGE for one in before for other in after)


def _change(before: Small, after: Small) -> float:
    return sum(cv2.mean(cv2.absdiff(before, after))[:3]) / 3
