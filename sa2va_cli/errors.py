"""Every error a user can meet, as one tree; each class carries the exit code of the command line.

A message names the offending value, the allowed ones where there are any, and the next thing to try.
It is one line, and it is all that the command line says to people.

A message is read by people who write arguments in Python and by people who write options. What both of them
can set is put into it with ``parameter``; then ``str(error)`` speaks of arguments, ``error.command_line`` of
options.
"""

import re
from collections.abc import Mapping

_BEGIN, _BETWEEN, _END = "\x02", "\x1f", "\x03"
_PARAMETER = re.compile(f"{_BEGIN}([^{_END}]*){_BETWEEN}([^{_END}]*){_END}")


def parameter(name: str, value: object = None, *, option: str = "") -> str:
    """Names something that can be set, for a message.

    Args:
        name: of the argument in Python; the option has the same one, unless ``option`` says otherwise.
        value: what it is or should be set to; None to name it only.
        option: what is written on the command line, all of it.

    Returns:
        A text for a message: ``device='cpu'`` in Python, ``--device cpu`` on the command line.
    """
    argument = name if value is None else f"{name}={value!r}"
    if not option:
        shown = "" if value is None or isinstance(value, bool) else f" {value}"
        option = f"--{name.replace('_', '-')}{shown}"
    return f"{_BEGIN}{argument}{_BETWEEN}{option}{_END}"


def in_python(text: str) -> str:
    """A message as it is read in Python: what was put into it with ``parameter`` as arguments."""
    return _PARAMETER.sub(r"\1", text)


def on_command_line(text: str) -> str:
    """A message as it is read in a terminal: what was put into it with ``parameter`` as options."""
    return _PARAMETER.sub(r"\2", text)


class Sa2VAError(Exception):
    """The base of every error that is meant for the user.

    Attributes:
        exit_code: what the command line exits with when this error ends it.
    """

    exit_code = 1

    def __str__(self) -> str:
        return in_python(self.message)

    @property
    def message(self) -> str:
        """As it was written, to make another message of it."""
        return super().__str__()

    @property
    def command_line(self) -> str:
        """The message in terms of options."""
        return on_command_line(self.message)

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the message speaks of, by the names that the arguments have in Python."""
        return tuple(found[1].partition("=")[0] for found in _PARAMETER.finditer(self.message))


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
        advice: the next thing to try, which stands at the end of the message; another one elsewhere.
    """

    exit_code = 4

    def __init__(self, message: str, answers: Mapping[str, str] | None = None, advice: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.answers = dict(answers or {})
        self._reason = message if advice else ""

    def advised(self, advice: str) -> "NothingFoundError":
        """The same with other advice in the place of what it has."""
        return NothingFoundError(self._reason, self.answers, advice) if self._reason else self


class ModelError(Sa2VAError):
    """The model is not available, or its files are not understood."""

    exit_code = 5


class OutOfMemoryError(Sa2VAError):
    """The device or the host ran out of memory."""

    exit_code = 6


class OutputError(Sa2VAError):
    """An output exists already, or cannot be written."""

    exit_code = 7


class ExistsError(OutputError):
    """An output exists already, and nobody has said what is to become of it.

    Args:
        message: see above.
        advice: the next thing to try, which stands at the end of the message; another one elsewhere.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self._reason = message

    def advised(self, advice: str) -> "ExistsError":
        """The same with other advice."""
        return ExistsError(self._reason, advice)


class BatchError(Sa2VAError):
    """Some jobs of a batch failed, or some questions of a file; the others were done."""

    exit_code = 8


class LookAtTheseError(Sa2VAError):
    """All was done, but something that should be hidden may be seen: a person must look."""

    exit_code = 9
