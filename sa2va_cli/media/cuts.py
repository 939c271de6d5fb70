"""Where a video cuts from one shot to the next, told from small pictures.

The rule is that of PySceneDetect's ``AdaptiveDetector`` (https://www.scenedetect.com, version 0.6, defaults):
a cut is where hue, saturation and value change much more than around it, so that a moving camera is none.
Two things are added: a picture that is back after a moment, as behind a flash, is no new shot, and the least
length of a shot is shorter. Dissolves and fades are not found. Knows nothing about what is in a picture.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Frame

SIZE = (128, 72)
"""(width, height) of the small pictures; PySceneDetect's are 256 wide, and half of it will do."""

WINDOW = 2
"""Frames on each side that a change is compared with."""

RATIO = 3.0
"""How many times as large as theirs on average the change at a cut is."""

LEAST_CHANGE = 15.0
"""What a cut changes at least, of 255: the mean over hue, saturation and value of all pixels."""

LEAST_SECONDS = 0.3
"""The least length of a shot. PySceneDetect's is 15 frames, which would join quick cuts."""

Small = NDArray[np.uint8]


def find_cuts(frames: Iterable[Frame], rate: float) -> Iterator[int]:
    """Finds the first frame of each shot but the first.

    Args:
        frames: of a clip, in order.
        rate: of them, per second.

    Yields:
        ``Frame.index``, rising, as soon as it is known; a few small pictures are remembered at a time.
    """
    least = max(WINDOW + 1, round(LEAST_SECONDS * rate))
    seen: deque[tuple[int, Small, float]] = deque(maxlen=2 * WINDOW + 2)
    last: int | None = None
    for frame in frames:
        small = _small(frame)
        seen.append((frame.index, small, _change(seen[-1][1], small) if seen else 0.0))
        if last is None:
            last = frame.index
        if len(seen) < 2 * WINDOW + 2:
            continue
        index = seen[WINDOW + 1][0]
        if index - last >= least and _is_cut(seen):
            last = index
            yield index


def _is_cut(seen: "deque[tuple[int, Small, float]]") -> bool:
    """Whether a shot begins in the middle of what was seen."""
    changes = [change for _, _, change in seen][1:]
    change = changes.pop(WINDOW)
    if change < max(LEAST_CHANGE, RATIO * sum(changes) / len(changes)):
        return False
    pictures = [small for _, small, _ in seen]
    before, after = pictures[: WINDOW + 1], pictures[WINDOW + 1 :]
    return all(_change(one, other) >= LEAST_CHANGE for one in before for other in after)


def _change(before: Small, after: Small) -> float:
    return sum(cv2.mean(cv2.absdiff(before, after))[:3]) / 3


def _small(frame: Frame) -> Small:
    """A small picture in hue, saturation and value; of planes where there are some, which is much sooner."""
    if frame.planes is None or frame.planes.depth != 8:
        small = cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_LINEAR)
    else:
        luma, blue, red = (
            cv2.resize(plane, SIZE, interpolation=cv2.INTER_LINEAR) for plane in frame.planes.planes
        )
        small = cv2.cvtColor(cv2.merge((luma, red, blue)), cv2.COLOR_YCrCb2RGB)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), np.uint8)
