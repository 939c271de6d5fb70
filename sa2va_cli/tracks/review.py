"""Which parts of a clip are worth a look: frames whose masks are not to be trusted, joined to ranges.

Takes frames one after the other and remembers a few numbers for each range. Knows nothing about files.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from sa2va_cli.datatypes import FoundObject, FrameMasks, Reason
from sa2va_cli.tracks.confidence import DOUBTFUL, JOINED


@dataclass(frozen=True)
class DoubtfulRange:
    """A stretch of a clip where the mask of one object may be wrong.

    Attributes:
        object: the object's number in the run.
        label: what it is called.
        first: number of the first frame in the source, from 0.
        last: number of the last frame, which still belongs to it.
        start: seconds from the source's first frame to the first one of the range.
        end: seconds from there to the last one.
        reason: what most of its doubtful frames have in common.
        confidence: of its worst frame, 0..1.
    """

    object: int
    label: str
    first: int
    last: int
    start: float
    end: float
    reason: Reason
    confidence: float

    @property
    def text(self) -> str:
        """The range on one line, for people."""
        return f"{clock(self.start)}-{clock(self.end)} {self.label}: {self.reason}"


def clock(seconds: float) -> str:
    """Seconds as ``0:12.1`` or ``1:02:12.1``."""
    tenths = round(10 * max(0.0, seconds))
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest // 10:02}.{rest % 10}"
    return f"{hours}:{minutes:02}:{text}" if hours else f"{minutes}:{text}"


@dataclass
class _Open:
    """A range that may go on."""

    first: int
    start: float
    last: int
    end: float
    index: int
    worst: float
    reasons: Counter[Reason] = field(default_factory=Counter)


class Review:
    """Finds the ranges of all objects of a clip.

    Args:
        objects: what the rows of all masks are.
        start: seconds of the source's first frame on its own clock.
    """

    def __init__(self, objects: tuple[FoundObject, ...], start: Fraction = Fraction(0)) -> None:
        self._objects = objects
        self._start = start
        self._open: dict[int, _Open] = {}
        self._ranges: list[DoubtfulRange] = []

    def add(self, masks: FrameMasks) -> None:
        """Takes the next frame; one whose masks nobody has judged is trusted."""
        if masks.evidence is None:
            return
        frame = masks.frame
        number = frame.index if frame.source_index is None else frame.source_index
        seconds = float(frame.pts * frame.time_base - self._start)
        for row, (confidence, reason) in enumerate(
            zip(masks.evidence.confidences.tolist(), masks.evidence.reasons, strict=True)
        ):
            self.note(row, frame.index, number, seconds, confidence, reason)

    def note(
        self, row: int, index: int, number: int, seconds: float, confidence: float, reason: Reason
    ) -> None:
        """Takes the mask of one object on the next frame.

        Args:
            row: of the object.
            index: of the frame.
            number: of the frame in the source.
            seconds: its time since the source's first frame.
            confidence: of the mask.
            reason: what most speaks against it.
        """
        if confidence >= DOUBTFUL:
            return
        one = self._open.get(row)
        if one is not None and index - one.index > JOINED + 1:
            self._ranges.append(self._closed(row, one))
            one = None
        if one is None:
            one = self._open[row] = _Open(number, seconds, number, seconds, index, confidence)
        one.last, one.end, one.index = number, seconds, index
        one.worst = min(one.worst, confidence)
        one.reasons[reason] += 1

    def _closed(self, row: int, one: _Open) -> DoubtfulRange:
        found = self._objects[row]
        return DoubtfulRange(
            object=found.id,
            label=found.label,
            first=one.first,
            last=one.last,
            start=round(one.start, 3),
            end=round(one.end, 3),
            reason=one.reasons.most_common(1)[0][0],
            confidence=round(one.worst, 3),
        )

    def ranges(self) -> tuple[DoubtfulRange, ...]:
        """All ranges so far, by their beginning."""
        still = [self._closed(row, one) for row, one in self._open.items()]
        return tuple(sorted([*self._ranges, *still], key=lambda one: (one.first, one.object)))
