"""Mask logits as bytes and back: exact where a mask is cut, coarse where nothing can be seen.

A value is coded by its distance y from the logit at which masks are cut, in steps that grow with the
distance: the bits of the float32 number 1 + |y|, of which only the first ``precision`` of the mantissa are
kept. That is a step of 2^-precision up to a distance of 1, twice that up to 3, and so on. It takes no
logarithm, so that every machine decodes the same bits. Precision is chosen for each mask, as fine as its
edges need.

Far from an edge, where a pixel is certainly inside or outside, a value says nothing and is replaced by a
certain one. What is left is smooth, so differences of neighbours are small, and zlib does the rest.

Knows nothing about files and frames.
"""

import math
import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

CERTAIN = 31.0
"""Distance that stands for certainty: an alpha of 3e-14, nothing at 16 bits."""

_UNSEEN = math.log(999.0)
"""Logit beyond which an alpha lies within a thousandth of 0 or 1."""

_LARGEST = 2047.0
"""Largest distance that is coded; SAM 2's own "there is no object" is -1024."""

_COARSEST = 8
"""Bits kept at least: a step of 1/256 in a logit is one of 1/1024 in alpha, and half of that is the error."""

_FINEST = 20
"""Bits kept at most; float32 has 23."""

_FLIPPED = 3e-6
"""Share of pixels that may change sides by coding, as it is estimated; 1 in 100,000 is promised."""

_HEAD = struct.Struct("<HHBBf")
_WIDE = 1
"""Flag: codes take four bytes and not two."""


def encode(logits: Logits, threshold: float) -> bytes:
    """Codes the logits of one mask.

    Args:
        logits: (h, w) on the decoder's grid.
        threshold: probability above which a pixel belongs to the mask; there it is exact.

    Returns:
        What ``decode`` reads. Coding what was decoded again gives the same logits.
    """
    cut = np.float32(math.log(threshold / (1 - threshold)))
    distances = np.clip(np.nan_to_num(logits) - cut, -_LARGEST, _LARGEST)
    distances = _saturated(distances, float(cut))
    precision = _precision(distances, float(cut))
    codes = _coded(distances, precision)
    wide = bool(np.abs(codes).max(initial=0) > 8191)  # differences of differences must fit, too
    kind = np.dtype("<i4" if wide else "<i2")
    changes = np.diff(np.diff(codes, axis=0, prepend=0), axis=1, prepend=0).astype(kind)
    planes = np.ascontiguousarray(changes.view(np.uint8).reshape(-1, kind.itemsize).T)
    head = _HEAD.pack(*logits.shape, precision, _WIDE if wide else 0, cut)
    return head + zlib.compress(planes.tobytes(), 6)


def decode(data: bytes) -> Logits:
    """Reads what ``encode`` wrote.

    Returns:
        (h, w) float32.

    Raises:
        ValueError: it is damaged.
    """
    try:
        height, width, precision, flags, cut = _HEAD.unpack_from(data)
        kind = np.dtype("<i4" if flags & _WIDE else "<i2")
        planes = np.frombuffer(zlib.decompress(data[_HEAD.size :]), np.uint8)
        changes = np.ascontiguousarray(planes.reshape(kind.itemsize, -1).T).view(kind)
        codes = changes.reshape(height, width).astype(np.int32).cumsum(1, np.int32).cumsum(0, np.int32)
    except (struct.error, zlib.error, ValueError) as error:
        raise ValueError(f"damaged logits: {error}") from error
    return _valued(codes, precision) + np.float32(cut)


def stacked(masks: Sequence[Logits]) -> Logits:
    """The logits of a frame's masks as one array.

    Args:
        masks: (h, w) each; of several grids where one was corrected with another network than the others.

    Returns:
        (N, H, W) on the finest of their grids; (0, 1, 1) for no masks.
    """
    if not masks:
        return np.zeros((0, 1, 1), np.float32)
    height, width = max((one.shape for one in masks), key=math.prod)
    return np.stack(
        [one if one.shape == (height, width) else cv2.resize(one, (width, height)) for one in masks]
    )


def _saturated(distances: Logits, cut: float) -> Logits:
    """Replaces what is certain, and whose neighbours are all certain in the same way, by ``CERTAIN``.

    In two steps of bilinear interpolation a pixel is made of three cells in a row at most; with two certain
    neighbours to each side, every pixel that is touched was certain and stays so.
    """
    certain = max(_UNSEEN - cut, _UNSEEN + cut, 2.0)
    neighbours = np.ones((5, 5), np.uint8)
    inside = cv2.erode((distances >= certain).view(np.uint8), neighbours, borderType=cv2.BORDER_REPLICATE)
    outside = cv2.erode((distances <= -certain).view(np.uint8), neighbours, borderType=cv2.BORDER_REPLICATE)
    result = distances.astype(np.float32)
    result[inside.view(np.bool_)] = CERTAIN
    result[outside.view(np.bool_)] = -CERTAIN
    return result


def _precision(distances: Logits, cut: float) -> int:
    """Bits that keep the pixels which change sides below ``_FLIPPED``, and alphas within a thousandth.

    In a cell through which the edge runs, values cover the range r between its corners evenly, more or less.
    The mean error of a corner is a quarter of its step, which is about 2^-precision (1 + |y|); it moves the
    edge over a part of error / r of the cell.
    """
    coarsest = _COARSEST + math.ceil(math.log2(1 + abs(cut)))  # alpha is steepest |cut| away from the cut
    corners = np.stack([distances[:-1, :-1], distances[1:, :-1], distances[:-1, 1:], distances[1:, 1:]])
    if not corners.size:
        return coarsest
    low, high = corners.min(axis=0), corners.max(axis=0)
    crossed = (low <= 0) & (high >= 0)
    if not crossed.any():
        return coarsest
    spans = np.maximum(high[crossed] - low[crossed], 2.0**-_FINEST)
    errors = (1 + np.abs(corners[:, crossed]).mean(axis=0)) / 4
    moved = float((errors / spans).sum()) / low.size  # share of pixels that a precision of 0 would move
    return int(np.clip(math.ceil(math.log2(moved / _FLIPPED)), coarsest, _FINEST))


def _coded(distances: Logits, precision: int) -> NDArray[np.int32]:
    """Signed codes; see the module."""
    shift = 23 - precision
    bits = (1 + np.abs(distances)).astype(np.float32).view(np.int32) - np.float32(1).view(np.int32)
    codes = (bits + (1 << shift >> 1)) >> shift
    return np.asarray(np.where(distances < 0, -codes, codes), np.int32)


def _valued(codes: NDArray[np.int32], precision: int) -> Logits:
    bits = (np.abs(codes) << (23 - precision)) + np.float32(1).view(np.int32)
    sizes = bits.astype(np.int32).view(np.float32) - np.float32(1)
    return np.asarray(np.where(codes < 0, -sizes, sizes), np.float32)
