"""Every error a user can meet, as one tree; each class carries the exit code of the command line.

A message names the offending value, the allowed ones where there are any, and the next thing to try.
It is one line, and it is all that the command line says to people.
"""

from collections.abc import Mapping


class Sa2VAError(Exception):
    """The base of every error that is meant for the user.

    Attributes:
        exit_code: what the command line exits with when this error ends it.
    """

    exit_code = 1


class UsageError(Sa2VAError):
    """An option or an argument that cannot be meant."""

    exit_code = 2


class InputError(Sa2VAError):
    """The input is missing, empty, damaged beyond use, or not an image or a video."""

    exit_code = 3


class NothingFoundError(Sa2VAError):
    """No prompt matched anything in the input.

    Args:
        message: see above.
        answers: the language model's words, by prompt, where it was asked.
    """

    exit_code = 4

    def __init__(self, message: str, answers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.answers = dict(answers or {})


class ModelError(Sa2VAError):
    """The model is not available, or its files are not understood."""

    exit_code = 5


class OutOfMemoryError(Sa2VAError):
    """The device or the host ran out of memory."""

    exit_code = 6


class OutputError(Sa2VAError):
    """An output exists already, or cannot be written."""

    exit_code = 7
