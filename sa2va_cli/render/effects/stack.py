"""Samples of what lies behind a thing, from several frames, and their median."""

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats, Pixels

_SAMPLES = 7
"""Of how many frames the median is taken."""


class Stack:
    """Samples of each pixel of a part of a picture, up to a number of them.

    Attributes:
        own: (h, w, 3) the picture there.
        lacking: (h, w) where more samples are wanted.
    """

    def __init__(self, own: Pixels, wanted: NDArray[np.bool_]) -> None:
        self.own = own
        self.lacking = wanted.copy()
        self._wanted = wanted
        self._rows, self._columns = np.nonzero(wanted)
        self._values = np.full((_SAMPLES, len(self._rows), 3), np.inf, np.float32)
        self._count = np.zeros(len(self._rows), np.int32)

    @property
    def is_full(self) -> bool:
        """Whether each pixel has its samples."""
        return bool((self._count >= _SAMPLES).all())

    def add(self, brought: Floats, shown: NDArray[np.bool_]) -> None:
        """Takes the samples of a frame, where it shows the background."""
        new = np.flatnonzero(shown[self._rows, self._columns] & (self._count < _SAMPLES))
        self._values[self._count[new], new] = brought[self._rows[new], self._columns[new]]
        self._count[new] += 1
        full = self._count >= _SAMPLES
        self.lacking[self._rows[full], self._columns[full]] = False

    def median(self) -> tuple[Pixels, NDArray[np.bool_]]:
        """The picture with the median where there are samples, and where it is known."""
        ordered = np.sort(self._values, axis=0)
        some = np.flatnonzero(self._count)
        count = self._count[some]
        middle = 0.5 * (ordered[(count - 1) // 2, some] + ordered[count // 2, some])
        filled = np.array(self.own)
        top = np.iinfo(filled.dtype).max
        filled[self._rows[some], self._columns[some]] = np.clip(np.rint(middle), 0, top).astype(filled.dtype)
        known = ~self._wanted
        known[self._rows[some], self._columns[some]] = True
        return filled, known
