"""``sa2va ask -i``: a conversation at the terminal, line by line.

Ctrl-C ends an answer, Ctrl-D the program. Where standard input is no terminal its lines are the questions.
"""

import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.commands.session import Interrupted
from sa2va_cli.commands.telling import Telling, numbered_names
from sa2va_cli.errors import BatchError, ExistsError, NothingFoundError, Sa2VAError, UsageError
from sa2va_cli.outputs.saving import Saving, split_names
from sa2va_cli.pipeline.asking_job import reply_facts

if TYPE_CHECKING:
    from sa2va_cli.commands.console import Console
    from sa2va_cli.events import Report
    from sa2va_cli.pipeline.asking_job import AskJob, SeenFrames
    from sa2va_cli.pipeline.result import SegmentResult
    from sa2va_cli.pipeline.talk import Talk

PROMPT = "> "
TERMINAL = "/dev/tty"
_MOST_LINES = 1_000
"""Lines of the history that are kept."""


class Interview:
    """Reads questions and commands and has them answered.

    Args:
        talk: the conversation, with its model.
        console: prints.
        saving: how ``/save`` and ``/segment`` write, where they do not say otherwise.
        as_json: answers as JSON lines.
        read: gives the next line, or raises ``EOFError``; None for standard input.
    """

    def __init__(
        self,
        talk: "Talk",
        console: "Console",
        saving: Saving,
        *,
        as_json: bool = False,
        read: Callable[[], str] | None = None,
    ) -> None:
        self._talk = talk
        self._console = console
        self._saving = saving
        self._as_json = as_json
        self._read = read or _read_line
        self._stopped = False
        self._answering = False
        self._commands: dict[str, tuple[str, str, Callable[[str], None]]] = {
            "save": ("[KIND,...] [PATH]", "write what the last answer marks", self._save),
            "segment": (
                "WORDS",
                "write masks of what these words name",
                self._segment,
            ),
            "frames": (
                "[N]",
                "frames that are seen; with N, show so many next",
                self._frames,
            ),
            "attach": ("FILE", "show another file with the next question", self._attach),
            "undo": ("", "take the last question back", self._undo),
            "clear": ("", "begin anew with the same files", self._clear),
            "help": ("", "this list", self._help),
            "quit": ("", "leave, as Ctrl-D does", self._quit),
        }

    def run(self, first: str | None = None) -> int:
        """Goes on until the last line; one that fails is told and costs nothing else.

        Returns:
            how many failed.
        """
        failed = 0
        if sys.stdin.isatty() and not self._as_json:
            self._console.note("ask, or type /help; Ctrl-C stops an answer, Ctrl-D leaves")
        with _history(), self._stop_signals():
            waiting = [first] if first else []
            while True:
                try:
                    line = waiting.pop() if waiting else self._read()
                    self._do(line.strip())
                except EOFError:
                    return failed
                except (Interrupted, KeyboardInterrupt):
                    self._console.note("interrupted")
                except Sa2VAError as error:
                    failed += 1
                    self._console.error(error.command_line)

    @contextmanager
    def _stop_signals(self) -> Generator[None, None, None]:
        """The first Ctrl-C stops an answer, the second gives it up; all else ends at the first."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def receive(_: int, __: object) -> None:
            if self._stopped or not self._answering:
                raise KeyboardInterrupt
            self._stopped = True

        before = signal.signal(signal.SIGINT, receive)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _do(self, line: str) -> None:
        self._stopped = False
        if not line:
            return
        if not line.startswith("/") or line.startswith("//"):
            self._ask(line.removeprefix("/") if line.startswith("//") else line)
            return
        name, _, rest = line[1:].partition(" ")
        found = [known for known in self._commands if known == name] or [
            known for known in self._commands if name and known.startswith(name)
        ]
        if len(found) != 1:
            names = ", ".join(f"/{known}" for known in self._commands)
            raise UsageError(f"there is no /{name}; known are {names} (a question that begins so: //...)")
        self._commands[found[0]][2](rest.strip())

    def _ask(self, question: str) -> None:
        telling = Telling(self._console, silent=self._as_json, goes_on=lambda: not self._stopped)
        self._answering = True
        try:
            reply = self._talk.ask(question, telling)
        except Sa2VAError as error:
            self._record(question, {"error": error.command_line})
            raise
        finally:
            self._answering = False
            telling.end()
        self._record(question, reply_facts(reply))
        if reply.stop != "end":
            why = {"length": "cut off; --max-new-tokens allows more", "interrupted": "stopped"}[reply.stop]
            self._console.note(f"the answer was {why}")
        if objects := self._talk.objects():
            self._console.note(f"it marks {numbered_names(objects)}; /save writes masks")
        self._console.note(
            f"read {reply.read_tokens} tokens of {reply.prompt_tokens}, wrote {len(reply.token_ids)}, first "
            f"after {reply.seconds_to_first:.2f} s"
        )

    def _record(self, question: str, facts: dict[str, Any]) -> None:
        """Prints what became of a question as a line of JSON, if that is wanted."""
        if self._as_json:
            self._console.answer(json.dumps({"question": question, **facts}, ensure_ascii=False))

    def _job(self, rest: str) -> "AskJob":
        """The job of ``/save``: which kinds, and where to."""
        saving = self._saving
        first, _, path = rest.partition(" ")
        if rest:
            kinds = split_names(first)
            saving = replace(saving, kinds=kinds, output=path.strip() or saving.output)
        return replace(self._talk.job, saving=saving, inputs=("?",))

    def _save(self, rest: str) -> None:
        asked = not self._talk.asked or self._talk.objects()
        advice = self._other_words() if asked else 'ask for masks, as in "Please segment the dog."'
        self._write(self._job(rest), self._talk.save, advice)

    def _segment(self, words: str) -> None:
        if not words:
            raise UsageError("/segment needs words, as in: /segment the red ball")
        save = self._talk.segment
        self._write(self._job(""), lambda job, report: save(job, words, report), self._other_words())

    def _other_words(self) -> str:
        """What can be done here where nothing is found."""
        seen = self._talk.inputs or self._talk.waiting
        if not seen or seen[-1].kind == "image":
            return "try other words"
        return f"try other words, or look at more frames: /frames {2 * self._talk.job.viewing.frames}"

    def _write(
        self, job: "AskJob", write: Callable[["AskJob", "Report"], "SegmentResult"], advice: str
    ) -> None:
        """Writes files, each time others: where their names are taken and none was given, in a new folder.

        Args:
            job: what to write.
            write: writes it.
            advice: what to do where nothing is found.

        Raises:
            Sa2VAError: see ``Talk.save`` and ``Talk.segment``.
        """
        saving = job.saving or self._saving
        for number in count(2):
            try:
                with self._console.reporting() as report:
                    result = write(job, report)
            except ExistsError as error:
                if saving.output is not None:
                    raise error.advised("choose another place, as in: /save overlay other/") from error
                job = replace(job, saving=replace(saving, output=f"{{stem}}-{number}/"))
            except NothingFoundError as error:
                raise error.advised(advice) from error
            else:
                self._console.result(result)
                return

    def _frames(self, rest: str) -> None:
        if rest:
            if not rest.isdecimal() or int(rest) < 1:
                raise UsageError(f"/frames takes a number of 1 or more, got {rest!r}")
            self._talk.look_again(int(rest))
        seen = [(one, "") for one in self._talk.inputs]
        for one, note in seen + [(one, ", with the next question") for one in self._talk.waiting]:
            self._console.line(f"{one.source}: {_shown(one.facts)}{note}")
        if not self._talk.inputs and not self._talk.waiting:
            self._console.line("there is no input; /attach FILE shows one")

    def _attach(self, rest: str) -> None:
        if not rest:
            raise UsageError("/attach needs the name of a file, as in: /attach photo.jpg")
        source = _unquoted(rest)
        with self._console.reporting() as report:
            shown = self._talk.attach(source, report)
        self._console.note(f"{source} goes with the next question")
        if shown.unread:
            raise BatchError(f"{len(shown.unread)} of its images could not be read, the others are shown")

    def _undo(self, _: str) -> None:
        question = self._talk.undo()
        self._console.note("there is nothing to take back" if question is None else f"took back: {question}")

    def _clear(self, _: str) -> None:
        self._talk.clear()
        self._console.note("begun anew")

    def _help(self, _: str) -> None:
        for name, (arguments, text, _action) in self._commands.items():
            self._console.line(f"{f'/{name} {arguments}'.strip():<24} {text}")

    def _quit(self, _: str) -> None:
        raise EOFError


def _shown(facts: "SeenFrames") -> str:
    """What is seen of an input: ``frames 0, 47, 95``, ``3 images``."""
    if facts.kind == "image":
        return "the image"
    if facts.kind == "images":
        return f"{len(facts.numbers)} images"
    numbers = ", ".join(map(str, facts.numbers))
    return f"frames {numbers}" if len(facts.numbers) > 1 else f"frame {numbers}"


def _unquoted(typed: str) -> str:
    """A file's name as a shell takes it, which is how terminals write one that is dropped on them."""
    try:
        words = shlex.split(typed)
    except ValueError:  # a quotation mark that is part of the name
        return typed
    return words[0] if len(words) == 1 and not Path(typed).exists() and os.name != "nt" else typed


def lines_from_terminal() -> None:
    """Takes what is typed from the terminal where standard input was what is asked about.

    Raises:
        UsageError: there is no terminal.
    """
    try:
        terminal = os.open(TERMINAL, os.O_RDWR)
    except OSError as error:
        raise UsageError(
            "standard input is what is asked about, and there is no terminal to ask questions at; give a file"
        ) from error
    os.dup2(terminal, 0)
    os.close(terminal)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (standard input, as readline takes it)


def _read_line() -> str:
    """The next line of standard input; at a terminal with a prompt, and what readline can do."""
    if sys.stdin.isatty():
        try:
            return input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            sys.stdout.write("\n")  # what comes next stands on a line of its own
            raise
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


@contextmanager
def _history() -> Generator[None, None, None]:
    """Lines of earlier conversations at a terminal, kept in the user's state folder."""
    if not sys.stdin.isatty():
        yield
        return
    try:
        import readline
    except ImportError:  # Windows has none
        yield
        return
    path = history_file()
    with suppress(OSError):
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_history_length(_MOST_LINES)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)
            path.chmod(0o600)


def history_file() -> Path:
    """Where lines are kept."""
    from platformdirs import user_state_path

    return user_state_path("sa2va", appauthor=False) / "history"
