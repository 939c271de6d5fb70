"""Pictures as video holds them: planes of luma and of the differences of blue and red."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.3, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""What red and blue count in luma, by the number of the matrix in ITU-T H.273: BT.709, FCC, BT.601 twice,
SMPTE 240M, and BT.2020 with non-constant luminance."""

HIGH_RANGE = {16: "PQ", 18: "HLG"}
"""Transfer functions of high dynamic range by their number in ITU-T H.273."""

BT2020 = 9
"""The number of the primaries, and of the matrix, of BT.2020 in ITU-T H.273."""


@dataclass(frozen=True)
class YuvColour:
    """What the numbers in a picture's planes mean, as ITU-T H.273 counts it.

    Attributes:
        matrix: one of ``LUMA_WEIGHTS``.
        full_range: whether luma is 0..255 and not 16..235.
        primaries: 2 for unspecified.
        transfer: the same.
    """

    matrix: int
    full_range: bool
    primaries: int = 2
    transfer: int = 2

    def __post_init__(self) -> None:
        if self.matrix not in LUMA_WEIGHTS:
            raise ValueError(f"matrix must be one of {', '.join(map(str, LUMA_WEIGHTS))}, got {self.matrix}")

    @property
    def weights(self) -> tuple[float, float]:
        """What red and blue count in luma."""
        return LUMA_WEIGHTS[self.matrix]

    @property
    def high_range(self) -> str | None:
        """``PQ`` or ``HLG``; None for ordinary video."""
        return HIGH_RANGE.get(self.transfer)

    @property
    def wide_gamut(self) -> bool:
        """Whether the primaries are those of BT.2020."""
        return self.primaries == BT2020


@dataclass(frozen=True, eq=False)
class _Planes:
    """Luma and the differences of blue and red; what they are is said by who has them."""

    luma: NDArray[Any] = field(repr=False)
    blue: NDArray[Any] = field(repr=False)
    red: NDArray[Any] = field(repr=False)

    @property
    def planes(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Luma, blue and red difference."""
        return self.luma, self.blue, self.red

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.luma.shape[1], self.luma.shape[0]


@dataclass(frozen=True, eq=False)
class YuvPlanes(_Planes):
    """A picture's code values as they were decoded, upright, at any depth and chroma subsampling.

    Attributes:
        luma: (H, W) uint8, or uint16 for more than 8 bits.
        blue: the difference of blue, of luma's size or smaller.
        red: the difference of red, likewise.
        depth: bits of a code value.
        colour: what the numbers mean.
    """

    depth: int
    colour: YuvColour

    @cached_property
    def rgb(self) -> NDArray[np.uint16]:
        """(H, W, 3) uint16 RGB in the picture's own primaries and transfer; 65535 is full."""
        from sa2va_cli.colour import rgb_of

        return rgb_of(self.planes, self.colour.weights, self.depth, full_range=self.colour.full_range)


@dataclass(frozen=True, eq=False)
class Yuv420(_Planes):
    """A picture as most video holds it: upright, luma for each pixel, chroma for each two by two.

    Attributes:
        luma: (H, W) uint8, or uint16 for more than 8 bits; both sides are even.
        blue: (H/2, W/2), the difference of blue.
        red: (H/2, W/2), the difference of red.
        colour: what the numbers mean.
        depth: bits of a code value, 8 or 10.
    """

    colour: YuvColour
    depth: int = 8

    def __post_init__(self) -> None:
        doubled = tuple((2 * plane.shape[0], 2 * plane.shape[1]) for plane in (self.blue, self.red))
        if doubled != (self.luma.shape, self.luma.shape):
            shapes = ", ".join(str(plane.shape) for plane in self.planes)
            raise ValueError(f"chroma must have half of luma's sides, got {shapes}")
        wanted = np.uint8 if self.depth == 8 else np.uint16
        if any(plane.dtype != wanted for plane in self.planes):
            kinds = [str(plane.dtype) for plane in self.planes]
            raise ValueError(f"planes of {self.depth} bits must be {wanted.__name__}, got {kinds}")
