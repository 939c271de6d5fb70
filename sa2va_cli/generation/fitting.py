"""Sizes that a back-end takes: a picture scaled down and padded to sides that a number divides, and back."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Fitting:
    """One size made another.

    Attributes:
        size: (width, height) of the source.
        scaled: (width, height) it is scaled to; where both are the same nothing is scaled, and the way there
            and back changes no pixel.
        padded: (width, height) after the right and lower edges were continued.
    """

    size: tuple[int, int]
    scaled: tuple[int, int]
    padded: tuple[int, int]

    def fitted(self, picture: Pixels) -> Pixels:
        """A picture of the source's size as the back-end takes it."""
        if self.scaled != self.size:
            picture = cv2.resize(picture, self.scaled, interpolation=cv2.INTER_AREA)
        right, below = self.padded[0] - self.scaled[0], self.padded[1] - self.scaled[1]
        if not (right or below):
            return picture
        return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE))

    def back(self, picture: Pixels) -> Pixels:
        """A picture of the back-end's at the source's size."""
        inside = np.ascontiguousarray(picture[: self.scaled[1], : self.scaled[0]])
        if self.scaled == self.size:
            return inside
        return np.asarray(cv2.resize(inside, self.size, interpolation=cv2.INTER_CUBIC))


def fitting_for(size: tuple[int, int], divisor: int = 1, longest_side: int | None = None) -> Fitting:
    """How a size is fitted.

    Args:
        size: (width, height).
        divisor: of both sides.
        longest_side: pixels at most, before padding; None for any.
    """
    scale = 1.0 if longest_side is None else min(1.0, longest_side / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    padded = width + -width % divisor, height + -height % divisor
    return Fitting(size, (width, height), padded)
