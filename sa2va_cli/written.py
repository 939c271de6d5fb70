"""What a writer meant to write, collected while it wrote, for whoever reads the file again.

Knows nothing about files or codecs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID = 8
"""Points along each side of a picture at which its values are kept to be compared."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A few values of one picture, as shares of the largest code value.

    Attributes:
        luma: (GRID, GRID) float32.
        alpha: the same of the opacity; None where there is none.
    """

    luma: NDArray[np.float32]
    alpha: NDArray[np.float32] | None = None


def points(plane: NDArray[Any], top: int) -> NDArray[np.float32]:
    """Values of an (H, W) plane in the middle of each field of a grid, (GRID, GRID), divided by ``top``."""
    rows, columns = ((2 * np.arange(GRID) + 1) * side // (2 * GRID) for side in plane.shape)
    return plane[np.ix_(rows, columns)].astype(np.float32) / np.float32(top)


@dataclass(frozen=True)
class ColourTags:
    """Numbers of ITU-T H.273, 2 for unspecified, and the range."""

    matrix: int
    primaries: int
    transfer: int
    full_range: bool


@dataclass(frozen=True)
class WrittenVideo:
    """A video file.

    Attributes:
        size: (width, height) of the stored pictures.
        stamps: when each picture is shown, in ``time_base``, rising from 0.
        time_base: seconds per unit.
        end: when the last picture ends, in ``time_base``.
        alpha: whether there is opacity.
        tags: what the values mean; None where the stream does not say.
        aspect: width of a pixel over its height.
        timecode: of the first picture; None for none.
        field_order: ``top`` or ``bottom``, for interlaced pictures.
        sound: for each sound track, when it ends, in seconds; None for one that holds nothing.
        samples: values of a few pictures from which decoding can begin, by their stamp.
        step: levels of 255 between values that the encoder tells apart, where it was to be coarser.
    """

    size: tuple[int, int]
    stamps: Sequence[int] = field(repr=False)
    time_base: Fraction
    end: int
    alpha: bool
    tags: ColourTags | None
    aspect: Fraction = Fraction(1)
    timecode: str | None = None
    field_order: str | None = None
    sound: tuple[Fraction | None, ...] = ()
    samples: Mapping[int, Sample] = field(default_factory=dict, repr=False)
    step: float = 0.0


@dataclass(frozen=True)
class WrittenPictures:
    """A picture file, or a folder of them.

    Attributes:
        names: of the files, in order.
        size: (width, height) of each.
        alpha: whether each has opacity.
    """

    names: tuple[str, ...] = field(repr=False)
    size: tuple[int, int]
    alpha: bool


@dataclass(frozen=True)
class WrittenFiles:
    """A folder of other files.

    Attributes:
        names: relative to the folder, with ``/``.
    """

    names: tuple[str, ...] = field(repr=False)


Written = WrittenVideo | WrittenPictures | WrittenFiles
