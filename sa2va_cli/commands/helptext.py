"""What ``--help`` shows of a command, made from its docstring."""

import inspect
from collections.abc import Callable
from typing import Any


def help_text(command: Callable[..., Any]) -> str:
    """Takes a command's docstring, its lines joined to paragraphs that fit any terminal."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def examples(*lines: str) -> str:
    """Makes the end of a help page: each line is a command that can be typed."""
    return "\n\n".join(("[bold]Examples[/bold]", *lines))
