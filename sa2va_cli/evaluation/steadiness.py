"""How steady masks are: what changes for a single frame and is undone on the next one.

A second difference, x[t-1] - 2 x[t] + x[t+1], is zero for what stays and for what changes evenly, and large
where one frame stands out from its two neighbours. It is taken of a mask's area and of where its boundary
lies. Knows nothing about networks or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]
Series = NDArray[np.float64]

REACH = 20.0
"""Pixels after which a boundary counts as gone: how far it went no longer matters."""

LEAST_AREA = 200
"""Pixels; smaller objects change by a large part of themselves whatever is done."""

EVEN_AREA = 0.02
"""Second difference of an object's true area, as a part of it, up to which it is steady."""

EVEN_BOUNDARY = 1.0
"""Mean second difference of an object's true boundary in pixels, up to which it is steady."""

NEIGHBOURS = 6
"""How many frames on either side of a keyframe it is compared with."""


def area_jumps(masks: Masks) -> Series:
    """Absolute second difference of the area, as a part of it; (T,), 0 at both ends.

    Args:
        masks: (T, H, W) bool, one object.
    """
    areas = masks.sum(axis=(1, 2)).astype(np.float64)
    jumps = np.zeros(len(areas))
    jumps[1:-1] = np.abs(areas[:-2] - 2 * areas[1:-1] + areas[2:]) / np.maximum(areas[1:-1], 1)
    return jumps


def boundary_jumps(masks: Masks) -> Series:
    """Mean absolute second difference of the distance to the boundary, in pixels, over the boundary; (T,).

    Args:
        masks: (T, H, W) bool, one object.

    Returns:
        0 at both ends, and where there is no boundary.
    """
    jumps = np.zeros(len(masks))
    distances = [_signed_distance(mask) for mask in _cropped(masks)]
    for t in range(1, len(masks) - 1):
        change = np.abs(distances[t - 1] - 2 * distances[t] + distances[t + 1])
        boundary = np.abs(distances[t]) < 1
        jumps[t] = change[boundary].mean() if boundary.any() else 0.0
    return jumps


def _cropped(masks: Masks) -> Masks:
    """Where any of the masks is set, and as far around as distances are told apart."""
    either: Masks = np.logical_or.reduce(masks)
    rows, columns = np.flatnonzero(either.any(1)), np.flatnonzero(either.any(0))
    if not len(rows):
        return masks
    margin = int(REACH) + 1
    box = tuple(slice(max(int(k[0]) - margin, 0), int(k[-1]) + margin + 1) for k in (rows, columns))
    return masks[:, box[0], box[1]]


def _signed_distance(mask: Masks) -> NDArray[np.float32]:
    """Pixels to the boundary, which runs between pixels; positive within the mask, at most ``REACH``."""
    inside = mask.astype(np.uint8)
    within, without = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (inside, 1 - inside))
    return np.asarray(np.clip(np.where(mask, within - 0.5, 0.5 - without), -REACH, REACH), np.float32)


@dataclass(frozen=True)
class Steadiness:
    """One keyframe of one object that is steady in truth, beside the frames around it.

    Attributes:
        area: jump of the area on the keyframe.
        area_around: mean of that on frames around it that are no keyframes' neighbours.
        boundary: jump of the boundary on the keyframe.
        boundary_around: likewise.
    """

    area: float
    area_around: float
    boundary: float
    boundary_around: float


@dataclass(frozen=True, eq=False)
class Jumps:
    """Jumps of one object through a clip.

    Attributes:
        area: see ``area_jumps``.
        boundary: see ``boundary_jumps``.
    """

    area: Series = field(repr=False)
    boundary: Series = field(repr=False)

    @classmethod
    def of(cls, masks: Masks) -> "Jumps":
        """Of masks (T, H, W)."""
        return cls(area_jumps(masks), boundary_jumps(masks))

    def at(self, keyframe: int, around: Sequence[int]) -> Steadiness:
        """Compares a keyframe with frames around it."""
        places = list(around)
        return Steadiness(
            float(self.area[keyframe]),
            float(self.area[places].mean()),
            float(self.boundary[keyframe]),
            float(self.boundary[places].mean()),
        )


def steady_places(
    truth: Masks, found: NDArray[np.bool_], keyframes: Sequence[int]
) -> dict[int, tuple[int, ...]]:
    """Keyframes on which an object is steady, and the frames around each that it is compared with.

    Args:
        truth: (T, H, W) bool, where the object is.
        found: (T,) bool, on which frames it was found.
        keyframes: their indices; those at the ends of the clip have no two neighbours and do not count.

    Returns:
        For each keyframe that counts at least three frames, none of which is next to a keyframe.
    """
    jumps, large = Jumps.of(truth), truth.sum(axis=(1, 2)) >= LEAST_AREA
    even = (jumps.area <= EVEN_AREA) & (jumps.boundary <= EVEN_BOUNDARY)
    usable = large & found
    steady = {t for t in range(1, len(truth) - 1) if even[t] and usable[t - 1 : t + 2].all()}
    apart = {t for t in steady if not any(abs(t - k) < 2 for k in keyframes)}
    places = {
        k: tuple(sorted(t for t in apart if abs(t - k) <= NEIGHBOURS)) for k in keyframes if k in steady
    }
    return {k: around for k, around in places.items() if len(around) >= 3}
