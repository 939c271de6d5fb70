"""Points in time as people write them."""

import re
from fractions import Fraction

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.media.reader import Selection, first_timecode
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.pipeline.search import Search

_FRAME = re.compile(r"(\d+)f", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)s?", re.IGNORECASE)


_TIMECODE = re.compile(r"\d{2}:\d{2}:\d{2}[:;]\d{2,3}")


def parse_time(text: str | float, name: str) -> tuple[Fraction | None, int | None]:
    """Reads a point in time.

    Args:
        text: ``12.5``, ``12.5s``, ``1:30``, ``01:02:03.500`` or ``123f``; a number is seconds.
        name: of the argument that it was given for, for the message.

    Returns:
        Seconds or a frame number; the other is None.

    Raises:
        UsageError: it is neither.
    """
    return _read_time(text, parameter(name))


def _read_time(text: str | float, what: str) -> tuple[Fraction | None, int | None]:
    """See ``parse_time``; ``what`` was given, as a message calls it."""
    plain = str(text).strip()
    if match := _FRAME.fullmatch(plain):
        return None, int(match[1])
    match = _CLOCK.fullmatch(plain)
    if match is None or (match[2] is not None and Fraction(match[3]) >= 60):
        raise UsageError(
            f"{what} {plain!r} is not a time; "
            "write seconds (12.5), HH:MM:SS.mmm, a frame number (123f) or HH:MM:SS:FF"
        )
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds, None


def selection(search: Search) -> Selection:
    """Returns which frames of the source are looked at.

    Raises:
        UsageError: a time cannot be read, or the end comes before the start.
    """
    start_timecode, end_timecode = _timecode(search.start), _timecode(search.end)
    start, start_frame = _time(None if start_timecode else search.start, "start")
    end, end_frame = _time(None if end_timecode else search.end, "end")
    backwards = (start is not None and end is not None and end <= start) or (
        start_frame is not None and end_frame is not None and end_frame <= start_frame
    )
    if backwards:
        end_at, start_at = parameter("end", search.end), parameter("start", search.start)
        raise UsageError(f"{end_at} does not come after {start_at}")
    return Selection(
        start=start,
        end=end,
        start_frame=start_frame,
        end_frame=end_frame,
        every=search.every,
        max_frames=search.max_frames,
        start_timecode=start_timecode,
        end_timecode=end_timecode,
    )


def moment(text: str | float, within: str) -> Selection:
    """A selection that starts at a point in time, written as the ``start`` of a search.

    Args:
        text: the point in time.
        within: all that it is a part of, for the message.

    Raises:
        UsageError: it cannot be read.
    """
    if timecode := _timecode(text):
        return Selection(start_timecode=timecode)
    start, start_frame = _read_time(text, f"{within}:")
    return Selection(start=start, start_frame=start_frame)


def timecodes_counted_from(search: Search, info: SourceInfo) -> str | None:
    """Says what timecodes in a search are counted from; None where there are none in it."""
    given = [str(text) for text in (search.start, search.end) if _timecode(text)]
    if not given:
        return None
    first = first_timecode(info)
    origin = "zero, as the file has no timecode of its own" if first is None else f"the file's own, {first}"
    return f"timecode {' and '.join(given)} is counted from {origin}"


def _timecode(given: str | float | None) -> str | None:
    text = str(given).strip()
    return text if _TIMECODE.fullmatch(text) else None


def _time(given: str | float | None, name: str) -> tuple[Fraction | None, int | None]:
    return (None, None) if given is None else parse_time(given, name)


def check_when(search: Search, info: SourceInfo) -> None:
    """Makes sure that an input has times in which something can happen, if that is looked for.

    Raises:
        UsageError: it is an image.
    """
    if search.when is not None and info.kind == "image":
        raise UsageError(f"{parameter('when')} is about a video, and {info.path} is an image")
