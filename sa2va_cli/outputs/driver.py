"""The one place that drives sinks: gives each the objects and frames it needs, in one pass or two.

Knows nothing about where masks come from.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sa2va_cli.datatypes import FoundObject, FrameMasks, Sink
from sa2va_cli.events import Report, Saved
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.verification import verify


@dataclass
class _Seat:
    """A sink with the prompt whose objects it takes, and the frames it waits with."""

    sink: Sink
    prompt: int | None
    waiting: deque[FrameMasks] = field(default_factory=deque)
    frames: int = 0

    def take(self, masks: FrameMasks) -> None:
        """Writes the frame whose neighbours are complete now."""
        reach = self.sink.reach
        self.frames += 1
        if not reach:
            self.sink.write(masks)
            return
        self.waiting.append(masks)
        if len(self.waiting) > reach:
            self._write(len(self.waiting) - 1 - reach)
        if len(self.waiting) > 2 * reach:
            self.waiting.popleft()

    def flush(self) -> None:
        """Writes the frames at the end of the clip, which have fewer neighbours."""
        reach = self.sink.reach
        for place in range(max(0, len(self.waiting) - reach), len(self.waiting)):
            self._write(place)
        self.waiting.clear()

    def _write(self, place: int) -> None:
        reach, frames = self.sink.reach, list(self.waiting)
        self.sink.write(frames[place].among(frames[max(0, place - reach) : place + reach + 1]))


class Driver:
    """Opens a sink for each output; a context manager that finishes all of them, or none.

    Args:
        outputs: what is made.
        clip: the input.
        objects: what the rows of all masks are.
        report: is told about each output once it is finished.
        verify: whether each output is read again once it is finished, and removed where it is not as meant.
    """

    def __init__(
        self,
        outputs: Sequence[PlannedOutput],
        clip: Clip,
        objects: tuple[FoundObject, ...],
        report: Report,
        *,
        verify: bool = True,
    ) -> None:
        self._outputs = [output for output in outputs if KINDS[output.kind].make is not None]
        self._clip = clip
        self._objects = objects
        self._report = report
        self._verify = verify
        self._seats: list[_Seat] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Opens the sinks."""
        with ExitStack() as stack:
            for output in self._outputs:
                make = KINDS[output.kind].make
                assert make is not None  # noqa: S101
                sink = make(output.path, self._clip, self._of(output.prompt))
                seat = _Seat(sink, output.prompt)
                stack.push(self._ending(output, seat))
                stack.enter_context(sink)
                self._seats.append(seat)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the files, or removes them when ``kind`` is an exception."""
        self._stack.__exit__(kind, error, trace)

    def _of(self, prompt: int | None) -> tuple[FoundObject, ...]:
        return tuple(found for found in self._objects if prompt in (None, found.prompt.id))

    @property
    def needs_second_pass(self) -> bool:
        """Whether a sink has to see the whole clip before it writes."""
        return any(seat.sink.surveys for seat in self._seats)

    def write(self, masks: FrameMasks) -> None:
        """The first pass: sinks that write at once do, the others look."""
        for seat, part in self._parts(masks):
            if seat.sink.surveys:
                seat.sink.survey(part)
            else:
                seat.take(part)

    def end_first_pass(self) -> None:
        """Ends the first pass."""
        self._flush(lambda sink: not sink.surveys)

    def write_again(self, masks: FrameMasks) -> None:
        """The second pass, for sinks that have seen the clip."""
        for seat, part in self._parts(masks):
            if seat.sink.surveys:
                seat.take(part)

    def end_second_pass(self) -> None:
        """Ends the second pass."""
        self._flush(lambda sink: sink.surveys)

    def _flush(self, chosen: Callable[[Sink], bool]) -> None:
        for seat in self._seats:
            if chosen(seat.sink):
                seat.flush()

    def _parts(self, masks: FrameMasks) -> list[tuple[_Seat, FrameMasks]]:
        """The masks of each sink's objects; what is made at full resolution of one is that of all."""
        parts: dict[int | None, FrameMasks] = {None: masks}
        for seat in self._seats:
            if seat.prompt not in parts:
                rows = [k for k, found in enumerate(masks.objects) if found.prompt.id == seat.prompt]
                parts[seat.prompt] = masks.of(rows)
        return [(seat, parts[seat.prompt]) for seat in self._seats]

    def _ending(
        self, output: PlannedOutput, seat: _Seat
    ) -> Callable[[type[BaseException] | None, object, object], None]:
        """Verifies and tells about an output once its sink, which is closed first, has finished it."""

        def end(kind: type[BaseException] | None, *_: object) -> None:
            if kind is not None:
                return
            if self._verify:
                verify(output.path, seat.sink.meant, seat.frames)
            self._report(Saved(output.path))

        return end
