"""Points in time of an edit, which may be counted from either end of a clip, and ranges between two of them.

Knows nothing about sentences; ``grammar`` reads those.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from sa2va_cli.errors import UsageError

Unit = Literal["seconds", "frames", "share"]

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)\s*s?", re.IGNORECASE)
_FRAME = re.compile(r"(\d+)\s*f", re.IGNORECASE)
_SHARE = re.compile(r"(\d+(?:\.\d*)?)\s*%")

FORMS = (
    "seconds (12.5), HH:MM:SS.mmm, a frame number (123f), a share of the clip (50%), "
    "or -2 for 2 s before its end"
)
"""How a point in time is written, for messages."""


@dataclass(frozen=True)
class TimePoint:
    """A point in time.

    Attributes:
        value: how many units.
        unit: seconds, frames, or shares of the whole clip.
        from_end: whether it is counted backwards from the end of the clip.
    """

    value: Fraction
    unit: Unit = "seconds"
    from_end: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", Fraction(self.value))
        if self.value < 0:
            raise ValueError(f"a point in time is not negative, got {self.value}")
        if self.unit == "share" and self.value > 1:
            raise ValueError(f"a share of the clip is at most 1, got {self.value}")

    def __str__(self) -> str:
        """As ``parse_point`` reads it."""
        number = _plain(100 * self.value if self.unit == "share" else self.value)
        return (
            ("-" if self.from_end else "") + number + {"seconds": "", "frames": "f", "share": "%"}[self.unit]
        )

    @property
    def words(self) -> str:
        """For people."""
        if self.unit == "frames":
            text = f"frame {_plain(self.value)}"
        elif self.unit == "share":
            text = f"{_plain(100 * self.value)} % of the clip"
        else:
            text = f"{_plain(self.value)} s"
        return f"{text} before the end" if self.from_end else text

    def seconds(self, duration: Fraction, rate: Fraction) -> Fraction:
        """Where it lies in a clip, in seconds from its beginning.

        Args:
            duration: of the clip, in seconds.
            rate: its frames per second.
        """
        scale = {"seconds": Fraction(1), "frames": 1 / rate, "share": duration}[self.unit]
        return duration - self.value * scale if self.from_end else self.value * scale


def _plain(value: Fraction) -> str:
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


def parse_point(text: str | float) -> TimePoint:
    """Reads a point in time.

    Raises:
        ValueError: it is none; the message says how one is written.
    """
    given = format(Decimal(str(text)), "f") if isinstance(text, float) else str(text).strip()
    from_end, plain = given.startswith("-"), given.removeprefix("-").strip()
    if match := _FRAME.fullmatch(plain):
        return TimePoint(Fraction(match[1]), "frames", from_end)
    if match := _SHARE.fullmatch(plain):
        if Fraction(match[1]) <= 100:
            return TimePoint(Fraction(match[1]) / 100, "share", from_end)
    elif match := _CLOCK.fullmatch(plain):
        hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
        if match[2] is None or seconds < 60:
            return TimePoint(3600 * hours + 60 * minutes + seconds, "seconds", from_end)
    raise ValueError(f"{given!r} is not a time; write {FORMS}")


@dataclass(frozen=True)
class Span:
    """When an edit is seen.

    Attributes:
        start: where it begins; None for the beginning of the clip.
        end: before where it ends; None for the end of the clip.
        found_at: where its target is looked for; None for all over the clip.
    """

    start: TimePoint | None = None
    end: TimePoint | None = None
    found_at: TimePoint | None = None

    @property
    def words(self) -> str:
        """For people; empty for the whole clip."""
        parts = []
        if self.start is not None:
            parts.append(f"from {self.start.words}")
        if self.end is not None:
            parts.append(f"to {self.end.words}")
        if self.found_at is not None:
            parts.append(f"(looked for at {self.found_at.words})")
        return " ".join(parts)

    @property
    def is_backwards(self) -> bool:
        """Whether its end cannot come after its beginning in any clip."""
        start, end = self.start, self.end
        if start is None or end is None or (start.unit, start.from_end) != (end.unit, end.from_end):
            return False
        return start.value <= end.value if start.from_end else end.value <= start.value

    def seconds(self, duration: Fraction, rate: Fraction) -> tuple[Fraction, Fraction]:
        """Its beginning and end in a clip, in seconds from the clip's beginning.

        Raises:
            UsageError: it lies outside the clip, or ends before it begins.
        """
        start = Fraction(0) if self.start is None else self.start.seconds(duration, rate)
        end = duration if self.end is None else self.end.seconds(duration, rate)
        for point, value in ((self.start, start), (self.end, end)):
            if point is not None and not (0 <= value <= duration):
                raise UsageError(_outside(point, duration))
        if self.start is not None and start >= duration:
            raise UsageError(_outside(self.start, duration))
        if end <= start:
            raise UsageError(f"an edit cannot last {self.words}: its end does not come after its beginning")
        if self.found_at is not None and not 0 <= self.found_at.seconds(duration, rate) < duration:
            raise UsageError(_outside(self.found_at, duration))
        return start, end


def _outside(point: TimePoint, duration: Fraction) -> str:
    return f"{point.words} lies outside the clip, which is {_plain(duration)} s long"


WHOLE = Span()
"""All of a clip."""
