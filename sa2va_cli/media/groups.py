"""A group of pictures that was decoded once and is held, to be given backwards; in a file where it is large.

Knows nothing about how it was decoded.
"""

import math
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from sa2va_cli.datatypes import Frame
from sa2va_cli.staging import require_temporary_folder

LONGEST_GROUP = 1_000
"""Frames that are held at once: 6 GB of 1080p in a temporary file. Encoders set key frames every 250 frames
at most, unless they are told otherwise."""

_IN_MEMORY = 1 << 28
"""Bytes of them that are kept in memory."""


@dataclass(frozen=True)
class _Held:
    """A frame of a group: what it is known by, and where its picture begins in the file."""

    index: int
    pts: int
    time_base: Fraction
    shape: tuple[int, ...]
    place: int


class Group:
    """Frames that follow each other, of each the RGB picture only.

    Attributes:
        stop: the ``Frame.index`` before which it ends.

    Args:
        frames: in order; those that cannot be decoded are left out.
        stop: see there.
    """

    def __init__(self, frames: Iterable[Frame], stop: int) -> None:
        self.stop = stop
        # Closed in close.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=require_temporary_folder())  # noqa: SIM115
        self._held: list[_Held] = []
        try:
            for frame in frames:
                place = self._file.tell()
                self._held.append(_Held(frame.index, frame.pts, frame.time_base, frame.image.shape, place))
                self._file.write(np.ascontiguousarray(frame.image).data)
        except BaseException:
            self._file.close()
            raise

    def backwards(self, start: int, stop: int) -> Iterator[Frame]:
        """The frames from one ``Frame.index`` to before another, from the last to the first."""
        for one in reversed(self._held):
            if start <= one.index < stop:
                self._file.seek(one.place)
                pixels = np.frombuffer(self._file.read(math.prod(one.shape)), np.uint8)
                yield Frame(one.index, one.pts, one.time_base, pixels.reshape(one.shape))

    def close(self) -> None:
        """Lets go of the pictures."""
        self._file.close()

    def __enter__(self) -> Self:
        """It is held."""
        return self

    def __exit__(self, *_: object) -> None:
        """It is gone."""
        self.close()
