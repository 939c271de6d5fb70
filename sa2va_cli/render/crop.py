"""Boxes around masks, and cutting them out."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Yuv420

LEAST_MARGIN = 8


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; the far edges lie outside it.

    Attributes:
        x0: first column.
        y0: first row.
        x1: column after the last.
        y1: row after the last.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if self.x1 < self.x0 or self.y1 < self.y0:
            raise ValueError(f"a box must not end before it begins, got {self}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.x1 - self.x0, self.y1 - self.y0

    def joined(self, other: "Box") -> "Box":
        """Returns the smallest box around both; joins the boxes of a clip's frames into one."""
        return Box(
            min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1)
        )

    def shared_area(self, other: "Box") -> int:
        """Returns how many pixels lie in both."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0, width) * max(0, height)


def mask_box(mask: NDArray[np.bool_]) -> Box | None:
    """Returns the box of one (H, W) mask, or None when it is empty."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return Box(x, y, x + width, y + height) if width else None


def union_box(masks: NDArray[np.bool_]) -> Box | None:
    """Returns the box around all of (N, H, W) masks, or None when all are empty."""
    union: Box | None = None
    for mask in masks:
        box = mask_box(mask)
        if box is not None:
            union = box if union is None else union.joined(box)
    return union


def padded(
    box: Box, size: tuple[int, int], margin: float = 0.1, *, even: bool = True, least: int = LEAST_MARGIN
) -> Box:
    """Widens a box by a margin, within the picture.

    Args:
        box: what is to be seen.
        size: width and height of the picture.
        margin: what is added on each side, as a share of the box's width and height.
        even: make both sides even, which 4:2:0 video needs. Where the box fills a picture whose side is odd,
            its last column or row is given up.
        least: the least margin in pixels.

    Returns:
        The wider box.
    """
    if margin < 0:
        raise ValueError(f"margin must not be negative, got {margin}")
    x0, x1 = _padded_side(box.x0, box.x1, size[0], margin, even=even, least=least)
    y0, y1 = _padded_side(box.y0, box.y1, size[1], margin, even=even, least=least)
    return Box(x0, y0, x1, y1)


def even_corners(box: Box) -> Box:
    """Returns the smallest box around another that cuts no two by two pixels, as chroma is shared by them."""
    return Box(box.x0 & ~1, box.y0 & ~1, (box.x1 + 1) & ~1, (box.y1 + 1) & ~1)


def _padded_side(
    first: int, last: int, limit: int, margin: float, *, even: bool, least: int
) -> tuple[int, int]:
    """Widens the span ``first:last`` on both sides within ``0:limit``."""
    room = max(least, round(margin * (last - first)))
    first, last = max(0, first - room), min(limit, last + room)
    if even and (last - first) % 2:
        if last < limit:
            last += 1
        elif first > 0:
            first -= 1
        elif last - first > 1:
            last -= 1
    return first, last


def crop(image: NDArray[Any], box: Box) -> NDArray[Any]:
    """Cuts a box out of an (H, W) or (H, W, C) picture, as a contiguous copy."""
    return np.array(image[box.y0 : box.y1, box.x0 : box.x1], order="C")


def cropped(picture: NDArray[Any] | Yuv420, box: Box) -> NDArray[Any] | Yuv420:
    """Cuts a box out of a picture of either kind; of planes, a box of even corners."""
    if not isinstance(picture, Yuv420):
        return crop(picture, box)
    half = Box(box.x0 // 2, box.y0 // 2, box.x1 // 2, box.y1 // 2)
    luma, blue, red = (
        crop(plane, part) for plane, part in zip(picture.planes, (box, half, half), strict=True)
    )
    return Yuv420(luma, blue, red, picture.colour, picture.depth)
