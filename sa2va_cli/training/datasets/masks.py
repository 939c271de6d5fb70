"""Annotated masks as data sets store them, decoded when they are asked for.

Every source counts: how many of its shapes cover a pixel. The official code adds shapes up, so where two
polygons of one object overlap it sees a 2; whoever wants a mask takes what is not 0. Knows nothing about
files of annotations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

Counts = NDArray[np.uint8]
"""(H, W): how many shapes of an object cover a pixel."""

MALFORMED = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)
"""What it raises to take values apart that are of another shape than they should be."""

Size = tuple[int, int]
"""(height, width) of a picture, as COCO writes it."""

_FAR = 10
"""How many times the size of a picture a corner may be away; who draws, draws all that lies between."""

Rle = Mapping[str, Any]
"""``size`` and ``counts``, as pycocotools has them; counts may be text, or a plain list of lengths."""


def check_near(numbers: Iterable[float], size: Size) -> None:
    """Refuses corners that nobody can have meant, before anything is drawn.

    Args:
        numbers: x and y of corners.
        size: of the picture.

    Raises:
        ValueError: one is no number, or far away.
    """
    if not all(abs(number) <= _FAR * max(size) for number in numbers):
        raise ValueError(f"a polygon goes far outside of the picture of {size[1]}x{size[0]}")


class MaskSource(Protocol):
    """The masks of one object."""

    def on(self, frame: int, size: Size) -> Counts:
        """Decodes the mask on a frame.

        Args:
            frame: place of the frame among those of the sample, from 0.
            size: of the picture; what is annotated must have it.

        Raises:
            ValueError: what is annotated does not fit, or cannot be understood.
        """
        ...

    def problem(self, frame: int, size: Size) -> str | None:
        """Says what is wrong with the annotation on a frame; None for nothing."""
        ...


@dataclass(frozen=True, eq=False)
class RunLengths:
    """An object given as COCO's run lengths, for each frame one or several; None where it is not there."""

    lengths: Sequence[Rle | list[Rle] | None] = field(repr=False)

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``; several on one frame add up."""
        if frame >= len(self.lengths):
            raise ValueError(f"has masks for {len(self.lengths)} frames, not for frame {frame}")
        given = self.lengths[frame]
        total = np.zeros(size, np.uint8)
        for rle in given if isinstance(given, list) else [given]:
            if rle is not None:
                total += decoded(rle, size)
        return total

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        return failure(self, frame, size)


@dataclass(frozen=True, eq=False)
class Polygons:
    """An object given as polygons on one picture: each a flat list of x and y, as in COCO."""

    polygons: Sequence[Sequence[float]] = field(repr=False)

    def on(self, frame: int, size: Size) -> Counts:  # noqa: ARG002  (there is one picture)
        """See ``MaskSource``; polygons that overlap add up."""
        shapes = [list(map(float, one)) for one in self.polygons]
        if not shapes:
            return np.zeros(size, np.uint8)
        if any(len(one) < 6 or len(one) % 2 for one in shapes):
            raise ValueError("a polygon needs three corners or more, each as x and y in one flat list")
        check_near((number for one in shapes for number in one), size)
        layers = coco_mask.decode(coco_mask.frPyObjects(shapes, *size))
        return np.asarray(np.sum(layers, axis=2), np.uint8)

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        try:
            for number, polygon in enumerate(self.polygons):
                corners = np.asarray(polygon, float).reshape(-1, 2)
                outside = (corners < -1).any() or (corners > np.array(size[::-1]) + 1).any()
                if outside or not np.isfinite(corners).all():
                    low, high = corners.min(axis=0), corners.max(axis=0)
                    return (
                        f"polygon {number} goes from {low[0]:g},{low[1]:g} to {high[0]:g},{high[1]:g}, "
                        f"outside of the picture of {size[1]}x{size[0]}"
                    )
        except MALFORMED:
            return "its polygons are not flat lists of numbers, x and y in turn"
        try:
            covers = self.on(frame, size).any()
        except MALFORMED as error:
            return str(error)
        return None if covers or not self.polygons else "its polygons cover no pixel"


@dataclass(frozen=True, eq=False)
class United:
    """Several objects as one: what they share is not counted twice.

    Attributes:
        sources: of each.
    """

    sources: Sequence[MaskSource] = field(repr=False)

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``."""
        total = np.zeros(size, np.uint8)
        for one in self.sources:
            total |= one.on(frame, size)
        return total

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        return next((told for one in self.sources if (told := one.problem(frame, size))), None)


@dataclass(frozen=True, eq=False)
class Values:
    """An object given as one value of pictures of numbers, one picture for each frame.

    Attributes:
        paths: a palette or grey PNG for each frame, or COCO's panoptic PNG, whose colour is a number.
        value: what the object's pixels have; None for every pixel that is not 0.
    """

    paths: Sequence[Path] = field(repr=False)
    value: int | None

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``; a picture that is not there means that nothing is annotated on the frame."""
        path = self.paths[frame]
        if not path.exists():
            return np.zeros(size, np.uint8)
        try:
            with Image.open(path) as picture:
                values = np.asarray(picture).astype(np.int64)
        except (OSError, SyntaxError) as error:
            raise ValueError(f"{path.name} cannot be read: {error}") from error
        if values.ndim == 3:  # panoptic: R + 256 G + 65536 B
            values = values[..., :3] @ np.array([1, 256, 65536])
        found = values != 0 if self.value is None else values == self.value
        return fitted(found.astype(np.uint8), size)

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        return failure(self, frame, size)


def decoded(rle: Rle, size: Size) -> Counts:
    """Decodes run lengths of any of COCO's kinds.

    Not by pycocotools: its decoder ends the process where lengths and size do not belong together.

    Args:
        rle: the run lengths.
        size: of the picture, which must be theirs.

    Raises:
        ValueError: they cannot be understood, or are of another size.
    """
    try:
        height, width = (int(side) for side in rle["size"])
        counts = rle["counts"]
        if isinstance(counts, list):
            lengths = [int(length) for length in counts]
        else:
            lengths = _lengths(counts.encode("ascii") if isinstance(counts, str) else bytes(counts))
    except MALFORMED as error:
        raise ValueError(f"its run lengths are not understood ({error})") from error
    _require_size((height, width), size)
    if sum(lengths) != height * width or min(lengths, default=0) < 0:
        raise ValueError(f"its run lengths add up to {sum(lengths)}, not to {height} x {width}")
    flat = np.repeat(np.arange(len(lengths)) % 2, lengths).astype(np.uint8)
    return np.ascontiguousarray(flat.reshape(size, order="F"))


def _lengths(packed: bytes) -> list[int]:
    """Unpacks COCO's text of run lengths (``rleFrString`` of maskApi.c).

    A number is groups of five bits from the low ones on, each a character from ``0``; a sixth bit says that
    more follow, and the highest of the last five is the sign. From the fourth number on they are differences
    to the last but one.
    """
    lengths: list[int] = []
    number = place = 0
    for character in packed:
        bits = character - 48
        if not 0 <= bits < 64 or place > 50:
            raise ValueError(f"{chr(character)!r} at {len(lengths)}")
        number |= (bits & 31) << place
        place += 5
        if not bits & 32:
            number -= (bits & 16) << (place - 4)
            lengths.append(number + (lengths[-2] if len(lengths) > 2 else 0))
            number = place = 0
    if place:
        raise ValueError("its last number is cut off")
    return lengths


def fitted(counts: Counts, size: Size) -> Counts:
    """Checks that a mask has the size of its picture.

    Raises:
        ValueError: it has another.
    """
    height, width = counts.shape
    _require_size((height, width), size)
    return counts


def _require_size(found: Size, size: Size) -> None:
    if found != size:
        raise ValueError(f"its mask is {found[1]}x{found[0]} and the picture {size[1]}x{size[0]}")


def failure(source: MaskSource, frame: int, size: Size) -> str | None:
    """What decoding says that is wrong."""
    try:
        source.on(frame, size)
    except MALFORMED as error:
        return str(error)
    return None
