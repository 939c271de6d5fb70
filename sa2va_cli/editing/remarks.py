"""What a person should look at in a finished edit, frames in a row as one range."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sa2va_cli.datatypes import Remark

EXPOSING = ("unprotected", "doubtful")
"""What is said of frames on which something that should be hidden may be seen."""


@dataclass(frozen=True)
class RemarkedRange:
    """Frames in a row about which the same is to be said.

    Attributes:
        effect: which one says it.
        what: ``unprotected``, ``doubtful`` or ``invented``, as in ``Remark``.
        first: frame of the run, from 0.
        last: likewise, itself included.
        begin_seconds: time of the first.
        end_seconds: time of the last.
        share: of the target's pixels that it is about, the most on any of the frames.
    """

    effect: str
    what: str
    first: int
    last: int
    begin_seconds: float
    end_seconds: float
    share: float

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @property
    def text(self) -> str:
        """For people."""
        frames = f"frame {self.first}" if self.first == self.last else f"frames {self.first} to {self.last}"
        times = f"{self.begin_seconds:.2f} s" + (
            "" if self.first == self.last else f" to {self.end_seconds:.2f} s"
        )
        if self.what == "unprotected":
            return f"{self.effect} found nothing to hide on {frames} ({times})"
        if self.what == "doubtful":
            return f"{self.effect} was not sure what to hide on {frames} ({times})"
        return f"{self.effect} had to guess up to {self.share:.0%} of what is behind on {frames} ({times})"


def remarked_ranges(remarks: Iterable[Remark]) -> tuple[RemarkedRange, ...]:
    """Joins remarks on frames in a row; the same from two outputs is one."""
    ranges: list[RemarkedRange] = []
    for one in sorted(set(remarks), key=lambda remark: (remark.what, remark.effect, remark.index)):
        last = ranges[-1] if ranges else None
        if last and (last.effect, last.what) == (one.effect, one.what) and one.index <= last.last + 1:
            share = max(last.share, one.share)
            ranges[-1] = RemarkedRange(
                one.effect, one.what, last.first, one.index, last.begin_seconds, one.seconds, share
            )
        else:
            ranges.append(
                RemarkedRange(one.effect, one.what, one.index, one.index, one.seconds, one.seconds, one.share)
            )
    return tuple(ranges)
