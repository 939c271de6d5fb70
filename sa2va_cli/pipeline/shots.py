"""Which frames of a clip belong together: its shots, or stretches of some seconds.

Knows nothing about networks.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sa2va_cli.datatypes import RGB
from sa2va_cli.events import LOOKING_FOR_CUTS, Progress, Report, no_report
from sa2va_cli.media.cuts import SIZE, find_cuts
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.search import Search
from sa2va_cli.queues import read_ahead

_TOLD_EVERY = 24
"""Frames after which progress is told."""


@dataclass(frozen=True)
class Shots:
    """Stretches of frames that follow each other without a gap.

    Attributes:
        firsts: ``Frame.index`` of the first frame of each, from 0.
        total: frames in all.
    """

    firsts: tuple[int, ...]
    total: int

    def __len__(self) -> int:
        return len(self.firsts)

    @property
    def spans(self) -> tuple[range, ...]:
        """The frames of each."""
        return tuple(
            range(first, stop)
            for first, stop in zip(self.firsts, (*self.firsts[1:], self.total), strict=True)
        )

    def place_of(self, index: int) -> int:
        """Which one a frame lies in, from 0."""
        return max(0, bisect_right(self.firsts, index) - 1)


ONE = Shots((0,), 1)
"""A clip of one shot; of how many frames does not count here."""


def shots_of(reader: Reader, search: Search, report: Report = no_report) -> Shots:
    """Finds where the language model looks again; decodes the clip once if that is at cuts.

    Args:
        reader: the clip.
        search: says how.
        report: is told how far that is.
    """
    total = reader.count_selected()
    how = regrounding(search, reader.info.kind)
    if how == "off" or total < 2:
        return Shots((0,), total)
    if how != "scenes":
        return Shots(tuple(_each(reader, Fraction(how))), total)
    with read_ahead(reader.glimpses(SIZE)) as pictures:
        cuts = find_cuts(_told(pictures, total, report), float(reader.rate))
        return Shots((0, *cuts), total)


def regrounding(search: Search, kind: str) -> str:
    """When the language model looks again: ``off``, ``scenes``, or after so many seconds.

    Without an answer of the user's, at the cuts of a video: not where the official way is asked for, and not
    where nothing is said in words, as then there is nothing to ask again.

    Args:
        search: what was asked for.
        kind: of the input, ``video``, ``image`` or ``frames``.
    """
    if kind == "image":
        return "off"
    if search.reground is None:
        usual = kind == "video" and search.has_words and search.sampling != "first"
        return "scenes" if usual else "off"
    return search.reground.removeprefix("every:")


def _each(reader: Reader, seconds: Fraction) -> Iterator[int]:
    """The first frame of each stretch of so many seconds."""
    base, begin, number = reader.info.time_base, None, -1
    for index, stamp in enumerate(reader.stamps()):
        begin = stamp if begin is None else begin
        place = int((stamp - begin) * base / seconds)
        if place > number:
            number = place
            yield index


def _told(pictures: Iterable[tuple[int, RGB]], total: int, report: Report) -> Iterator[tuple[int, RGB]]:
    for done, picture in enumerate(pictures, 1):
        yield picture
        if done % _TOLD_EVERY == 0:
            report(Progress(LOOKING_FOR_CUTS, done, total))


def cut_at(firsts: Sequence[int], first: int, last: int, begin: int, end: int) -> tuple[int, int]:
    """Shortens a stretch of frames to the shots that two frames in it lie in.

    Args:
        firsts: the first frame of each shot; none for a clip of one.
        first: of the stretch.
        last: of the stretch.
        begin: the first of the two frames.
        end: the second one.
    """
    shots = Shots(tuple(firsts) or (0,), last + 1)
    spans = shots.spans
    return max(first, spans[shots.place_of(begin)].start), min(last, spans[shots.place_of(end)].stop - 1)
