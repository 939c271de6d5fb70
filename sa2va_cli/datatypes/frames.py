"""One picture of a clip, upright, at its time."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes.planes import Yuv420, YuvPlanes

RGB = NDArray[np.uint8]
"""An upright image, (H, W, 3) uint8, sRGB order red, green, blue."""

GROUND = 128
"""The grey, of 255, that lies behind pictures with alpha when they are looked at."""


def over_grey(image: RGB, alpha: NDArray[Any] | None) -> RGB:
    """Lays a picture over neutral grey, value by value as it is coded; (H, W, 3) uint8 RGB."""
    if alpha is None:
        return image
    share = (alpha / np.float32(np.iinfo(alpha.dtype).max))[..., None]
    return np.rint(GROUND + share * (image.astype(np.float32) - GROUND)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a clip, upright, at its time.

    Attributes:
        index: ordinal among the frames of the selected range, from 0.
        pts: presentation time stamp in units of ``time_base``; counted as in the source.
        time_base: seconds per unit of ``pts``.
        image: (H, W, 3) uint8 RGB, rotation of the container already applied.
        name: what pictures made of the frame are called, without an ending, where it comes from an image
            file; no two frames of a clip share one (``media/sequences.py`` has the rule).
        planes: the same picture as it was decoded, where that is 8-bit 4:2:0, or of more than 8 bits (as
            10-bit 4:2:0); what is drawn there leaves the rest of the picture as it was to the bit.
        stored: the decoded code values at their own depth and subsampling, where the source has planes.
        source_index: number of the frame in the source, from 0; None for the same as ``index``.
        file_name: the image file it comes from, with its ending, relative to the folder that all files of the
            clip lie in; None for videos and for the pages of one file.
        deep: (H, W, 3) uint16, 65535 being full: the source's own numbers, where neither ``image`` nor
            ``stored`` holds them: of more than 8 bits, under alpha, or in the colours of ``icc_profile``.
        alpha: (H, W) uint8 or uint16, full at 255 or 65535: how opaque the source is; None where it is all
            opaque. ``image`` is then the source over neutral grey (128), ``deep`` its colours without the
            ground.
        icc_profile: what the numbers in ``deep`` mean, an RGB profile; None for sRGB. ``image`` is in sRGB.
        shown_for: seconds for which the source shows it; None where that is not known.
    """

    index: int
    pts: int
    time_base: Fraction
    image: RGB = field(repr=False)
    name: str | None = None
    planes: Yuv420 | None = field(default=None, repr=False)
    stored: YuvPlanes | None = field(default=None, repr=False)
    source_index: int | None = None
    file_name: str | None = None
    deep: NDArray[np.uint16] | None = field(default=None, repr=False)
    alpha: NDArray[np.uint8] | NDArray[np.uint16] | None = field(default=None, repr=False)
    icc_profile: bytes | None = field(default=None, repr=False)
    shown_for: Fraction | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"image must be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.planes is not None and self.planes.size != self.size:
            raise ValueError(f"got planes of {self.planes.size} for an image of {self.size}")
        if self.deep is not None and (self.deep.shape != self.image.shape or self.deep.dtype != np.uint16):
            raise ValueError(
                f"deep must be {self.image.shape} uint16, got {self.deep.shape} {self.deep.dtype}"
            )
        if self.alpha is not None and self.alpha.shape != self.image.shape[:2]:
            raise ValueError(f"alpha must be {self.image.shape[:2]}, got {self.alpha.shape}")
        if self.icc_profile is not None and self.deep is None:
            raise ValueError("icc_profile says what the numbers in deep mean; got no deep")

    @classmethod
    def deferred(cls, make: Callable[[], RGB], size: tuple[int, int], **fields: Any) -> "Frame":
        """A frame whose RGB picture is made when it is first asked for: planes are enough for much.

        Args:
            make: makes (H, W, 3) uint8 RGB.
            size: (width, height) of it.
            fields: all others.
        """
        width, height = size
        frame = cls(image=np.broadcast_to(np.uint8(0), (height, width, 3)), **fields)
        object.__delattr__(frame, "image")
        object.__setattr__(frame, "_deferred", (make, size))
        return frame

    def __getattr__(self, name: str) -> Any:
        """Makes the picture of a deferred frame; is called for what is not there only."""
        if name != "image" or "_deferred" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        image = self.__dict__["_deferred"][0]()
        object.__setattr__(self, "image", image)
        return image

    def numbered(self, index: int, source_index: int) -> "Frame":
        """The same picture at another place among the frames."""
        frame = copy(self)
        object.__setattr__(frame, "index", index)
        object.__setattr__(frame, "source_index", source_index)
        return frame

    @property
    def picture(self) -> RGB | Yuv420:
        """What is drawn on: a video's planes; the numbers that ``icc_profile`` goes with; or the image."""
        if self.planes is not None:
            return self.planes
        return self.image if self.icc_profile is None else self._own_numbers

    @cached_property
    def _own_numbers(self) -> RGB:
        """(H, W, 3) uint8 in the colours of ``icc_profile``, over grey as ``image`` is."""
        assert self.deep is not None  # noqa: S101  (checked when made)
        return over_grey(((self.deep + 128.0) // 257).astype(np.uint8), self.alpha)

    @property
    def finest(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(H, W, 3) RGB as fine as the source has it: ``deep``, or made of ``stored``, else ``image``.

        Of video of high dynamic range these are its own signals, where ``image`` is tone-mapped.
        """
        if self.deep is not None:
            return self.deep
        return self.image if self.stored is None else self.stored.rgb

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        if "image" not in self.__dict__ and "_deferred" in self.__dict__:
            size: tuple[int, int] = self.__dict__["_deferred"][1]
            return size
        return self.image.shape[1], self.image.shape[0]

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)
