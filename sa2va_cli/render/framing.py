"""What is cut out of each frame of a clip, from where its objects are. Knows nothing about pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import LEAST_MARGIN, Box, padded

_STEADY = 8.0
"""Frames: standard deviation over which a box that goes along is steadied, a third of a second of film."""


@dataclass(frozen=True)
class Framing:
    """How boxes are cut.

    Attributes:
        follows: whether the box goes along with the objects; it has one size then, as video needs.
        padding: what is added around them on each side, as a share of their width and height.
        aspect: width by height in pixels; None for that of the objects.
    """

    follows: bool = False
    padding: float = 0.1
    aspect: float | None = None


def framed(
    boxes: Sequence[Box | None],
    size: tuple[int, int],
    framing: Framing,
    *,
    even_sides: bool = False,
    cells: tuple[int, int] = (1, 1),
) -> list[Box]:
    """Finds what is cut out of each frame.

    Args:
        boxes: around the objects of each frame; None where there are none.
        size: width and height of the picture.
        framing: how.
        even_sides: make sides even where the picture allows that.
        cells: columns and rows that belong together and are not cut apart; the picture is not smaller.

    Returns:
        As many boxes as frames, all of one size, within the picture.
    """
    seen = [box for box in boxes if box is not None]
    if not seen:
        return [Box(0, 0, *size)] * len(boxes)
    even = 2 if even_sides else 1
    steps = max(even, cells[0]), max(even, cells[1])
    if framing.follows:
        return _following(boxes, size, framing, steps, cells)
    union = seen[0]
    for box in seen[1:]:
        union = union.joined(box)
    least = LEAST_MARGIN if framing.padding else 0
    box = padded(union, size, framing.padding, even=even_sides, least=least)
    if framing.aspect is not None:
        sides = _shaped(box.size, size, framing.aspect, steps)
        middle = (union.x0 + union.x1) / 2, (union.y0 + union.y1) / 2
        box = _placed(middle, sides, size, cells)
    elif cells != (1, 1):
        (x0, x1), (y0, y1) = (
            _widened(first, last, limit, step)
            for first, last, limit, step in zip((box.x0, box.y0), (box.x1, box.y1), size, cells, strict=True)
        )
        box = Box(x0, y0, x1, y1)
    return [box] * len(boxes)


def _widened(first: int, last: int, limit: int, step: int) -> tuple[int, int]:
    """A span widened to whole steps, of those that lie within ``0:limit``."""
    last = min(-(-last // step), limit // step) * step
    return min(first // step * step, last - step), last


def _shaped(
    wanted: tuple[float, float], size: tuple[int, int], aspect: float, steps: tuple[int, int]
) -> tuple[int, int]:
    """The smallest sides of a shape that hold others, or the largest that the picture holds."""
    width = max(wanted[0], wanted[1] * aspect)
    width = min(width, size[0], size[1] * aspect)
    return _side(width, size[0], steps[0]), _side(width / aspect, size[1], steps[1])


def _side(wanted: float, limit: int, step: int) -> int:
    """A whole number of pixels, in steps if it can be."""
    side = min(step * max(1, round(wanted / step)), limit)
    return side - side % step if side > step else side


def _placed(
    middle: tuple[float, float], sides: tuple[int, int], size: tuple[int, int], cells: tuple[int, int]
) -> Box:
    """A box of given sides around a point, moved into the picture."""
    x, y = (
        min(max(0, step * round((at - side / 2) / step)), (limit - side) // step * step)
        for at, side, limit, step in zip(middle, sides, size, cells, strict=True)
    )
    return Box(x, y, x + sides[0], y + sides[1])


def _following(
    boxes: Sequence[Box | None],
    size: tuple[int, int],
    framing: Framing,
    steps: tuple[int, int],
    cells: tuple[int, int],
) -> list[Box]:
    """Boxes of one size along a steadied path that leaves no object out, if they are large enough for it."""
    seen = [box for box in boxes if box is not None]
    more = 1 + 2 * framing.padding
    wanted = more * max(box.size[0] for box in seen), more * max(box.size[1] for box in seen)
    sides = _side(wanted[0], size[0], steps[0]), _side(wanted[1], size[1], steps[1])
    if framing.aspect is not None:
        sides = _shaped(wanted, size, framing.aspect, steps)
    at = [k for k, box in enumerate(boxes) if box is not None]
    middles = np.array([((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in seen])
    path = np.stack([steadied(np.interp(range(len(boxes)), at, middles[:, k])) for k in (0, 1)], axis=1)
    for k, box in zip(at, seen, strict=True):
        for axis, (low, high) in enumerate(((box.x0, box.x1), (box.y0, box.y1))):
            half = sides[axis] / 2
            if high - low <= sides[axis]:
                path[k, axis] = min(max(path[k, axis], high - half), low + half)
    return [_placed((float(x), float(y)), sides, size, cells) for x, y in path]


def steadied(values: NDArray[np.float64], sigma: float = _STEADY) -> NDArray[np.float64]:
    """A path without its tremor; ends are continued as they are.

    Args:
        values: one for each frame.
        sigma: frames, the standard deviation of the Gaussian that it is smoothed by.
    """
    reach = round(3 * sigma)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
