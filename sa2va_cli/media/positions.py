"""Places in a clip as people type them: seconds, clock times and frame numbers."""

import re
from fractions import Fraction

from sa2va_cli.errors import UsageError

_SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)")
_FRAMES = re.compile(r"(\d+)f")


def parse_position(text: str) -> Fraction | int:
    """Reads a place in a clip.

    Args:
        text: ``12.5`` (seconds), ``00:01:02.5`` or ``1:02.5`` (clock time), ``123f`` (frame number from 0).

    Returns:
        Seconds as an exact fraction, or a frame number as an int.

    Raises:
        UsageError: for anything else.
    """
    stripped = text.strip()
    if match := _FRAMES.fullmatch(stripped):
        return int(match[1])
    if _SECONDS.fullmatch(stripped):
        return Fraction(stripped)
    if match := _CLOCK.fullmatch(stripped):
        hours, minutes, seconds = int(match[1] or 0), int(match[2]), Fraction(match[3])
        if seconds < 60 and (minutes < 60 or match[1] is None):
            return hours * 3600 + minutes * 60 + seconds
    raise UsageError(
        f"{text!r} is not a position; give seconds (12.5), a clock time (00:01:02.5) or a frame number (123f)"
    )
