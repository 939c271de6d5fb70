"""What a timeline shows: of every object on every frame how large and how sure its mask is.

A thread finds it out, frame by frame, and again where something has changed. Knows nothing about pictures.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Reason
from sa2va_cli.tracks.confidence import DOUBTFUL
from sa2va_cli.tracks.edits import EditedTracks
from sa2va_cli.tracks.review import DoubtfulRange, Review

REASONS: tuple[Reason, ...] = get_args(Reason)
MOST_BINS = 1024
"""Numbers in a strip: as many as a timeline has pixels, more or less."""

_AT_ONCE = 32
"""Frames between two looks at what has changed meanwhile."""

_TOLD_EVERY = 2_000
"""Frames between two words to those who look."""


@dataclass(eq=False)
class Facts:
    """What is known of one object, by frame.

    Attributes:
        confidence: 0..1; NaN where it is not known.
        area: part of the picture, 0..1; NaN where it is not known.
        reason: place in ``REASONS``.
    """

    confidence: NDArray[np.float32] = field(repr=False)
    area: NDArray[np.float32] = field(repr=False)
    reason: NDArray[np.uint8] = field(repr=False)

    @classmethod
    def unknown(cls, frames: int) -> "Facts":
        """Nothing is known yet."""
        nothing = np.full(frames, np.nan, np.float32)
        return cls(nothing, nothing.copy(), np.zeros(frames, np.uint8))


class Survey:
    """The facts of a clip.

    Args:
        frames: how many it has.
        tell: is called, from another thread, when there is news.
    """

    def __init__(self, frames: int, tell: Callable[[], None]) -> None:
        self._count = frames
        self._tell = tell
        self._facts: dict[int, Facts] = {}
        self._stale = np.zeros(frames, np.bool_)
        self._edited: EditedTracks | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def complete(self) -> bool:
        """Whether everything is known."""
        with self._changed:
            return self._edited is not None and not self._stale.any() and self._thread is None

    def wait(self, seconds: float) -> bool:
        """Waits until everything is known; says whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._stale.any() or self._closed, seconds)

    def look_at(self, edited: EditedTracks, first: int = 0, last: int | None = None) -> None:
        """Finds out about frames, anew where something is known already."""
        with self._changed:
            self._edited = edited
            self._stale[first : None if last is None else last + 1] = True
            for one in edited.things:
                self._facts.setdefault(one.found.id, Facts.unknown(self._count))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="sa2va-survey", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        with self._changed:
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        since = 0
        while True:
            with self._changed:
                stale = np.flatnonzero(self._stale)[:_AT_ONCE].tolist()
                if not stale or self._closed:
                    self._thread = None
                    self._changed.notify_all()
                    break
                self._stale[stale] = False
                edited = self._edited
            assert edited is not None  # noqa: S101  (nothing is stale before)
            for index in stale:
                self._note(edited, index)
            since += len(stale)
            if since >= _TOLD_EVERY:
                since = 0
                self._tell()
        self._tell()

    def _note(self, edited: EditedTracks, index: int) -> None:
        for facts in tuple(self._facts.values()):
            facts.confidence[index] = facts.area[index] = np.nan
        frame = edited[index]
        if frame is None:
            return
        try:
            one = frame.decoded(edited.header.objects)
        except ValueError:
            return
        threshold = edited.header.threshold
        known = one.evidence(threshold)
        cut = np.log(threshold / (1 - threshold))
        for row, found in enumerate(one.objects):
            facts = self._facts[found.id]
            facts.area[index] = np.count_nonzero(one.logits[row] > cut) / one.logits[row].size
            facts.confidence[index] = known.confidences[row]
            facts.reason[index] = REASONS.index(known.reasons[row])

    def of(self, number: int) -> Facts:
        """What is known of an object."""
        return self._facts.get(number) or Facts.unknown(self._count)

    @property
    def frames_per_bin(self) -> int:
        """How many frames one number of a strip stands for."""
        return max(1, -(-self._count // MOST_BINS))

    def strip(self, values: NDArray[np.float32], *, worst: bool) -> list[float | None]:
        """A number for each bin, the least or the mean one; None where nothing is known."""
        size = self.frames_per_bin
        rows = np.full((-(-self._count // size), size), np.nan, np.float32)
        rows.reshape(-1)[: self._count] = values
        known = ~np.isnan(rows)
        if worst:
            found = np.where(known, rows, np.inf).min(axis=1)
        else:
            found = np.where(known, rows, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        some = np.asarray(known.any(axis=1))
        return [
            round(float(one), 4) if there else None for one, there in zip(found, some.tolist(), strict=True)
        ]

    def visible(self, number: int) -> list[tuple[int, int]]:
        """From when to when an object is seen, both included."""
        return runs(np.nan_to_num(self.of(number).area) > 0)

    def ranges(self, objects: Sequence[FoundObject]) -> tuple[DoubtfulRange, ...]:
        """Which parts are worth a look, from frame to frame; their times are left at 0."""
        review = Review(tuple(objects))
        for row, found in enumerate(objects):
            facts = self.of(found.id)
            for index in np.flatnonzero(facts.confidence < DOUBTFUL).tolist():
                confidence, reason = float(facts.confidence[index]), REASONS[facts.reason[index]]
                review.note(row, index, index, 0.0, confidence, reason)
        return review.ranges()

    def needs_look(self, objects: Sequence[FoundObject]) -> float:
        """Part of the frames with an object that may be wrong, 0..1."""
        doubtful = np.zeros(self._count, np.bool_)
        for found in objects:
            doubtful |= self.of(found.id).confidence < DOUBTFUL
        return float(doubtful.mean()) if self._count else 0.0


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches in which something holds, by the first and the last place."""
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1]).tolist()
    return [(first, last - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]
