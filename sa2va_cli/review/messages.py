"""What a page tells people of things that go wrong: a code, what is put into it, and the line in English.

A page has the same lines in other languages under the same codes. Errors of other rooms have no code of their
own: they go by what kind of error they are, with their line as ``text``. Knows nothing about HTTP.
"""

from collections.abc import Mapping
from typing import Any

from sa2va_cli.errors import (
    ExistsError,
    InputError,
    ModelError,
    NothingFoundError,
    OutOfMemoryError,
    OutputError,
    Sa2VAError,
    UsageError,
)

LINES: Mapping[str, str] = {
    "no_clip": "there is no clip {clip!r}; GET /clips lists those there are",
    "no_job": "there is no job {job!r}",
    "no_frame": "there is no frame {frame}; they go from 0 to {last}",
    "no_object": "there is no object {object}; there are: {known}",
    "no_tracks": "{clip} has no tracks yet; say first what to look for",
    "no_source": "{source}, which {tracks} was made of, is not there; put it back, or beside the tracks",
    "other_source": (
        "{source} is not what {tracks} was made of (its contents differ); put that back, or open it with "
        "--force"
    ),
    "no_conversation": "there is no conversation {conversation!r} about this clip; begin a new one",
    "no_undo": "there is nothing to undo",
    "no_redo": "there is nothing to redo",
    "no_preview": "{kind} is made of no pictures, so there is no preview of it",
    "no_folder": "the folder of these files cannot be shown on this computer; it is {folder}",
    "busy": "too much is waiting to be done; wait a little",
    "twice": "this is being done already; wait for it, or cancel it",
    "following": "{count} frames are still being followed; wait for them, or cancel that job",
    "tracks_exist": "{file} exists already; add an object with an edit of words",
    "file_exists": "{file} exists already; choose another name",
    "small_box": "the box {box} is smaller than a pixel; draw a larger one",
    "nothing_left": "nothing is left of the mask; drop the object's masks on these frames instead",
    "nothing_here": "there is nothing of this on this frame",
    "outside": "{file!r} lies outside {folder}; only files below it are read",
    "output_outside": "output={file!r} lies outside {folder}; give a file or a folder below it",
    "written_outside": (
        "{file} was written by something else since it was edited; move {review} and {layers} away to look "
        "at it anew, or put back what was there"
    ),
    "edited_elsewhere": "{file} is edited by another program now: {text}",
    "cannot_talk": "{model} cannot be talked to; choose a Sa2VA (--model 1b)",
    "token": "the token is missing or wrong; open the address that sa2va printed",
    "exists": "{text}; give another output, or existing=overwrite",
    "too_many": "too many requests at once; ask again in a moment",
    "internal": "internal error: {text}",
}
"""By code. What stands in braces is put in, as ``str.format`` does."""

KINDS: tuple[tuple[type[Sa2VAError], str], ...] = (
    (NothingFoundError, "nothing"),
    (UsageError, "usage"),
    (InputError, "input"),
    (OutputError, "output"),
    (ModelError, "model"),
    (OutOfMemoryError, "memory"),
    (Sa2VAError, "other"),
)
"""Codes of errors that have none of their own."""


_OF_THE_COMMAND_LINE = ("; choose another -o", " or choose another -o", ", or choose another -o")
"""Advice at the end of lines of other rooms that nobody can follow on a page."""


class Line(str):
    """A line in English that knows its code and what was put into it; ``line`` makes it."""

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, Any]


def line(code: str, **values: Any) -> Line:
    """A line of ``LINES``, to make an error of."""
    made = Line(LINES[code].format(**values))
    made.code, made.values = code, values
    return made


def problem_of(error: Exception) -> dict[str, Any]:
    """What went wrong, as JSON has it: the line in English, and what other languages make it of."""
    said = error.args[0] if error.args else ""
    if isinstance(said, Line):
        return _problem(said, said.code, said.values)
    if isinstance(error, ExistsError):  # its own advice speaks of switches of the command line
        return problem_of(OutputError(line("exists", text=str(error.advised("")))))
    if isinstance(error, NothingFoundError):
        error = error.advised("try other words, or point at it")
    if isinstance(error, Sa2VAError):
        code = next(code for kind, code in KINDS if isinstance(error, kind))
        text = str(error)
        for advice in _OF_THE_COMMAND_LINE:
            text = text.removesuffix(advice)
        return _problem(text, code, {"text": text})
    return problem_of(Sa2VAError(line("internal", text=f"{type(error).__name__}: {error}")))


def _problem(text: str, code: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"error": str(text), "code": code, "values": dict(values)}
