"""Pictures that a program already holds in memory, as a source like any other."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB, Frame
from sa2va_cli.errors import InputError
from sa2va_cli.media.source import DEFAULT_RATE, SourceInfo

TIME_BASE = Fraction(1, 1_000_000)
"""Seconds per unit of time of pictures that come with times of their own."""


def frames_of(images: Iterable[NDArray[np.uint8]], times: Iterable[float] | None = None) -> Iterator[Frame]:
    """Makes frames of arrays, one at a time.

    Args:
        images: (H, W, 3) uint8 RGB, all of one size.
        times: seconds of each, rising; None for 24 pictures per second.

    Raises:
        InputError: a picture is of another kind or size, a time does not come after the one before, or there
            are fewer times than pictures.
    """
    size: tuple[int, ...] | None = None
    moments = None if times is None else iter(times)
    last: int | None = None
    for index, image in zip(count(), images, strict=False):
        _check(index, image, size)
        size = image.shape
        if moments is None:
            yield Frame(index, index, 1 / DEFAULT_RATE, image)
            continue
        seconds = next(moments, None)
        if seconds is None:
            raise InputError(f"frame {index} has no time; give one for each frame, or none at all")
        pts = round(Fraction(seconds) / TIME_BASE)
        if last is not None and pts <= last:
            raise InputError(f"the time of frame {index}, {seconds} s, does not come after the one before")
        last = pts
        yield Frame(index, pts, TIME_BASE, image)


def _check(index: int, image: RGB, size: tuple[int, ...] | None) -> None:
    shape, kind = getattr(image, "shape", None), getattr(image, "dtype", None)
    if kind != np.uint8 or shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        given = type(image).__name__ if shape is None else f"{shape} {kind}"
        raise InputError(f"frame {index} is {given}; frames are (H, W, 3) arrays of uint8, red first")
    if size is not None and shape != size:
        raise InputError(f"frame {index} is {shape}, and those before are {size}; all must have one size")


class ArraySource:
    """A sequence of arrays, which can be looked at in any order.

    Args:
        images: (H, W, 3) uint8 RGB, all of one size; or one (T, H, W, 3) array.
        times: seconds of each, rising; None for 24 pictures per second.

    Raises:
        InputError: there is none, or they are no pictures.
    """

    def __init__(self, images: Sequence[RGB], times: Sequence[float] | None = None) -> None:
        if not len(images):
            raise InputError("there are no frames")
        self._frames = list(frames_of(images, times))
        self._stamps = [frame.pts for frame in self._frames]
        first = self._frames[0]
        steps = np.diff(self._stamps)
        step = Fraction(int(np.median(steps)) if len(steps) else 1) * first.time_base
        rate = 1 / step if times is not None and len(steps) else DEFAULT_RATE
        self._info = SourceInfo(
            path=Path("frames"),
            kind="video",
            size=first.size,
            frames=len(self._frames),
            rate=rate,
            time_base=first.time_base,
            duration_seconds=float((self._stamps[-1] - self._stamps[0]) * first.time_base + 1 / rate),
            start_seconds=first.pts * first.time_base,
        )

    @property
    def info(self) -> SourceInfo:
        """The description."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """There is nothing that could be odd."""
        return []

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first picture at or after a time, counted from the first picture's time."""
        return bisect_left(self._stamps, self._stamps[0] + seconds / self._info.time_base)

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a picture."""
        return self._stamps[ordinal] * self._info.time_base

    def group_start(self, ordinal: int) -> int:
        """The picture itself."""
        return ordinal

    def check(self, ordinals: range) -> None:
        """All have been looked at."""

    def files(self, ordinals: range) -> tuple[Path, ...]:  # noqa: ARG002
        """There are none."""
        return ()

    def pictures(self, ordinals: range) -> Iterator[Frame]:
        """The wanted pictures in order."""
        return (self._frames[ordinal] for ordinal in ordinals)

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single pictures, by ascending ordinal."""
        return (self._frames[ordinal] for ordinal in sorted(set(ordinals)))
