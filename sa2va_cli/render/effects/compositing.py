"""Laying what effects give over a picture: the one place that does, in RGB and in a video's own planes.

Where nothing is laid, values stay as they were, to the bit; in 4:2:0 a chroma value takes the mean of the
four pixels it stands for, and stays as it was where no layer touches any of them.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.colour import coding_matrix
from sa2va_cli.datatypes import Yuv420
from sa2va_cli.render.crop import Box, even_corners, mask_box
from sa2va_cli.render.effects.effect import Floats, Layer, Pixels


def lay(picture: Pixels, layer: Layer, touched: NDArray[np.uint8]) -> None:
    """Lays a layer over a picture, in place, and marks where that may have changed something.

    Args:
        picture: (H, W, 3) uint8 or uint16.
        layer: of the same type.
        touched: (H, W) uint8, 0 where nothing was laid yet.

    Raises:
        ValueError: the layer does not fit.
    """
    box = layer.box
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    under = picture[part]
    if under.shape != layer.colours.shape or under.dtype != layer.colours.dtype:
        raise ValueError(f"got a layer {layer.colours.shape} {layer.colours.dtype} for {under.shape}")
    if layer.share.shape != under.shape[:2]:
        raise ValueError(f"got shares {layer.share.shape} for colours {layer.colours.shape}")
    some = np.greater(layer.share, 0).view(np.uint8)
    under[...] = cv2.copyTo(_blended(under, layer.colours, layer.share), some, np.ascontiguousarray(under))
    touched[part] |= some


def _blended(under: Pixels, above: Pixels, share: Floats) -> Pixels:
    """``under`` and ``above`` by the share of the latter, rounded once."""
    if under.dtype == np.uint8:
        return np.asarray(
            cv2.blendLinear(np.ascontiguousarray(above), np.ascontiguousarray(under), share, 1 - share)
        )
    low = under.astype(np.float32)
    low += share[..., None] * (above.astype(np.float32) - low)
    return np.rint(low).astype(under.dtype)


def into_planes(source: Yuv420, picture: Pixels, touched: NDArray[np.uint8]) -> Yuv420:
    """A video's planes with a picture where layers were laid.

    Args:
        source: as decoded.
        picture: (H, W, 3) uint8 or uint16 RGB, what was made of it.
        touched: (H, W) uint8, 0 where the source's own code values stay.
    """
    box = mask_box(touched > 0)
    if box is None:
        return source
    box = even_corners(box)
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    some = touched[part]
    laid = picture[part]
    luma, blue, red = (np.array(plane, order="C") for plane in source.planes)
    matrix, offset = _coding(source, picture.dtype)
    codes = _luma_codes(laid, matrix[0], offset[0], source.depth).astype(luma.dtype, copy=False)
    luma[part] = cv2.copyTo(codes, some, np.ascontiguousarray(luma[part]))
    share = some.astype(np.float32)
    cells = _half(share)
    half = slice(box.y0 // 2, box.y1 // 2), slice(box.x0 // 2, box.x1 // 2)
    # Codes are linear in colours, so those of a cell's mean are the mean of its codes.
    colours = laid.astype(np.float32)
    mean = _half(colours if some.all() else colours * share[..., None])
    for plane, row, zero in zip((blue, red), matrix[1:], offset[1:], strict=True):
        fine = cv2.transform(mean, row[None].astype(np.float32)).reshape(cells.shape) + zero * cells
        whole_cell = np.clip(fine + (1 - cells) * plane[half], 0, 2**source.depth - 1)
        plane[half] = np.where(cells > 0, np.rint(whole_cell).astype(plane.dtype), plane[half])
    return Yuv420(luma, blue, red, source.colour, source.depth)


def _coding(source: Yuv420, type_: np.dtype[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How code values are made of colours of a type: a row for each plane, and what is added."""
    colour = source.colour
    matrix, offset = coding_matrix(colour.weights, source.depth, full_range=colour.full_range)
    return np.asarray(matrix / np.iinfo(type_).max), np.asarray(offset)


def _luma_codes(picture: Pixels, row: NDArray[np.float64], zero: float, depth: int) -> Pixels:
    """Rounded and held within what the depth can say."""
    line = np.append(row, zero)[None]
    if picture.dtype == np.uint8 and depth == 8:  # OpenCV rounds and clips by itself
        return np.asarray(cv2.transform(np.ascontiguousarray(picture), line))
    values = np.asarray(cv2.transform(picture.astype(np.float32), line))
    return np.asarray(np.rint(np.clip(values, 0, 2**depth - 1)))


def _half(values: Floats) -> Floats:
    height, width = values.shape[:2]
    return np.asarray(cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def whole(shape: tuple[int, ...]) -> Box:
    """The box of a picture of a shape."""
    return Box(0, 0, shape[1], shape[0])
