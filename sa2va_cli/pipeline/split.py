"""How a long clip is cut into parts, as people write it; importing it is instant.

Knows nothing about clips.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sa2va_cli.errors import UsageError, parameter

LIST = "parts.json"
"""The file in the folder of a clip's parts that says where it was cut."""

_WRITTEN = re.compile(r"(scenes|minutes)(?::(\d+(?:\.\d*)?|\.\d+))?")
_USUAL_MINUTES = {"scenes": Fraction(1), "minutes": Fraction(10)}
"""Parts are long enough that opening the file and looking at keyframes is little of the work."""


@dataclass(frozen=True)
class Split:
    """Where a clip is cut.

    Attributes:
        at: ``scenes`` for at cuts, ``minutes`` for at key frames of the file.
        minutes: how long a part is at least (``scenes``), or about (``minutes``).
    """

    at: Literal["scenes", "minutes"]
    minutes: Fraction

    @property
    def seconds(self) -> Fraction:
        """The same in seconds."""
        return 60 * self.minutes

    def __str__(self) -> str:
        return f"{self.at}:{float(self.minutes):g}"


def read_split(text: str) -> Split:
    """Reads ``scenes``, ``scenes:N``, ``minutes`` or ``minutes:N``.

    Raises:
        UsageError: it is none of these.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or (found[1] == "minutes" and found[2] is not None and not float(found[2])):
        raise UsageError(
            f"{parameter('split', text)} is not understood; choose scenes (at cuts, parts of a minute at "
            "least), minutes (at key frames, parts of 10 minutes), or either with a number of minutes, as "
            "in minutes:5"
        )
    at: Literal["scenes", "minutes"] = "scenes" if found[1] == "scenes" else "minutes"
    return Split(at, Fraction(found[2]) if found[2] else _USUAL_MINUTES[at])
