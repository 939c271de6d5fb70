"""Talks to people and programs: the only file that prints, once the program is imported.

People read standard error; standard output carries what was asked for: JSON, or the answer of a command whose
whole purpose is one (``models``, ``doctor``).
"""

import io
import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO, cast

from sa2va_cli.commands.rates import rate_text
from sa2va_cli.errors import OutputError, UsageError, on_command_line
from sa2va_cli.events import Event, Notice, Progress, Report

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as Bars

    from sa2va_cli.pipeline.job import SegmentJob
    from sa2va_cli.pipeline.planning import Plan
    from sa2va_cli.pipeline.result import SegmentResult
    from sa2va_cli.tracks.review import DoubtfulRange

_LINE_SECONDS = 5.0
"""How often progress is told where there is no terminal to draw a bar on."""

_MOST_RANGES = 8
"""Ranges worth a look that are listed at the end of a run."""

_LONGEST_LABEL = 120
"""Letters of a prompt that the table shows."""


class Console:
    """Standard error for people.

    Args:
        quiet: errors only.
        verbose: details too.
        debug: let libraries speak, and show tracebacks.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose or debug
        self.debug = debug
        self._stop_bar: Callable[[], None] = _nothing

    @cached_property
    def _screen(self) -> "RichConsole":
        from rich.console import Console as RichConsole

        return RichConsole(file=cast("TextIO", _Patient(sys.stderr)))

    def hush_libraries(self) -> None:
        """Keeps the chatter of libraries away; to be called before they are imported."""
        if self.verbose:
            return
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
        os.environ.setdefault("HF_HUB_VERBOSITY", "error")
        if self.quiet or not sys.stderr.isatty():
            os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        warnings.simplefilter("ignore")
        for library in ("accelerate", "bitsandbytes"):
            logging.getLogger(library).setLevel(logging.ERROR)

    def line(self, text: str, style: str = "") -> None:
        """Prints one line, which a program can rely on: never wrapped, and no break or control code in it.

        At a terminal, which people read, a long one goes on in the next one behind a whole word.
        """
        plain, whole = _plain(on_command_line(text)), not self._screen.is_terminal
        self._screen.print(plain, style=style, markup=False, highlight=False, soft_wrap=whole, emoji=False)

    def note(self, text: str) -> None:
        """Prints something a person may want to know."""
        if not self.quiet:
            self.line(text, "dim")

    def warning(self, text: str) -> None:
        """Prints what may not be as it was meant."""
        if not self.quiet:
            self.line(f"warning: {text}", "yellow")

    def error(self, text: str) -> None:
        """Prints what went wrong, on one line."""
        self.line("error: " + re.sub(r"\s*\n\s*", " ", text.strip()), "bold red")

    def data(self, document: dict[str, Any]) -> None:
        """Prints a JSON document to standard output, in UTF-8 as JSON is, whatever the locale.

        Raises:
            OutputError: standard output cannot be written.
        """
        if isinstance(sys.stdout, io.TextIOWrapper):
            # What is not Unicode, as in names of files from another system, becomes an escape of JSON's own.
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        self.answer(json.dumps(document, ensure_ascii=False, indent=2))

    def answer(self, text: str) -> None:
        """Prints what was asked for to standard output, where a program may read it.

        A reader that has gone, as ``head`` does when it has enough, is no error.

        Raises:
            OutputError: standard output cannot be written.
        """
        self._write(text + "\n")

    @staticmethod
    def _write(text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _abandon(sys.stdout)
        except OSError as error:
            _abandon(sys.stdout)
            raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error

    def say(self, piece: str, *, dim: bool = False) -> None:
        """Prints a piece of an answer to standard output as it comes; control codes are shown, not obeyed.

        Args:
            piece: of the answer.
            dim: whether it is of less weight, as terminals show that.

        Raises:
            OutputError: standard output cannot be written.
        """
        self._stop_bar()
        if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="replace")  # in a locale that lacks what the answer says
        shown = "".join(char if _is_text(char) else ascii(char)[1:-1] for char in piece)
        self._write(f"\x1b[2m{shown}\x1b[22m" if dim else shown)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints columns to standard output: not wrapped, so that other programs find whole lines."""
        from rich.cells import cell_len

        lines = [[_plain(cell) for cell in line] for line in (headings, *rows)]
        widths = [max(cell_len(line[i]) for line in lines) for i in range(len(headings))]
        for line in lines:
            cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
            self.answer("  ".join(cells).rstrip())

    def names(self, texts: Sequence[str], end: str = "\n") -> None:
        """Prints names of files to standard output, byte for byte as the system has them.

        Raises:
            OutputError: standard output cannot be written.
        """
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(
                encoding=sys.getfilesystemencoding(), errors=sys.getfilesystemencodeerrors()
            )
        self._write("".join(text + end for text in texts))

    def ask(self, question: str) -> bool:
        """Asks a person for a yes or no; anything but a yes is a no.

        Raises:
            UsageError: there is nobody to ask.
        """
        if not sys.stdin.isatty():
            raise UsageError("standard input is no terminal, so nobody can be asked; add --yes to go ahead")
        self._screen.print(f"{question} [y/N] ", end="", markup=False, highlight=False)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees standard error as it is written."""
        return self._screen.is_terminal

    def bars(self, *columns: Any) -> "Bars":
        """Bars of progress, which are gone when they end; to be entered.

        Args:
            columns: of rich, from left to right.
        """
        from rich.progress import Progress as Bars

        return Bars(*columns, console=self._screen, transient=True)

    @contextmanager
    def reporting(self) -> Generator[Report, None, None]:
        """Shows a running job: a bar on a terminal, a line now and then elsewhere."""
        if self.quiet:
            yield lambda _: None
        elif self._screen.is_terminal:
            with self._bar() as show:
                yield self._reporter(show)
        else:
            yield self._reporter(_Lines(self.line))

    def _reporter(self, show: Callable[[Progress], None]) -> Report:
        def report(event: Event) -> None:
            if isinstance(event, Progress):
                show(event)
            elif not isinstance(event, Notice):
                return
            elif event.level == "warning":
                self.warning(event.text)
            elif event.level == "info" or self.verbose:
                self.note(event.text)

        return report

    @contextmanager
    def _bar(self) -> Generator[Callable[[Progress], None], None, None]:
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[frames]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        bar = Bar(*columns, console=self._screen, transient=True)
        task = bar.add_task("", total=None, frames="")
        stage, since = "", time.monotonic()
        self._stop_bar = bar.stop

        def show(progress: Progress) -> None:
            nonlocal stage, since
            if progress.stage != stage:
                if stage:
                    bar.start()
                else:  # while a model is downloaded, its library draws bars of its own
                    self.note(progress.stage)
                stage, since = progress.stage, time.monotonic()
                bar.reset(task, total=progress.total or None, description=stage, frames="")
            if progress.done:
                bar.start()  # also in the first stage, where nothing had to be loaded
                speed = progress.done / max(1e-6, time.monotonic() - since)
                bar.update(task, completed=progress.done, frames=_pace(progress, speed))

        try:
            yield show
        finally:
            bar.stop()
            self._stop_bar = _nothing

    def plan(self, job: "SegmentJob", plan: "Plan", *, to_download: bool) -> None:
        """Shows what a run would do; ``to_download`` is whether it would fetch the model first."""
        from sa2va_cli.pipeline.labels import object_label

        info = plan.reader.info
        size = f"{info.size[0]}x{info.size[1]}"
        rate = f", {rate_text(info.rate)}, {info.duration_seconds:.2f} s" if info.kind == "video" else ""
        sound = ", with sound" if info.has_audio else ""
        self.line(f"input      {info.path}: {info.kind}, {size}{rate}{sound}")
        self.line(f"frames     {plan.frames} of {info.frames}")
        for prompt in job.search.prompts:
            names = ", ".join(repr(object_label(prompt, number)) for number in (1, 2))
            said = [repr(prompt.text)] if prompt.text else []
            said += [str(one) for one in prompt.visual]
            self.line(f"prompt {prompt.id:<3} {' '.join(said)}: objects {names}, ...")
        if plan.keyframes:
            self.line(f"keyframes  {', '.join(map(str, plan.keyframes))}")
        if plan.reground != "off":
            when = "at each cut" if plan.reground == "scenes" else f"every {plan.reground} s"
            self.line(f"reground   {when}, with keyframes of its own for each shot")
        self.line(f"model      {plan.model}{', not here yet: would be downloaded' if to_download else ''}")
        self.line(f"device     {plan.placement.device}, {plan.placement.dtype}")
        for output in plan.outputs:
            self.line(f"would make {output.path}{'/' if output.folder else ''}")
        for path in plan.skipped:
            self.line(f"would keep {path}")

    def result(self, result: "SegmentResult") -> None:
        """Shows the table at the end of a run."""
        if self.quiet:
            return
        for path in result.skipped:
            self.note(f"{path} exists already and was kept")
        if not result.files:
            self.note("nothing to do")
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("object")
        for heading in ("share of the picture", "frames", "score"):
            table.add_column(heading, justify="right")
        for found in result.objects:
            table.add_row(
                Text(_short(_plain(found.label))),
                f"{found.share:.2%}",
                f"{found.frames_visible}/{result.frames}",
                f"{found.score:.2f}",
            )
        if result.objects:
            self._screen.print(table)
        count = sum(found.frames_visible > 0 for found in result.objects)
        visited = f"{result.frames} frame{'' if result.frames == 1 else 's'} at {result.fps:.1f} fps"
        if result.model is None:  # nothing was looked for
            self.line(visited)
        else:
            self.line(
                f"{count or 'no'} object{'' if count == 1 else 's'} found, {visited} with {result.model}"
            )
        self.look_at(result.look_at)
        for path in result.files:
            self.line(f"wrote {'standard output' if str(path) == '-' else path}", "green")

    def look_at(self, ranges: "Sequence[DoubtfulRange]") -> None:
        """Names the parts of a clip that are worth a look, the least certain ones where there are many."""
        worst = sorted(ranges, key=lambda one: one.confidence)[:_MOST_RANGES]
        for one in ranges:
            if one in worst:
                self.line(f"worth a look: {one.text}", "yellow")
        if len(ranges) > len(worst):
            self.note(f"and {len(ranges) - len(worst)} more ranges; --save markers or --json has all")

    def traceback(self) -> None:
        """Prints where the current exception came from."""
        import traceback

        with suppress(OSError, ValueError):
            sys.stderr.write(traceback.format_exc())

    def flush(self) -> None:
        """Makes sure that everything has been said before the program ends."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def _is_text(char: str) -> bool:
    """Whether a character of an answer is shown as it is: line ends and what joins letters as well."""
    return char.isprintable() or char in "\n\t\u200c\u200d"


def _nothing() -> None:
    """Stops no bar: there is none."""


def _plain(text: str) -> str:
    """A text on one line, with control codes shown and not obeyed."""
    flat = " ".join(text.splitlines())
    return "".join(char if char.isprintable() or char == " " else ascii(char)[1:-1] for char in flat)


def _short(label: str) -> str:
    """A label that takes a few lines of a table at most."""
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 3].rstrip()}..."


def _abandon(stream: TextIO) -> None:
    """Sends what a stream still holds nowhere, so that Python does not fail on it at the very end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Patient:
    """Standard error that may be gone or full: what nobody can read is dropped, and the run goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text, or drops it; returns its length."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Writes what is held back, or drops it."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError:
            _abandon(self._stream)

    def __getattr__(self, name: str) -> Any:
        """Is like standard error in everything else."""
        return getattr(self._stream, name)


def _pace(progress: Progress, speed: float) -> str:
    """How far a stage is, and how fast where frames are counted."""
    pace = f", {speed:.1f} fps" if progress.unit == "frames" else ""
    return f"{progress.done}/{progress.total} {progress.unit}{pace}"


class _Lines:
    """Progress as occasional plain lines."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._stage = ""
        self._since = self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Prints a line for a new stage, and then every few seconds."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._since, self._last = progress.stage, now, now
            self._line(progress.stage)
        elif progress.done and now - self._last >= _LINE_SECONDS:
            self._last = now
            speed = progress.done / max(1e-6, now - self._since)
            left = (progress.total - progress.done) / speed
            self._line(f"{_pace(progress, speed)}, {left:.0f} s left")
