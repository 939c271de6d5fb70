"""How a running batch is shown: bars on a terminal, lines elsewhere, JSON Lines for programs."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sa2va_cli.batch.progress import BatchEvent, BatchResult, Counted, JobBegan, JobEnded, JobTold
from sa2va_cli.errors import on_command_line
from sa2va_cli.events import Notice, Progress, Saved

if TYPE_CHECKING:
    from rich.progress import TaskID

    from sa2va_cli.commands.console import Console

_PROGRESS_SECONDS = 1.0
"""How often progress of a clip is told to programs."""

_LINE_SECONDS = 10.0
"""How often the whole is told on lines."""

_MOST_RANGES = 8

_NAME_CELLS, _BAR_CELLS = 28, 16
"""Columns of a terminal: what is told behind them has some 34 of 80."""


class Show(Protocol):
    """Shows a batch."""

    def tell(self, event: BatchEvent) -> None:
        """Takes what happens."""
        ...

    def end(self, result: BatchResult) -> None:
        """Takes what it came to."""
        ...


@contextmanager
def showing(console: "Console", *, as_json: bool) -> Generator[Show, None, None]:
    """Chooses how a batch is shown."""
    if as_json:
        yield Events(console)
    elif console.is_terminal and not console.quiet:
        with bars(console) as shown:
            yield shown
    else:
        yield Lines(console)


def _now() -> float:
    return time.monotonic()


def _counts(progress: Progress) -> bool:
    """Whether frames of the clip are being done, and not looked at or fetched before."""
    return progress.total > 0 and progress.unit == Progress.unit and not progress.looks_ahead


@dataclass
class Rate:
    """How far a batch is and how long it will take, measured since it began.

    Attributes:
        total: jobs to be done in this run.
        ended: how many of them are over.
    """

    total: int = 0
    ended: int = 0
    _parts: dict[str, float] = field(default_factory=dict)
    _failed: int = 0
    _since: float = field(default_factory=_now)

    def tell(self, event: BatchEvent) -> None:
        """Takes what happens."""
        if isinstance(event, Counted):
            self.total = event.waiting + self.ended + len(self._parts)
        elif isinstance(event, JobBegan):
            self._parts[event.key] = 0.0
        elif isinstance(event, JobEnded):
            self._parts.pop(event.key, None)
            self.ended += 1
            self._failed += event.outcome.state == "failed"
        elif isinstance(event, JobTold) and isinstance(event.event, Progress) and _counts(event.event):
            part = event.event.done / event.event.total  # what needs the whole clip goes through it again
            self._parts[event.key] = max(part, self._parts.get(event.key, 0.0))

    @property
    def done(self) -> float:
        """Jobs that are over, with the parts of those at work."""
        return self.ended + sum(self._parts.values())

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the rate of what did not fail; None where nothing tells it."""
        worked = self.done - self._failed
        if worked <= 0:
            return None
        return (time.monotonic() - self._since) * (self.total - self.done) / worked


class Events:
    """One JSON object a line on standard output: every change, and progress each second.

    Args:
        console: prints.
    """

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._rate = Rate()
        self._last: dict[str, tuple[str, float]] = {}

    def tell(self, event: BatchEvent) -> None:
        """Takes what happens."""
        self._rate.tell(event)
        facts = self._facts(event)
        if facts is not None:
            self._write(facts)

    def end(self, result: BatchResult) -> None:
        """Takes what it came to."""
        self._write({"event": "summary", **summary_facts(result)})

    def _write(self, facts: dict[str, Any]) -> None:
        self._console.answer(json.dumps(facts, default=str).encode("ascii", "replace").decode())

    def _facts(self, event: BatchEvent) -> dict[str, Any] | None:
        if isinstance(event, Counted):
            known = {"total": event.total, "done_before": event.done_before, "waiting": event.waiting}
            return {"event": "jobs", **known}
        if isinstance(event, Notice):
            return {"event": "notice", "level": event.level, "text": on_command_line(event.text)}
        facts: dict[str, Any] | None
        if isinstance(event, JobBegan):
            facts = {"event": "began", "input": event.source, "kind": event.kind, "reason": event.reason}
        elif isinstance(event, JobEnded):
            self._last.pop(event.key, None)
            facts = _ended_facts(event)
        else:
            facts = self._told_facts(event)
        return facts | {"part": event.part} if facts and event.part else facts

    def _told_facts(self, told: JobTold) -> dict[str, Any] | None:
        event = told.event
        if isinstance(event, Saved):
            return {"event": "saved", "input": told.source, "path": str(event.path)}
        if isinstance(event, Notice):
            if event.level == "detail":
                return None
            text = on_command_line(event.text)
            return {"event": "notice", "input": told.source, "level": event.level, "text": text}
        stage, last = self._last.get(told.key, ("", 0.0))
        now = time.monotonic()
        if stage == event.stage and now - last < _PROGRESS_SECONDS:
            return None
        self._last[told.key] = event.stage, now
        left = self._rate.seconds_left
        return {
            "event": "progress",
            "input": told.source,
            "stage": event.stage,
            "done": event.done,
            "total": event.total,
            "seconds_left": None if left is None else round(left, 1),
        }


def _ended_facts(event: JobEnded) -> dict[str, Any]:
    outcome = event.outcome
    name = {"pending": "stopped"}.get(outcome.state, outcome.state)
    facts: dict[str, Any] = {"event": name, "input": event.source}
    if outcome.state == "failed":
        return facts | {"code": outcome.code, "error": outcome.error}
    if outcome.state == "pending":
        return facts
    return facts | {
        "frames": outcome.frames,
        "seconds": round(outcome.seconds, 3),
        "files": list(outcome.outputs),
        "warnings": [on_command_line(text) for text in outcome.warnings],
        "look_at": list(outcome.look_at),
    }


def summary_facts(result: BatchResult) -> dict[str, Any]:
    """Describes what a batch came to."""
    return {
        "state": str(result.state),
        "total": result.total,
        "done": result.done,
        "skipped": result.skipped,
        "failed": result.failed,
        "left": result.left,
        "frames": result.frames,
        "seconds": round(result.seconds, 3),
        "clip_seconds": round(result.clip_seconds, 3),
        "clip_seconds_per_second": round(result.clip_seconds / max(result.seconds, 1e-6), 3),
        "failures": [{"input": source, "error": text} for source, text in result.failures],
        "look_at": [{"input": source, "range": text} for source, text in result.look_at],
        "exposed": list(result.exposed),
        "interrupted": result.interrupted,
    }


class Lines:
    """A line for each job that ends, and for the whole now and then.

    Args:
        console: prints; a quiet one nothing but errors.
    """

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._rate = Rate()
        self._last = time.monotonic()

    def tell(self, event: BatchEvent) -> None:
        """Takes what happens."""
        self._rate.tell(event)
        tell_plainly(event, self._console)
        now = time.monotonic()
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self._console.note(whole(self._rate))

    def end(self, result: BatchResult) -> None:
        """Takes what it came to."""
        tell_result(result, self._console)


def whole(rate: Rate) -> str:
    """How far the whole is, on one line."""
    left = rate.seconds_left
    return f"{rate.ended} of {rate.total} jobs" + ("" if left is None else f", {_clock(left)} left")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tell_plainly(event: BatchEvent, console: "Console") -> None:
    """Prints a line about what a person wants to know."""
    if isinstance(event, Counted):
        before = f", {event.done_before} done before" if event.done_before else ""
        jobs = "1 job" if event.total == 1 else f"{event.total} jobs"
        console.note(f"{jobs}{before}, {event.waiting} to do")
    elif isinstance(event, Notice):
        _notice(event, "", console)
    elif isinstance(event, JobTold) and isinstance(event.event, Notice):
        _notice(event.event, f"{_title(event)}: ", console)
    elif isinstance(event, JobEnded) and event.outcome.state == "failed":
        if not console.quiet:
            error = (event.outcome.error or "").removeprefix(f"{event.source}: ")  # most name the file
            console.line(f"failed  {_title(event)}: {error}", "red")
    elif isinstance(event, JobEnded) and event.outcome.state == "done":
        names = ", ".join(Path(path).name for path in event.outcome.outputs) or "nothing to do"
        names = "" if event.part else f" -> {names}"
        console.note(f"done    {_title(event)}{names} ({event.outcome.seconds:.1f} s)")
    elif isinstance(event, JobEnded):
        console.note(f"stopped {_title(event)}")


def _title(event: JobBegan | JobTold | JobEnded) -> str:
    """What a job is called before people."""
    return f"{event.source} ({event.part})" if event.part else event.source


def _notice(notice: Notice, before: str, console: "Console") -> None:
    if notice.level == "warning":
        console.warning(before + notice.text)
    elif console.verbose or (notice.level == "info" and not before):
        console.note(before + notice.text)


def tell_result(result: BatchResult, console: "Console") -> None:
    """Prints the summary."""
    if console.quiet:
        return
    rate = result.clip_seconds / max(result.seconds, 1e-6)
    left = f", {result.left} left" if result.left else ""
    console.line(
        f"{result.done} done, {result.skipped} skipped, {result.failed} failed{left}; "
        f"{result.frames} frames, {result.clip_seconds:.1f} s of clips in {result.seconds:.1f} s "
        f"({rate:.2f} per second)"
    )
    for source, text in result.look_at[:_MOST_RANGES]:
        console.line(f"worth a look: {source} {text}", "yellow")
    if len(result.look_at) > _MOST_RANGES:
        console.note(
            f"and {len(result.look_at) - _MOST_RANGES} more ranges; sa2va batch status --all --json has all"
        )


class BarsShow:
    """A bar for the whole, and one for each clip that is at work.

    Args:
        console: prints between bars.
        shown: rich's bars.
    """

    def __init__(self, console: "Console", shown: Any) -> None:
        self._console, self._bars = console, shown
        self._rate = Rate()
        self._tasks: dict[str, TaskID] = {}
        self._whole = shown.add_task("jobs", total=None, told="")

    def tell(self, event: BatchEvent) -> None:
        """Takes what happens."""
        self._rate.tell(event)
        tell_plainly(event, self._console)
        if isinstance(event, JobBegan):
            self._tasks[event.key] = self._bars.add_task(_name_before_bar(event), total=None, told="")
        elif isinstance(event, JobEnded) and event.key in self._tasks:
            self._bars.remove_task(self._tasks.pop(event.key))
        elif isinstance(event, JobTold) and isinstance(event.event, Progress):
            self._advance(event.key, event.event)
        self._bars.update(
            self._whole, total=self._rate.total or None, completed=self._rate.done, told=whole(self._rate)
        )

    def _advance(self, key: str, progress: Progress) -> None:
        if key in self._tasks:
            told = progress.stage + (f" {progress.done}/{progress.total}" if progress.total else "")
            self._bars.update(
                self._tasks[key], total=progress.total or None, completed=progress.done, told=told
            )

    def end(self, result: BatchResult) -> None:
        """Takes what it came to."""
        self._bars.stop()
        tell_result(result, self._console)


def _name_before_bar(event: JobBegan) -> str:
    """A job's name, of which the middle is left out where it would leave no room for how far it is."""
    from rich.cells import cell_len, set_cell_size

    part = f" ({event.part})" if event.part else ""
    name, room = Path(event.source).name, _NAME_CELLS - len(part)
    if cell_len(name) <= room:
        return name + part
    end = name[-(room // 3) :]
    while cell_len(end) > room // 3:
        end = end[1:]
    return f"{set_cell_size(name, room - cell_len(end) - 1).rstrip()}…{end}{part}"


@contextmanager
def bars(console: "Console") -> Generator[BarsShow, None, None]:
    """Draws bars on the terminal."""
    from rich.progress import BarColumn, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_CELLS),
        TextColumn("{task.fields[told]}", markup=False),
    )
    with console.bars(*columns) as shown:
        yield BarsShow(console, shown)
