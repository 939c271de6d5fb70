"""The one place that drives sinks: gives each the objects and frames it needs, in one pass or two.

Knows nothing about where masks come from.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from sa2va_cli.datatypes import FoundObject, FrameMasks, Remark, Sink
from sa2va_cli.events import Report, Saved
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.drawing import Finish
from sa2va_cli.outputs.edges import Edges
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.verification import verify


class _Window:
    """Holds frames back until their neighbours are there.

    Args:
        reach: how many before and after each are wanted.
    """

    def __init__(self, reach: int) -> None:
        self._reach = reach
        self._waiting: deque[FrameMasks] = deque()

    def take(self, masks: FrameMasks) -> Iterator[FrameMasks]:
        """Gives the frame whose neighbours are complete now."""
        if not self._reach:
            yield masks
            return
        self._waiting.append(masks)
        if len(self._waiting) > self._reach:
            yield self._among(len(self._waiting) - 1 - self._reach)
        if len(self._waiting) > 2 * self._reach:
            self._waiting.popleft()

    def flush(self) -> Iterator[FrameMasks]:
        """Gives the frames at the end of the clip, which have fewer neighbours."""
        for place in range(max(0, len(self._waiting) - self._reach), len(self._waiting)):
            yield self._among(place)
        self._waiting.clear()

    def _among(self, place: int) -> FrameMasks:
        frames = list(self._waiting)
        return frames[place].among(frames[max(0, place - self._reach) : place + self._reach + 1])


@dataclass
class _Seat:
    """A sink with the prompt whose objects it takes, what is done to their masks, and waiting frames."""

    sink: Sink
    prompt: int | None
    finish: Finish
    window: _Window
    frames: int = 0

    def take(self, masks: FrameMasks) -> None:
        """Writes the frame whose neighbours are complete now."""
        self.frames += 1
        for one in self.window.take(masks):
            self.sink.write(one)

    def flush(self) -> None:
        """Writes the frames at the end of the clip."""
        for one in self.window.flush():
            self.sink.write(one)


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
        finishes = [KINDS[output.kind].finish for output in self._outputs]
        self._edges = Edges(clip.drawing, finishes)
        self._window = _Window(self._edges.reach)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Opens the sinks."""
        with ExitStack() as stack:
            for output in self._outputs:
                make = KINDS[output.kind].make
                assert make is not None  # noqa: S101
                clip = replace(self._clip, form=output.form)
                sink = make(output.path, clip, self._of(output.prompt))
                finish, window = KINDS[output.kind].finish, _Window(sink.reach)
                seat = _Seat(sink, output.prompt, finish, window)
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
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at in the outputs, so far."""
        return tuple(one for seat in self._seats for one in seat.sink.remarks)

    @property
    def needs_second_pass(self) -> bool:
        """Whether a sink has to see the whole clip before it writes."""
        return any(seat.sink.surveys for seat in self._seats)

    def write(self, masks: FrameMasks) -> None:
        """The first pass: sinks that write at once do, the others look."""
        for one in self._window.take(self._edges.mended(masks)):
            self._show(self._edges.steadied(one))

    def end_first_pass(self) -> None:
        """Ends the first pass."""
        for one in self._window.flush():
            self._show(self._edges.steadied(one))
        self._flush(surveying=False)

    def write_again(self, masks: FrameMasks) -> None:
        """The second pass, for sinks that have seen the clip."""
        for one in self._window.take(self._edges.mended(masks)):
            self._show_again(self._edges.steadied(one))

    def end_second_pass(self) -> None:
        """Ends the second pass."""
        for one in self._window.flush():
            self._show_again(self._edges.steadied(one))
        self._flush(surveying=True)

    def _show(self, masks: FrameMasks) -> None:
        for seat, part in self._parts(masks, self._seats):
            if seat.sink.surveys:
                seat.sink.survey(part)
            else:
                seat.take(part)

    def _show_again(self, masks: FrameMasks) -> None:
        for seat, part in self._parts(masks, [seat for seat in self._seats if seat.sink.surveys]):
            seat.take(part)

    def _flush(self, *, surveying: bool) -> None:
        for seat in self._seats:
            if seat.sink.surveys is surveying:
                seat.flush()
        self._edges.restart()

    def _parts(self, masks: FrameMasks, seats: Sequence[_Seat]) -> Iterator[tuple[_Seat, FrameMasks]]:
        """The masks of each sink's objects; what is made at full resolution of one is that of all."""
        parts: dict[int | None, FrameMasks] = {None: masks}
        finished: dict[tuple[int | None, Finish], FrameMasks] = {}
        for seat in seats:
            if seat.prompt not in parts:
                rows = [k for k, found in enumerate(masks.objects) if found.prompt.id == seat.prompt]
                parts[seat.prompt] = masks.of(rows)
            key = seat.prompt, seat.finish
            if key not in finished:
                finished[key] = self._edges.finished(parts[seat.prompt], seat.finish, seat.prompt)
            yield seat, finished[key]

    def _ending(
        self, output: PlannedOutput, seat: _Seat
    ) -> Callable[[type[BaseException] | None, object, object], None]:
        """Verifies and tells about an output once its sink, which is closed first, has finished it."""

        def end(kind: type[BaseException] | None, *_: object) -> None:
            if kind is not None:
                return
            if self._verify and not output.is_stream:
                verify(output.path, seat.sink.meant, seat.frames)
            self._report(Saved(output.path))

        return end
