"""The one place that drives sinks: gives each the objects and frames it needs, in one pass or two.

Knows nothing about where masks come from.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sa2va_cli.datatypes import FoundObject, FrameMasks, Publication, Remark, Sink
from sa2va_cli.errors import Sa2VAError
from sa2va_cli.events import Report, Saved
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.drawing import Finish
from sa2va_cli.outputs.edges import Edges, Whose
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.tonemapping import tone_mapped
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
    """A sink with the prompt and the object whose masks it takes, what is done to these, waiting frames."""

    sink: Sink
    whose: Whose
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


def _is_of(found: FoundObject, whose: Whose) -> bool:
    prompt, number = whose
    return prompt in (None, found.prompt.id) and number in (None, found.id)


class Driver:
    """Opens a sink for each output; a context manager that removes all of them when the run fails.

    Where only the end of one output fails, the others are finished all the same.

    Args:
        outputs: what is made.
        clip: the input.
        objects: what the rows of all masks are.
        report: is told about each output once it is finished.
        verify: whether each output is read again before it gets its name, and removed where it is not as
            meant.
        replaces: whether an output takes the place of what is there when it is finished.
    """

    def __init__(
        self,
        outputs: Sequence[PlannedOutput],
        clip: Clip,
        objects: tuple[FoundObject, ...],
        report: Report,
        *,
        verify: bool,
        replaces: bool,
    ) -> None:
        self._outputs = [output for output in outputs if KINDS[output.kind].make is not None]
        self._clip = clip
        self._objects = objects
        self._report = report
        self._verify = verify
        self._replaces = replaces
        self._failure: Sa2VAError | None = None
        self._seats: list[_Seat] = []
        finishes = [KINDS[output.kind].finish for output in self._outputs]
        self._edges = Edges(clip.drawing, finishes)
        self._window = _Window(self._edges.reach)
        contents = [KINDS[output.kind].drawn(clip.drawing).content for output in self._outputs]
        self._finely = "alpha" in contents or any(one.form and one.form.is_exr for one in self._outputs)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Opens the sinks."""
        self._clip.check_tonemap()
        with ExitStack() as stack:
            for output in self._outputs:
                whose = output.prompt, output.object
                make = KINDS[output.kind].make
                assert make is not None  # noqa: S101
                clip = replace(self._clip, form=output.form)
                sink = make(output.path, clip, self._of(whose))
                finish, window = KINDS[output.kind].finish, _Window(sink.reach)
                seat = _Seat(sink, whose, finish, window)
                sink.publication = Publication(self._replaces, self._inspection(output, seat))
                sink.__enter__()
                stack.push(self._closing(output, sink))
                self._seats.append(seat)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the files, or removes them when ``kind`` is an exception.

        Raises:
            Sa2VAError: what went wrong with the first that could not be finished.
        """
        self._stack.__exit__(kind, error, trace)
        if self._failure is not None:
            raise self._failure

    def _of(self, whose: Whose) -> tuple[FoundObject, ...]:
        return tuple(found for found in self._objects if _is_of(found, whose))

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
        for one in self._window.take(self._edges.mended(self._seen(masks))):
            self._show(self._edges.steadied(one))

    def end_first_pass(self) -> None:
        """Ends the first pass."""
        for one in self._window.flush():
            self._show(self._edges.steadied(one))
        self._flush(surveying=False)

    def write_again(self, masks: FrameMasks) -> None:
        """The second pass, for sinks that have seen the clip."""
        for one in self._window.take(self._edges.mended(self._seen(masks))):
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

    def _seen(self, masks: FrameMasks) -> FrameMasks:
        """The masks on the picture that is drawn on."""
        if not self._clip.is_tone_mapped:
            return masks
        return tone_mapped(masks, finely=self._finely)

    def _flush(self, *, surveying: bool) -> None:
        for seat in self._seats:
            if seat.sink.surveys is surveying:
                seat.flush()
        self._edges.restart()

    def _parts(self, masks: FrameMasks, seats: Sequence[_Seat]) -> Iterator[tuple[_Seat, FrameMasks]]:
        """The masks of each sink's objects; what is made at full resolution of one is that of all."""
        parts: dict[Whose, FrameMasks] = {(None, None): masks}
        finished: dict[tuple[Whose, Finish], FrameMasks] = {}
        for seat in seats:
            if seat.whose not in parts:
                rows = [k for k, found in enumerate(masks.objects) if _is_of(found, seat.whose)]
                parts[seat.whose] = masks.of(rows)
            key = seat.whose, seat.finish
            if key not in finished:
                finished[key] = self._edges.finished(parts[seat.whose], seat.finish, seat.whose)
            yield seat, finished[key]

    def _inspection(self, output: PlannedOutput, seat: _Seat) -> Callable[[Path], None] | None:
        """What looks at an output before it gets its name."""
        if not self._verify:
            return None
        return lambda part: verify(part, output.path, seat.sink.meant, seat.frames)

    def _closing(
        self, output: PlannedOutput, sink: Sink
    ) -> Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], None]:
        """Closes a sink and tells about it; an error there is kept until the other sinks are finished."""

        def close(
            kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            try:
                sink.__exit__(kind, error, trace)
            except Sa2VAError as failure:
                if kind is not None:
                    raise
                self._failure = self._failure or failure
                return
            if kind is None:
                self._report(Saved(output.path))

        return close
