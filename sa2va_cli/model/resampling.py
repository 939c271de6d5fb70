"""Pillow's antialiased bicubic resizing as products with bands of weights, for processors and GPUs.

Pillow resizes horizontally, rounds to whole levels, then resizes vertically and rounds again, with weights of
22 bits (``Resample.c``). So do the products here, in float32; they differ from it, by one level, on a few
values in a hundred thousand, most of them exact halves, which it rounds up. torch's own bicubic on uint8 has
weights of 14 or 15 bits, whose sums miss one by up to two units; that moves about one value in a hundred.

Since version 13 Pillow begins with the height where that shrinks much more than the width, as in most upright
pictures; the order moves one value in five by a level. The products here follow the Pillow that is installed.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sa2va_cli.datatypes import RGB

_SHARPNESS = -0.5
_REACH = 2.0
_UNITS = 1 << 22
"""Pillow's weights are whole multiples of one part in so many, and so they fit into float32."""

_BAND = 8
"""New lines made by one product: few, as each of them is a sum of only a handful of old ones."""

Band = tuple[int, int, NDArray[np.float32]]


def resize_planes(image: RGB, width: int, height: int, device: torch.device) -> Tensor:
    """Resizes a picture; a GPU is given the bytes and resizes them itself.

    Args:
        image: (H, W, 3) uint8 RGB.
        width: wanted.
        height: wanted.
        device: where the work is done.

    Returns:
        (3, height, width) uint8 on the device.
    """
    if device.type == "cuda":
        pixels = torch.from_numpy(np.ascontiguousarray(image)).pin_memory()
        return resize_whole(pixels.to(device, non_blocking=True), width, height)
    rows, columns = image.shape[:2]
    across, down = _bands(columns, width), _bands(rows, height)
    planes = cv2.split(image)
    if height_first(columns, rows, width, height):
        tall = _summed(np.concatenate(planes, axis=1), down, height)  # (height, 3 W)
        wide = _summed(_turned(np.split(tall, 3, axis=1)), across, width)  # (width, 3 height)
        levels = _turned(np.split(wide, 3, axis=1))
    else:
        wide = _summed(_turned(planes), across, width)  # (width, 3 H)
        levels = _summed(_turned(np.split(wide, 3, axis=1)), down, height)
    return torch.from_numpy(levels.reshape(height, 3, width)).permute(1, 0, 2).to(device)


def resize_whole(image: Tensor, width: int, height: int) -> Tensor:
    """Resizes with two whole matrices; a GPU takes their many zeros in its stride.

    Needs products in full float32, which is torch's default.

    Args:
        image: (H, W, 3) uint8 on any device.
        width: wanted.
        height: wanted.

    Returns:
        (3, height, width) uint8.
    """
    rows, columns = image.shape[:2]
    planes = image.permute(2, 0, 1).float()
    across, down = _matrix(columns, width, image.device).T, _matrix(rows, height, image.device)
    if height_first(columns, rows, width, height):
        return _rounded(_rounded(down @ planes) @ across).byte()
    return _rounded(down @ _rounded(planes @ across)).byte()


@lru_cache(maxsize=32)
def height_first(columns: int, rows: int, width: int, height: int) -> bool:
    """Whether the installed Pillow resizes the height before the width, found out by a trial."""
    if rows * width <= columns * height:
        return False
    noise = np.random.default_rng(0).integers(0, 256, (rows, columns), dtype=np.uint8)
    picture, bicubic = Image.fromarray(noise), Image.Resampling.BICUBIC
    at_once = np.asarray(picture.resize((width, height), bicubic))
    width_first = picture.resize((width, rows), bicubic).resize((width, height), bicubic)
    return not np.array_equal(at_once, np.asarray(width_first))


def _turned(planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Three planes (h, w) on their sides: (w, 3 h)."""
    height, width = planes[0].shape
    turned = np.empty((width, len(planes) * height), np.uint8)
    for number, plane in enumerate(planes):
        cv2.transpose(plane, dst=turned[:, number * height : (number + 1) * height])
    return turned


def _rounded(sums: Tensor) -> Tensor:
    return sums.round_().clamp_(0, 255)


def _summed(lines: NDArray[np.uint8], bands: tuple[Band, ...], count: int) -> NDArray[np.uint8]:
    """(n, M) to (count, M): each new line is a sum of old ones, rounded."""
    width = lines.shape[1]
    new = np.empty((count, width), np.uint8)
    # Taken once for all bands, and small enough to stay in the cache.
    used = np.empty((max(last - first for first, last, _ in bands), width), np.float32)
    sums = np.empty((_BAND, width), np.float32)
    top = 0
    for first, last, weights in bands:
        old, part = used[: last - first], sums[: len(weights)]
        old[...] = lines[first:last]
        np.matmul(weights, old, out=part)
        np.maximum(part, 0, out=part)
        cv2.convertScaleAbs(part, dst=new[top : top + len(weights)])
        top += len(weights)
    return new


@lru_cache(maxsize=8)
def _bands(old: int, new: int) -> tuple[Band, ...]:
    """The matrix of weights, cut into bands of rows: first and last old line of each, and its weights."""
    weights = bicubic_weights(old, new)
    bands = []
    for top in range(0, new, _BAND):
        used = np.flatnonzero(weights[top : top + _BAND].any(axis=0))
        first, last = int(used[0]), int(used[-1]) + 1
        bands.append((first, last, np.array(weights[top : top + _BAND, first:last], np.float32, order="C")))
    return tuple(bands)


@lru_cache(maxsize=8)
def _matrix(old: int, new: int, device: torch.device) -> Tensor:
    return torch.from_numpy(bicubic_weights(old, new)).to(device, torch.float32)


def bicubic_weights(old: int, new: int) -> NDArray[np.float64]:
    """What each old line counts in each new one, as in Pillow's ``precompute_coeffs``: (new, old)."""
    scale = old / new
    stretch = max(scale, 1.0)
    weights = np.zeros((new, old))
    for line in range(new):
        centre = (line + 0.5) * scale
        first = max(0, int(centre - _REACH * stretch + 0.5))
        last = min(old, int(centre + _REACH * stretch + 0.5))
        x = np.abs((np.arange(first, last) + 0.5 - centre) / stretch)
        near = ((_SHARPNESS + 2) * x - (_SHARPNESS + 3)) * x * x + 1
        far = (((x - 5) * x + 8) * x - 4) * _SHARPNESS
        shares = np.where(x < 1, near, np.where(x < _REACH, far, 0))
        weights[line, first:last] = shares / shares.sum()
    return np.rint(weights * _UNITS) / _UNITS
