"""SMPTE timecode: names of frames as editors count them, with and without dropped numbers.

Drop-frame timecode leaves out the first two numbers of each minute that is not a tenth one (four at 60 frames
per second), so that at 30000/1001 frames per second it follows the clock (SMPTE ST 12-1). Knows nothing about
files.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from sa2va_cli.errors import UsageError

_LABEL = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Timecode:
    """One frame's name.

    Attributes:
        frames: frames since midnight.
        base: numbers in a second: the rate, rounded up to a whole one.
        drop: whether numbers are dropped; only for 30 and 60 in a second.
    """

    frames: int
    base: int
    drop: bool = False

    def __post_init__(self) -> None:
        if self.base < 1:
            raise ValueError(f"base must be 1 or more, got {self.base}")
        if self.drop and self.base not in (30, 60):
            raise ValueError(f"numbers are dropped at 30 and 60 in a second only, got {self.base}")

    @classmethod
    def parse(cls, text: str, rate: Fraction) -> Self:
        """Reads ``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` with dropped numbers.

        Args:
            text: the timecode.
            rate: frames per second.

        Raises:
            UsageError: when it is none, or names no frame at this rate.
        """
        match = _LABEL.fullmatch(text.strip())
        base = base_of(rate)
        drop = match is not None and match[4] != ":"
        if match is None or (drop and base not in (30, 60)):
            other = f" at {base} frames per second" if match is not None else ""
            raise UsageError(f"{text!r} is not a timecode{other}; give HH:MM:SS:FF, or HH:MM:SS;FF at 29.97")
        hours, minutes, seconds, number = (int(match[group]) for group in (1, 2, 3, 5))
        if hours > 23 or minutes > 59 or seconds > 59 or number >= base:
            raise UsageError(f"{text!r} names no frame; there are {base} frames in a second, from 00")
        skipped = _dropped(base) if drop else 0
        if minutes % 10 and seconds == 0 and number < skipped:
            raise UsageError(f"{text!r} names no frame; drop-frame timecode leaves this number out")
        whole = hours * 60 + minutes
        frames = (whole * 60 + seconds) * base + number - skipped * (whole - whole // 10)
        return cls(frames, base, drop)

    def __add__(self, frames: int) -> "Timecode":
        """The name of the frame so many frames on; midnight follows the last one of a day."""
        return Timecode((self.frames + frames) % self._day, self.base, self.drop)

    @property
    def _day(self) -> int:
        skipped = _dropped(self.base) if self.drop else 0
        return _DAY_SECONDS * self.base - skipped * (24 * 60 - 24 * 6)

    def at_rate(self, rate: Fraction) -> "Timecode":
        """The name of the frame shown at the same time where frames are counted at another rate."""
        base = base_of(rate)
        if base == self.base:
            return self
        plain = Timecode.parse(str(self).replace(";", ":"), Fraction(self.base))
        seconds, number = divmod(plain.frames, plain.base)
        return Timecode(seconds * base + number * base // self.base, base)

    def __str__(self) -> str:
        """``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` with dropped numbers."""
        number = self.frames % self._day
        if self.drop:
            skipped = _dropped(self.base)
            in_minute = 60 * self.base - skipped
            in_ten = 10 * in_minute + skipped
            tens, rest = divmod(number, in_ten)
            minutes = max(0, rest - skipped) // in_minute
            number += skipped * (9 * tens + minutes)
        seconds, frame = divmod(number, self.base)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        sign = ";" if self.drop else ":"
        return f"{hour:02}:{minute:02}:{second:02}{sign}{frame:02}"


def written(text: str) -> str:
    """A timecode with two digits for its frame, of which FFmpeg gives one at up to 10 frames per second."""
    return re.sub(r"([:;.])(\d)$", r"\g<1>0\2", text)


def base_of(rate: Fraction) -> int:
    """How many numbers a second has: 24 for 24000/1001, 30 for 30000/1001."""
    return max(1, round(rate))


def _dropped(base: int) -> int:
    return base // 15
