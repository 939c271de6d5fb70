"""Exact frame rates from times that a container has rounded.

Matroska and FLV count milliseconds, so 30000/1001 frames per second come as steps of 33 and 34. Where all
times lie on the grid of one rate within such a rounding, the grid was meant. Knows nothing about files.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

_NTSC = tuple(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 90, 120, 240))
_WHOLE = tuple(Fraction(whole) for whole in (*range(1, 31), 48, 50, 60, 72, 90, 100, 120, 144, 240))
STANDARD = (*_NTSC, *_WHOLE)
"""Frame rates that cameras and editors have."""

_SAME = Fraction(1, 50_000)
"""Relative difference up to which a stated rate is a standard one, rounded; NTSC differs by 1/1000."""

_FINEST_COARSE = Fraction(1, 500)
"""Only clocks at least this fine are taken to have rounded; coarser ones count frames."""

_FEW, _FEW_SHARE = 2, 20
"""So many steps, or one in so many, may differ from the commonest one that gives the rate."""

_SLACK = 1 + 1e-6
"""Units by which times may spread around a grid: rounding, in whichever direction, makes less than one."""


@dataclass(frozen=True)
class Grid:
    """Frames at whole multiples of one step.

    Attributes:
        rate: frames per second.
        start: seconds of the first frame.
        places: for each frame, steps from the first one, rising.
    """

    rate: Fraction
    start: Fraction
    places: NDArray[np.int64] = field(repr=False)

    @property
    def even(self) -> bool:
        """Whether no place is left out."""
        return int(self.places[-1]) == len(self.places) - 1

    @property
    def usual(self) -> bool:
        """Whether hardly a place is left out."""
        left_out = int((np.diff(self.places) != 1).sum())
        return left_out <= max(_FEW, len(self.places) // _FEW_SHARE)

    @property
    def unit(self) -> Fraction:
        """Seconds per unit of ``pts``: the largest that holds the start and the step."""
        return Fraction(1, lcm(self.start.denominator, self.rate.numerator))

    def pts(self, ordinal: int) -> int:
        """When a frame is shown, in ``unit``."""
        return int((self.start + int(self.places[ordinal]) / self.rate) / self.unit)

    def snapped(self, seconds: Fraction, time_base: Fraction) -> Fraction:
        """A duration as whole steps where it differs from them by a unit of the container's clock at most."""
        steps = max(1, round(seconds * self.rate))
        return steps / self.rate if abs(steps / self.rate - seconds) <= time_base else seconds


def standard(rate: Fraction) -> Fraction:
    """The standard rate that a stated one means; itself where it means none."""
    return next((known for known in STANDARD if abs(rate / known - 1) < _SAME), rate)


def rate_text(rate: Fraction) -> str:
    """A rate for people: ``25``, ``24000/1001 (23.976)``, ``12.5``."""
    if rate.denominator == 1:
        return str(rate.numerator)
    decimal = f"{float(rate):.3f}".rstrip("0").rstrip(".")
    return decimal if Fraction(decimal) == rate else f"{rate.numerator}/{rate.denominator} ({decimal})"


def find_grid(stamps: Sequence[int], time_base: Fraction, stated: Sequence[Fraction]) -> Grid | None:
    """The grid on which all times lie within their rounding.

    Args:
        stamps: rising times.
        time_base: seconds per unit of them.
        stated: rates that the container states, the most trusted one first.

    Returns:
        The grid; None where times are exact already, too coarse to tell, or lie on none.
    """
    if len(stamps) < 3:
        return None
    times = np.subtract(np.asarray(stamps, np.int64), stamps[0])
    # Milliseconds that were copied into an MP4 are still milliseconds, whatever its own unit.
    unit = int(np.gcd.reduce(times))
    times, clock = times // unit, unit * time_base
    if clock > _FINEST_COARSE:
        return None
    typical = _commonest_step(times)
    stated = [standard(rate) for rate in stated]
    near = [rate for rate in STANDARD if abs(float(rate * clock) * typical - 1) < 0.5 / typical + 0.002]
    fits = [
        ((rate not in STANDARD, rate not in stated, spread), rate, places)
        for rate in dict.fromkeys([*stated, *near])
        if (found := _places(times, float(1 / (rate * clock)))) is not None
        for places, spread in [found]
    ]
    if not fits:
        return None
    _, rate, places = min(fits, key=lambda fit: fit[0])
    step = 1 / (rate * clock)
    if step.denominator == 1 and not np.any(times - places * int(step)):
        return None  # exact already
    return Grid(rate, stamps[0] * time_base, places)


def commonest_rate(stamps: Sequence[int], time_base: Fraction, stated: Sequence[Fraction]) -> Fraction | None:
    """The rate of the commonest step, where all but a few frames keep it; None where rates vary."""
    steps = np.diff(np.asarray(stamps, np.int64))
    typical = _commonest_step(steps.cumsum())
    usual = np.abs(np.subtract(steps, typical)) <= 1
    others = len(steps) - int(usual.sum())
    few = max(_FEW, len(steps) // _FEW_SHARE)
    if others > few or others >= len(steps) / 2:
        return None
    exact, count = Counter(steps.tolist()).most_common(1)[0]
    if count >= len(steps) - few:  # what differs by a unit is no rounding
        usual = steps == exact
    measured = 1 / (Fraction(int(steps[usual].sum()), int(usual.sum())) * time_base)
    close = [standard(rate) for rate in stated if abs(rate / measured - 1) < Fraction(1, 500)]
    return next((rate for rate in close if rate in STANDARD), close[0] if close else standard(measured))


def _commonest_step(times: NDArray[np.int64]) -> float:
    """The mean of the commonest step and its neighbours, in units."""
    steps = np.diff(times, prepend=0)
    steps = steps[steps > 0]
    counts = Counter(steps.tolist())
    middle = max(counts, key=lambda step: sum(counts[step + off] for off in (-1, 0, 1)))
    return float(steps[np.abs(steps - middle) <= 1].mean())


def _places(times: NDArray[np.int64], step: float) -> tuple[NDArray[np.int64], float] | None:
    """The places of times on a grid, and how far they spread around it; None where they do not lie on it."""
    places = np.rint(times / step).astype(np.int64)
    spread = float(np.ptp(times - places * step))
    jumps = np.diff(places)
    if spread > _SLACK or np.any(jumps < 1) or int((jumps == 1).sum()) * 2 < len(jumps):
        return None
    return places, spread
