"""An answer at the terminal, as it is generated: its words, and a number where it gives a mask.

Knows nothing about models; it is a ``conversation.MarkListener``.
"""

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sa2va_cli.commands.console import Console
    from sa2va_cli.datatypes import FoundObject
    from sa2va_cli.events import Event, Report


class Telling:
    """Prints an answer, at a terminal with lines that end between words, and keeps its words.

    Args:
        console: prints.
        silent: print nothing.
        goes_on: asked after every piece; False ends the answer.
    """

    def __init__(
        self, console: "Console", *, silent: bool = False, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        self.text = ""
        self._console = console
        self._silent = silent
        self._goes_on = goes_on
        self._shown = ""
        self._lines = Lines(shutil.get_terminal_size().columns) if sys.stdout.isatty() else None

    def __call__(self, piece: str) -> bool:
        """Takes a piece of the answer's text; whether the answer goes on."""
        self.text += piece
        self._say(piece)
        return self._goes_on()

    def mark(self, number: int) -> None:
        """Shows that the answer gives its N-th mask here, apart from the word before."""
        if self._shown and not self._shown[-1].isspace():
            self._say(" ")
        self._say(f"[{number}]", dim=True)

    def end(self) -> None:
        """Ends the line, if there is one to end."""
        if self._lines:
            self._print(self._lines.end())
        if self._shown and not self._shown.endswith("\n"):
            self._say("\n")

    def before(self, report: "Report") -> "Report":
        """A report that does not write behind the answer on the same line."""

        def told(event: "Event") -> None:
            self.end()
            report(event)

        return told

    def _say(self, piece: str, *, dim: bool = False) -> None:
        if not piece:
            return
        self._shown += piece
        if self._lines is None:
            self._print(piece, dim=dim)
        elif dim:
            self._print(self._lines.end())
            self._print(self._lines.add(piece) + self._lines.end(), dim=True)
        else:
            self._print(self._lines.add(piece))

    def _print(self, text: str, *, dim: bool = False) -> None:
        if text and not self._silent:
            self._console.say(text, dim=dim and _shows_styles())


class Lines:
    """Ends lines between words in text that grows piece by piece; a word waits until it is whole.

    Args:
        width: of a line, in columns.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._gap = ""
        self._word = ""

    def add(self, piece: str) -> str:
        """Takes a piece of text; returns what can be printed now."""
        return "".join(map(self._added, piece))

    def end(self) -> str:
        """What still waits, but for space that may be the end of a line."""
        word, self._word = self._word, ""
        return self._placed(word, between=bool(self._gap)) if word else ""

    def _added(self, char: str) -> str:
        if char == "\n":
            shown, self._column, self._gap = self.end() + char, 0, ""
            return shown
        if char.isspace():
            shown = self.end()
            self._gap += char
            return shown
        if _columns(char) > 1:  # Chinese has no spaces: a line may end before any sign
            return self.end() + self._placed(char, between=True)
        self._word += char
        return ""

    def _placed(self, word: str, *, between: bool) -> str:
        """A word with the space before it, or on a new line, if one may begin ``between``."""
        gap, self._gap = self._gap, ""
        columns = sum(map(_columns, word))
        breaks = between and self._column > 0 and self._column + len(gap) + columns > self._width
        self._column = columns if breaks else self._column + len(gap) + columns
        if self._column > self._width:  # a word that is longer than a line
            self._column = self._column % self._width or self._width
        return ("\n" if breaks else gap) + word


def _columns(char: str) -> int:
    """How many columns of a terminal a letter takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _shows_styles() -> bool:
    """Whether standard output is a terminal that knows more than letters."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def numbered_names(objects: "tuple[FoundObject, ...]") -> str:
    """What an answer marks, with the numbers that stand in it: ``[1] the dog, [2] the ball``."""
    return ", ".join(f"[{number}] {found.label}" for number, found in enumerate(objects, 1))
