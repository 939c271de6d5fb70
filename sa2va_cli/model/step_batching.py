"""Several clips on a few cores: who computes next, and next frames of clips in one call of the network.

Each clip is followed in a thread of its own, with another that encodes its pictures. Both ask here for their
turn, so that no more calls of the network run at once than there are cores. Whenever one ends, the next
frames of several clips are done in one call by one of their threads if enough of them wait; else pictures are
encoded; else the frames that wait are done, however few. So no core waits for a clip that is slow, has ended,
or is looked at by the language model. Clips share nothing else: each has its own memory, and its own error if
there is one.

On a processor, a clip comes out as by itself, to the bit. How torch orders its sums is its own affair, so the
first call of each size is done both ways; where they differ, clips are followed apart from then on.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from sa2va_cli.model.sam2_maps import DecodedMasks
from sa2va_cli.model.tracker import Step, Tracker, TrackerMemory

IN_STEP = 3
"""Clips in one call. With the demo network in bfloat16, on a processor, a frame of one object takes 26 ms of
processor time alone, 20 as one of two, 18 of three and of four; and calls of three are full more often than
calls of four (docs/history/performance.md)."""

_WAKE_SECONDS = 1.0
"""How often a waiting thread looks up; notifications wake it at once."""

Stepped = tuple[DecodedMasks, TrackerMemory]
"""What ``Tracker.step`` returns."""


@dataclass(eq=False)
class _Request:
    """A frame that is handed in, and what comes of it."""

    step: Step
    result: Stepped | Exception | None = None


class StepBatcher:
    """Follows objects of clips in threads; any number of clips may come and go.

    Args:
        tracker: steps them.
        calls: how many calls of the network may run at once.
    """

    def __init__(self, tracker: Tracker, calls: int = 1) -> None:
        self._tracker, self._free = tracker, calls
        self._changed = threading.Condition()
        self._waiting: list[_Request] = []
        self._encoding: list[object] = []
        self._proven: set[tuple[int, int]] = set()
        self._apart = False

    @property
    def waiting(self) -> int:
        """How many frames and pictures wait for their turn."""
        return len(self._waiting) + len(self._encoding)

    @contextmanager
    def encoding(self) -> Generator[None, None, None]:
        """Waits for a turn to encode pictures; entered while they are."""
        turn = object()
        with self._changed:
            self._encoding.append(turn)
            while not (self._free and self._encoding[0] is turn and len(self._waiting) < IN_STEP):
                self._changed.wait(_WAKE_SECONDS)
            self._encoding.remove(turn)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            self._give_back()

    def step(self, step: Step) -> Stepped:
        """Tracks the objects of one clip into its next frame, maybe together with others'.

        Raises:
            Exception: what ``Tracker.step`` raises for this clip.
        """
        request = _Request(step)
        with self._changed:
            self._waiting.append(request)
        while request.result is None:
            self._do(self._next(request))
        if isinstance(request.result, Exception):
            raise request.result
        return request.result

    def _next(self, request: _Request) -> list[_Request]:
        """Waits until there is a call to make, or this request is done: then there is none."""
        with self._changed:
            while request.result is None:
                many = len(self._waiting) >= IN_STEP
                if self._free and request in self._waiting and (many or not self._encoding):
                    self._free -= 1
                    self._changed.notify_all()  # there may be a turn for somebody else
                    return self._taken()
                self._changed.wait(_WAKE_SECONDS)
        return []

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def _taken(self) -> list[_Request]:
        """Takes the frames that have waited longest, of clips that are followed by the same rules."""
        pointed = self._waiting[0].step.memory.pointed
        alike = [one for one in self._waiting if one.step.memory.pointed == pointed]
        taken = alike[: 1 if self._apart else IN_STEP]
        self._waiting = [one for one in self._waiting if one not in taken]
        return taken

    def _do(self, taken: list[_Request]) -> None:
        if not taken:
            return
        results: Sequence[Stepped | Exception] = ()
        try:
            results = self._stepped([one.step for one in taken])
        finally:
            for number, one in enumerate(taken):
                one.result = results[number] if results else RuntimeError("the call was cut off")
            self._give_back()

    def _stepped(self, steps: Sequence[Step]) -> Sequence[Stepped | Exception]:
        """Does them in one call, or else each by itself, so that an error is that of one clip alone."""
        if len(steps) == 1:
            return [self._alone(steps[0])]
        size = len(steps), sum(one.memory.objects for one in steps)
        try:
            together = self._tracker.step_together(steps)
        except Exception:
            return [self._alone(one) for one in steps]
        if size in self._proven:
            return together
        alone = [self._alone(one) for one in steps]
        if all(map(_are_same, together, alone)):
            self._proven.add(size)
        else:
            self._apart = True
        return alone

    def _alone(self, step: Step) -> Stepped | Exception:
        try:
            return self._tracker.step(step.index, step.features, step.memory)
        except Exception as error:
            return error


def _are_same(one: Stepped, other: Stepped | Exception) -> bool:
    """Whether a frame came out the same, to the bit."""
    if isinstance(other, Exception):
        return False
    (decoded, memory), (again, after) = one, other
    latest, newer = memory.recent[-1], after.recent[-1]
    pairs = (
        (decoded.candidates, again.candidates),
        (decoded.ious, again.ious),
        (decoded.score_logits, again.score_logits),
        (latest.pointers, newer.pointers),
        (latest.features, newer.features),
    )
    return all(torch.equal(first, second) for first, second in pairs)
