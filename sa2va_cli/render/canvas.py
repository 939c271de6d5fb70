"""What is drawn on: a copy of a picture, in RGB or in the planes it was decoded to.

Both know the same three strokes, and leave every value alone that no stroke touches. Mixing with a colour is
the same in RGB and in YUV, as the one is a linear function of the other; chroma takes the mean share that a
stroke has of its two by two pixels.
"""

from functools import lru_cache
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.colour import coding_matrix, in_high_range
from sa2va_cli.datatypes import RGB, Yuv420, YuvColour
from sa2va_cli.render.crop import Box, even_corners
from sa2va_cli.render.palette import Colour

T = TypeVar("T", bound=np.generic)

WHITE = np.where(np.arange(256) > 0, 255, 0).astype(np.uint8)
"""Table that makes a mask of ones one of 255."""


class Canvas(Protocol):
    """A copy of a picture that takes strokes."""

    def tint(self, mask: NDArray[np.bool_], box: Box, colour: Colour, share: float) -> None:
        """Mixes a share of a colour into what lies under an (H, W) mask, whose box is given."""
        ...

    def blend(self, strength: NDArray[np.uint8], box: Box, colour: Colour) -> None:
        """Mixes a colour into a box by an (h, w) map of its share, 0..255, that is zero nearly everywhere."""
        ...

    def paste(self, plate: NDArray[np.uint8], box: Box) -> None:
        """Lays an (h, w, 4) straight RGBA picture over a box."""
        ...


class RgbCanvas:
    """A picture in RGB.

    Attributes:
        picture: (H, W, 3) uint8, the copy that is drawn on.
    """

    def __init__(self, image: RGB) -> None:
        self.picture = np.array(image, order="C")

    def tint(self, mask: NDArray[np.bool_], box: Box, colour: Colour, share: float) -> None:
        """Mixes a share of a colour into what lies under a mask."""
        area = _part(self.picture, box)
        area[...] = _mixed(area, _part(mask, box).view(np.uint8), colour, share)

    def blend(self, strength: NDArray[np.uint8], box: Box, colour: Colour) -> None:
        """Mixes a colour into a box by a map of its share."""
        points = _points(strength)
        if points is not None:
            _mix_points(_part(self.picture, box), points, strength, np.array(colour, np.float32))

    def paste(self, plate: NDArray[np.uint8], box: Box) -> None:
        """Lays a straight RGBA picture over a box."""
        area = _part(self.picture, box)
        share = plate[..., 3:].astype(np.float32) / 255
        area[...] = np.round(area + share * (plate[..., :3] - area.astype(np.float32))).astype(np.uint8)


class YuvCanvas:
    """A picture in planes of 4:2:0.

    Attributes:
        picture: the copy that is drawn on.
    """

    def __init__(self, picture: Yuv420) -> None:
        luma, blue, red = (np.array(plane, order="C") for plane in picture.planes)
        self.picture = Yuv420(luma, blue, red, picture.colour, picture.depth)

    def tint(self, mask: NDArray[np.bool_], box: Box, colour: Colour, share: float) -> None:
        """Mixes a share of a colour into what lies under a mask."""
        luma, *chroma = _plane_colours(colour, self.picture.colour, self.picture.depth)
        area = _part(self.picture.luma, box)
        area[...] = _mixed(area, _part(mask, box).view(np.uint8), (luma,), share)
        box = even_corners(box)
        cells = _half(cv2.LUT(_part(mask, box).view(np.uint8), WHITE))
        whole = cv2.threshold(cells, 254, 255, cv2.THRESH_BINARY)[1]
        edge = cv2.convertScaleAbs(cells - whole, alpha=share)
        points = _points(edge)
        for plane, value in zip(self._chroma(box), chroma, strict=True):
            plane[...] = _mixed(plane, whole, (value,), share)
            if points is not None:
                _mix_points(plane, points, edge, value)

    def blend(self, strength: NDArray[np.uint8], box: Box, colour: Colour) -> None:
        """Mixes a colour into a box by a map of its share."""
        luma, *chroma = _plane_colours(colour, self.picture.colour, self.picture.depth)
        points = _points(strength)
        if points is None:
            return
        _mix_points(_part(self.picture.luma, box), points, strength, luma)
        cells = _half(_evened(strength, box))
        points = _points(cells)
        for plane, value in zip(self._chroma(even_corners(box)), chroma, strict=True):
            if points is not None:
                _mix_points(plane, points, cells, value)

    def paste(self, plate: NDArray[np.uint8], box: Box) -> None:
        """Lays a straight RGBA picture over a box."""
        share = plate[..., 3].astype(np.float32) / 255
        codes = _codes(plate[..., :3], self.picture.colour, self.picture.depth)
        premultiplied = codes.astype(np.float32) * share[..., None]  # (h, w, 3): luma, blue, red
        area = _part(self.picture.luma, box)
        area[...] = np.round(area * (1 - share) + premultiplied[..., 0]).astype(area.dtype)
        share = _half(_evened(share, box))
        for number, plane in enumerate(self._chroma(even_corners(box)), 1):
            laid = _half(_evened(premultiplied[..., number], box))
            plane[...] = np.round(plane * (1 - share) + laid).astype(plane.dtype)

    def _chroma(self, box: Box) -> tuple[NDArray[Any], NDArray[Any]]:
        """The parts of the two chroma planes under a box of even corners."""
        half = Box(box.x0 // 2, box.y0 // 2, box.x1 // 2, box.y1 // 2)
        return _part(self.picture.blue, half), _part(self.picture.red, half)


def _part(array: NDArray[T], box: Box) -> NDArray[T]:
    return array[box.y0 : box.y1, box.x0 : box.x1]


def _evened(values: NDArray[T], box: Box) -> NDArray[T]:
    """The values of a box with zeros around them, as many as ``_even`` widens it by."""
    wide = even_corners(box)
    sides = (box.y0 - wide.y0, wide.y1 - box.y1, box.x0 - wide.x0, wide.x1 - box.x1)
    return values if not any(sides) else np.asarray(cv2.copyMakeBorder(values, *sides, cv2.BORDER_CONSTANT))


def _half(values: NDArray[T]) -> NDArray[T]:
    """The mean of each two by two values."""
    height, width = values.shape
    return np.asarray(cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def _points(strength: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Rows and columns of what is not zero; None where all is."""
    points = cv2.findNonZero(strength)
    if points is None:
        return None
    x, y = points.reshape(-1, 2).T  # OpenCV 4 has an axis more than OpenCV 5
    return y, x


def _mix_points(
    area: NDArray[Any],
    points: tuple[NDArray[np.intp], NDArray[np.intp]],
    strength: NDArray[np.uint8],
    colour: NDArray[np.float32] | float,
) -> None:
    """Mixes a colour, (3,) for three channels, into single points by their strength, in place."""
    share = strength[points].astype(np.float32) / 255
    under = area[points].astype(np.float32)
    if under.ndim == 2:
        share = share[:, None]
    area[points] = np.round(under + share * (colour - under)).astype(area.dtype)


def _mixed(
    area: NDArray[Any], mask: NDArray[np.uint8], colour: tuple[float, ...], share: float
) -> NDArray[Any]:
    """What an area becomes when a share of a colour is mixed in under a mask."""
    if area.dtype == np.uint8:
        return np.asarray(cv2.copyTo(cv2.LUT(area, _mixing(colour, share)), mask, area))
    mixed = area.astype(np.float32) * np.float32(1 - share) + share * np.array(colour, np.float32)
    return np.asarray(cv2.copyTo(np.rint(mixed).astype(area.dtype), mask, area))


@lru_cache(maxsize=64)
def _mixing(colour: tuple[float, ...], share: float) -> NDArray[np.uint8]:
    """What each value of each channel becomes when a share of a colour is mixed in: (1, 256, C) uint8."""
    values = np.arange(256, dtype=np.float32)[:, None]
    mixed = (1 - share) * values + share * np.array(colour, np.float32)
    return np.round(mixed).astype(np.uint8)[None]


@lru_cache(maxsize=64)
def _plane_colours(colour: Colour, meaning: YuvColour, depth: int) -> tuple[float, float, float]:
    """A colour's luma, blue and red difference as code values."""
    luma, blue, red = _codes(np.array(colour), meaning, depth).tolist()
    return luma, blue, red


def _codes(rgb: NDArray[Any], meaning: YuvColour, depth: int) -> NDArray[np.float64]:
    """Luma, blue and red difference (..., 3) of sRGB colours 0..255; in high dynamic range, of like looks."""
    shown = in_high_range(rgb, meaning.transfer, wide_gamut=meaning.wide_gamut)
    matrix, offset = coding_matrix(meaning.weights, depth, full_range=meaning.full_range)
    return np.asarray(shown / 255 @ matrix.T + offset)
