"""Next frames of several clips in one call of the network: dynamic batching.

Each clip is followed in a thread of its own, which hands in its next frame here. When all clips have, or
enough, or the first has waited long enough, one of the threads does them all, and each goes on with its own.
So nothing waits for long for a clip that has ended, failed or is looked at by the language model. Clips share
nothing else: each has its own memory, and its own error if there is one.

On a processor, a clip comes out as by itself, to the bit. How torch orders its sums is its own affair, so the
first call of each size is done both ways; where they differ, clips are followed apart from then on.
"""

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from sa2va_cli.model.sam2 import DecodedMasks
from sa2va_cli.model.tracker import Step, Tracker, TrackerMemory

IN_STEP = 4
"""Clips in one call. With the demo network in bfloat16, on a processor, a frame of one object takes 26 ms of
processor time alone, 20 as one of two, 18 of three and of four (docs/history/performance.md)."""

PATIENCE_SECONDS = 0.05
"""How long a frame waits for those of other clips: less than a call takes."""

_WAKE_SECONDS = 1.0

Stepped = tuple[DecodedMasks, TrackerMemory]
"""What ``Tracker.step`` returns."""


@dataclass(eq=False)
class _Request:
    """A frame that is handed in, and what comes of it."""

    step: Step
    since: float = field(default_factory=time.monotonic)
    result: Stepped | Exception | None = None


class StepBatcher:
    """Follows objects of clips in threads; any number of clips may come and go.

    Args:
        tracker: steps them.
        calls: how many calls of the network may run at once.
        patience: how many seconds a frame waits for others at most.
    """

    def __init__(self, tracker: Tracker, calls: int = 1, patience: float = PATIENCE_SECONDS) -> None:
        self._tracker, self._calls, self._patience = tracker, calls, patience
        self._changed = threading.Condition()
        self._clips = 0
        self._waiting: list[_Request] = []
        self._running: list[list[_Request]] = []
        self._proven: set[tuple[int, int]] = set()
        self._apart = False

    @contextmanager
    def clip(self) -> Generator[None, None, None]:
        """Entered while a clip is followed; only then are others' frames held back for its next."""
        with self._changed:
            self._clips += 1
        try:
            yield
        finally:
            with self._changed:
                self._clips -= 1
                self._changed.notify_all()

    def step(self, step: Step) -> Stepped:
        """Tracks the objects of one clip into its next frame, maybe together with others'.

        Raises:
            Exception: what ``Tracker.step`` raises for this clip.
        """
        if self._apart:
            return self._tracker.step(step.index, step.features, step.memory)
        request = _Request(step)
        with self._changed:
            self._waiting.append(request)
            self._changed.notify_all()
        while request.result is None:
            self._do(self._next(request))
        if isinstance(request.result, Exception):
            raise request.result
        return request.result

    def _next(self, request: _Request) -> list[_Request]:
        """Waits until there is a call to make, or this request is done: then there is none."""
        with self._changed:
            while request.result is None:
                if request in self._waiting and self._is_due():
                    return self._taken()
                self._changed.wait(self._wait_seconds())
        return []

    def _is_due(self) -> bool:
        if len(self._running) >= self._calls:
            return False
        others = self._clips - sum(map(len, self._running))
        first = self._waiting[0]
        return len(self._waiting) >= min(IN_STEP, others) or self._seconds_left(first) <= 0

    def _wait_seconds(self) -> float:
        if not self._waiting or len(self._running) >= self._calls:
            return _WAKE_SECONDS
        return max(0.0, self._seconds_left(self._waiting[0]))

    def _seconds_left(self, request: _Request) -> float:
        return request.since + self._patience - time.monotonic()

    def _taken(self) -> list[_Request]:
        """Takes the frames that have waited longest, of clips that are followed by the same rules."""
        pointed = self._waiting[0].step.memory.pointed
        alike = [one for one in self._waiting if one.step.memory.pointed == pointed]
        taken = alike[:IN_STEP]
        self._waiting = [one for one in self._waiting if one not in taken]
        self._running.append(taken)
        return taken

    def _do(self, taken: list[_Request]) -> None:
        if not taken:
            return
        results: Sequence[Stepped | Exception] = ()
        try:
            results = self._stepped([one.step for one in taken])
        finally:
            with self._changed:
                self._running.remove(taken)
                for number, one in enumerate(taken):
                    one.result = results[number] if results else RuntimeError("the call was cut off")
                self._changed.notify_all()

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
