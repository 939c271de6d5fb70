"""The edge of a soft mask, found again in the picture by a guided filter.

A guided filter (He, Sun and Tang, "Guided Image Filtering", TPAMI 2013) takes alpha to be a linear function
of the colour in every small window, fits it by least squares and averages the windows' functions; box sums
make that cheap. Fitted to a soft mask as it is, such a filter gives back a soft mask, because the blur of the
mask is what it fits. So here

* only those pixels count in a fit where the mask is sure of itself, by ``(2 alpha - 1)`` to the fourth: the
  window then tells the object's colours from those behind it, and *predicts* alpha where the mask is unsure;
* the fit is unbiased: slopes are divided by the share of alpha that colour explains, so that the object's
  mean colour comes out as 1 and the background's as 0;
* the mask remains as a prior: prediction and mask are averaged by the inverse of their variances, the fit's
  residual against the mask's own ``p (1 - p)``. Where colours do not tell, or a pixel has a colour of
  neither, the mask stands, made three times steeper;
* a second round counts pixels by the first round's alpha, which lets hair teach its own colour.

The fits are made on a reduced picture ("Fast Guided Filter", He and Sun 2015) and used at full size. Knows
nothing about time: what is still in the picture stays still in alpha, because nothing here is random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.crop import Box, mask_box, padded
from sa2va_cli.render.refine.trimap import box_mean, cell_size, doubt, reduced, whole_cells

Floats = NDArray[np.floating]
T = TypeVar("T", bound=np.generic)

# Radii are in cells. Chosen on drawn clips of other seeds than are reported.
_NEAR = 5  # radius of the windows
_FARTHER = 3  # times as far sees a second window, which counts where the near one has nothing to tell
_FAR_SHARE = 0.05
_LEAST_SURE = 0.05
_ROUNDS = 2
_COLOUR_NOISE = 2e-4  # variance, of 1: a camera's grain of 3.6 levels
_LEAST_RESIDUAL = 1e-4  # variance of alpha that colour can never explain
_LEAST_EXPLAINED = 1e-3
_SNAP = 0.04  # alpha nearer to 0 or 1 than this is grain
_SPECK = 9  # cells
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


@dataclass(frozen=True, eq=False)
class _Functions:
    """What alpha is in each cell of a window: ``slopes . colour + share * steep mask + offset``.

    Attributes:
        slopes: three of (h, w) float32, for colours in 0..255.
        share: (h, w) float32.
        offset: (h, w) float32.
        unsure: (h, w) float32, the variance of the mask; above zero inside the band.
    """

    slopes: Sequence[Floats]
    share: Floats
    offset: Floats
    unsure: Floats


def guided(image: RGB, soft: Floats) -> Floats:
    """Refines a soft mask along its edges.

    Args:
        image: (H, W, 3) uint8 RGB.
        soft: (H, W) float32 in 0..1, one object or the union of several; above 0.5 is inside.

    Returns:
        (H, W) float32 alpha in 0..1: exactly 0 or 1 outside a band along the edge that is as wide as the mask
        is unsure of itself.

    Raises:
        ValueError: the sizes do not fit.
    """
    if soft.shape != image.shape[:2] or image.shape[2:] != (3,):
        raise ValueError(f"got a soft mask {soft.shape} for a picture {image.shape}")
    height, width = soft.shape
    factor = cell_size(soft.shape)
    image, soft = whole_cells(image, factor), whole_cells(soft, factor)
    mask = reduced(soft, factor)
    alpha = np.zeros_like(soft)
    some = mask_box(mask > 0.5 / (factor * factor + 1))  # no cell without holds a pixel inside
    if some is not None:
        cv2.threshold(_part(soft, some, factor), 0.5, 1.0, cv2.THRESH_BINARY, dst=_part(alpha, some, factor))
    variance = doubt(mask)
    box = mask_box(variance > 0)
    if box is not None:
        window = padded(box, (mask.shape[1], mask.shape[0]), 0.0, even=False, least=_NEAR * _FARTHER + 1)
        functions = _fit(
            reduced(_part(image, window, factor), factor), _part(mask, window), _part(variance, window)
        )
        pictures = _part(image, window, factor), _part(soft, window, factor), _part(alpha, window, factor)
        _finish(functions, factor, *pictures)
        inside = Box(*(factor * k for k in (window.x0, window.y0, window.x1, window.y1)))
        _part(alpha, inside)[...] = without_specks(_part(alpha, inside), _part(soft, inside), factor)
    return np.asarray(alpha[:height, :width])


def snapped(alpha: Floats) -> Floats:
    """Stretches alpha so that what is nearly 0 or 1, which is grain, becomes exactly that."""
    return np.asarray(np.clip((alpha - _SNAP) / (1 - 2 * _SNAP), 0, 1))


def without_specks(alpha: Floats, soft: Floats, cell: int) -> Floats:
    """Takes away what is smaller than a few cells and holds no part of the mask.

    A few pixels of the background may happen to have the object's colour. What belongs to the object hangs
    together with it, as hair does, or is larger, as a puff of smoke is. All this is seen in cells, which is
    quick.

    Args:
        alpha: (H, W) float32; both sides are multiples of the cell.
        soft: (H, W) float32, the mask; above 0.5 is inside.
        cell: side of a cell in pixels.

    Returns:
        (H, W) float32.
    """
    seen = (reduced(alpha, cell) > 0).view(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < _SPECK
    small[0] = False
    cleaned = alpha
    for number in np.flatnonzero(small[:count]):
        x, y, width, height = (int(k) for k in stats[number, :4])
        box = Box(x, y, x + width, y + height)
        own = np.kron(parts[y : y + height, x : x + width] == number, np.ones((cell, cell), np.bool_))
        if not (own & (_part(soft, box, cell) > 0.5)).any():
            cleaned = alpha.copy() if cleaned is alpha else cleaned
            _part(cleaned, box, cell)[own] = 0
    return cleaned


def _part(values: NDArray[T], box: Box, factor: int = 1) -> NDArray[T]:
    """What lies under a box of cells."""
    return values[box.y0 * factor : box.y1 * factor, box.x0 * factor : box.x1 * factor]


def _window_means(seen: Sequence[Floats]) -> list[Floats]:
    """The means over near windows, with a little of those over far ones, four at a time as OpenCV likes."""
    means: list[Floats] = []
    for start in range(0, len(seen), 4):
        four = cv2.merge(seen[start : start + 4])
        means += cv2.split(cv2.scaleAdd(_far_box(four), _FAR_SHARE, box_mean(four, _NEAR)))
    return means


def _far_box(values: Floats) -> Floats:
    """The near box on a picture of a third of the size."""
    height, width = values.shape[:2]
    third = max(1, width // _FARTHER), max(1, height // _FARTHER)
    small = cv2.resize(values, third, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(box_mean(small, _NEAR), (width, height), interpolation=cv2.INTER_LINEAR))


def _fit(image: RGB, mask: Floats, unsure: Floats) -> _Functions:
    """Fits alpha to colour around every cell of a reduced picture."""
    colours = [cv2.extractChannel(image, k).astype(np.float32) / 255 for k in range(3)]
    squares = [colours[j] * colours[k] for j, k in _PAIRS]
    alpha, steep = mask, _steeper(mask)
    band = np.flatnonzero(unsure > 0)
    doubt_here, colours_here = unsure.take(band), [k.take(band) for k in colours]
    for _ in range(_ROUNDS):
        sure = np.square(2 * alpha - 1)
        weight = sure * sure + _LEAST_SURE
        weighted = weight * alpha
        seen = [weight, weighted, weighted * alpha]
        seen += (
            [k * weight for k in colours] + [k * weighted for k in colours] + [k * weight for k in squares]
        )
        sums = [k.take(band) for k in _window_means(seen)]
        solved = _solved([k / sums[0] for k in sums[1:]], doubt_here, colours_here)
        *slopes, offset, share = (
            box_mean(_laid(k, band, outside, mask.shape), 1)
            for k, outside in zip(solved, _CERTAIN, strict=True)
        )
        alpha = offset + share * steep + _dot(slopes, colours)
        alpha = np.clip(alpha, 0, 1)
    stretch = 1 / (1 - 2 * _SNAP)
    slopes = [k * (stretch / 255) for k in slopes]
    return _Functions(slopes, share * stretch, (offset - _SNAP) * stretch, unsure)


_CERTAIN = (0, 0, 0, 0, 1)
"""Slopes, offset and share where the mask is sure: it stands."""


def _laid(values: Floats, places: NDArray[np.intp], outside: float, shape: tuple[int, ...]) -> Floats:
    laid = np.full(shape, outside, np.float32)
    laid.put(places, values)
    return laid


def _solved(means: Sequence[Floats], unsure: Floats, colours: Sequence[Floats]) -> Sequence[Floats]:
    """The windows' functions: three slopes, offset and share, each (n,), of n cells.

    Args:
        means: weighted means over the windows of alpha, its square, the three colours, these times alpha, and
            the six products of two colours.
        unsure: the variance of the mask.
        colours: of each cell, in 0..1.
    """
    middle, colour = means[0], means[2:5]
    variance = np.maximum(means[1] - middle * middle, 0)
    covariance = [k - colour[i] * middle for i, k in enumerate(means[5:8])]
    spread = [k - colour[i] * colour[j] for k, (i, j) in zip(means[8:], _PAIRS, strict=True)]
    for k in (0, 3, 5):
        spread[k] += _COLOUR_NOISE
    inverse = _inverse(spread)
    slopes = [_dot(row, covariance) for row in inverse]
    explained = _dot(slopes, covariance) / (variance + _LEAST_RESIDUAL)
    explained = np.clip(explained, _LEAST_EXPLAINED, 1)
    residual = (variance * (1 - explained) + _LEAST_RESIDUAL) / explained  # of the unbiased prediction
    # a colour may lie off the line from background to object: by how much, squared, in standard deviations
    away = [one - mean for one, mean in zip(colours, colour, strict=True)]
    along = _dot(slopes, away)
    far = _dot([_dot(row, away) for row in inverse], away)
    residual *= 1 + np.maximum(far - along * along / (_dot(slopes, covariance) + _LEAST_RESIDUAL), 0)
    trust = unsure / (unsure + residual)
    slopes = [k * (trust / explained) for k in slopes]
    return [*slopes, trust * middle - _dot(slopes, colour), 1 - trust]


def _dot(one: Sequence[Floats], other: Sequence[Floats]) -> Floats:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _inverse(upper: Sequence[Floats]) -> Sequence[Sequence[Floats]]:
    """The rows of inverse symmetric 3 by 3 matrices, given the upper triangle by rows, each (n,)."""
    a, b, c, d, e, f = upper
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    scale = 1 / _dot([a, b, c], [aa, ab, ac])
    aa, ab, ac, bb, bc, cc = (k * scale for k in (aa, ab, ac, bb, bc, cc))
    return [aa, ab, ac], [ab, bb, bc], [ac, bc, cc]


def _steeper(soft: Floats) -> Floats:
    """A soft mask with its logits tripled: a network's edge is softer than any that a lens draws."""
    inside, outside = soft * soft * soft, 1 - soft
    outside = outside * outside * outside
    return np.asarray(inside / (inside + outside))


def _finish(functions: _Functions, factor: int, image: RGB, soft: Floats, alpha: Floats) -> None:
    """Computes alpha at full size, in place where the band is, in those cells alone that it touches."""
    band = functions.unsure > 0
    rows, columns = np.nonzero(cv2.dilate(band.view(np.uint8), np.ones((3, 3), np.uint8)))
    *slopes, fine, share, unsure = _enlarged(functions, rows, columns, factor)
    mask = _cells(soft, factor)[rows, :, columns]
    share *= _steeper(mask)
    fine += share
    colours = _cells(image, factor)[rows, :, columns]
    for k, slope in enumerate(slopes):
        fine += np.multiply(slope, colours[..., k], out=slope)
    np.clip(fine, 0, 1, out=fine)
    np.copyto(fine, mask > 0.5, where=unsure <= 0)
    _cells(alpha, factor)[rows, :, columns] = fine


def _cells(values: NDArray[T], factor: int) -> NDArray[T]:
    """A view (h, factor, w, factor, ...) of a picture of whole cells."""
    height, width = values.shape[0] // factor, values.shape[1] // factor
    return values.reshape(height, factor, width, factor, *values.shape[2:])


def _enlarged(
    functions: _Functions, rows: NDArray[np.intp], columns: NDArray[np.intp], factor: int
) -> Floats:
    """All values in n cells at full size, (6, n, factor, factor), as by ``cv2.INTER_LINEAR``."""
    every = [*functions.slopes, functions.offset, functions.share, functions.unsure]
    wider = np.stack([cv2.copyMakeBorder(k, 1, 1, 1, 1, cv2.BORDER_REPLICATE) for k in every])
    width = wider.shape[2]
    steps = np.add.outer(np.arange(3) * width, np.arange(3)).ravel()
    around = wider.reshape(6, -1).take(np.add.outer(rows * width + columns, steps), axis=1)
    weights = _between(factor)
    return np.asarray(around @ np.einsum("iy,jx->ijyx", weights, weights).reshape(9, -1)).reshape(
        6, len(rows), factor, factor
    )


def _between(factor: int) -> Floats:
    """(3, factor) float32: what the cell before, the cell itself and the next count in each of its pixels."""
    place = (np.arange(factor, dtype=np.float32) + 0.5) / factor - 0.5
    return np.stack([np.maximum(-place, 0), 1 - np.abs(place), np.maximum(place, 0)])
