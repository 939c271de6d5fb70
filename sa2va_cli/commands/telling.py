"""An answer at the terminal, as it is generated: its words, and a number where it gives a mask.

Knows nothing about models; it is a ``conversation.MarkListener``.
"""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sa2va_cli.commands.console import Console
    from sa2va_cli.datatypes import FoundObject
    from sa2va_cli.events import Event, Report


class Telling:
    """Prints an answer on one line, and keeps its words.

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

    def __call__(self, piece: str) -> bool:
        """Takes a piece of the answer's text; whether the answer goes on."""
        self.text += piece
        self._say(piece)
        return self._goes_on()

    def mark(self, number: int) -> None:
        """Shows that the answer gives its N-th mask here, apart from the word before."""
        gap = "" if not self._shown or self._shown[-1].isspace() else " "
        self._say(f"{gap}[{number}]", dim=True)

    def end(self) -> None:
        """Ends the line, if there is one to end."""
        if self._shown and not self._shown.endswith("\n"):
            self._say("\n")

    def before(self, report: "Report") -> "Report":
        """A report that does not write behind the answer on the same line."""

        def told(event: "Event") -> None:
            self.end()
            report(event)

        return told

    def _say(self, piece: str, *, dim: bool = False) -> None:
        if self._silent or not piece:
            return
        self._shown += piece
        self._console.say(piece, dim=dim and _shows_styles())


def _shows_styles() -> bool:
    """Whether standard output is a terminal that knows more than letters."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def numbered_names(objects: "tuple[FoundObject, ...]") -> str:
    """What an answer marks, with the numbers that stand in it: ``[1] the dog, [2] the ball``."""
    return ", ".join(f"[{number}] {found.label}" for number, found in enumerate(objects, 1))
