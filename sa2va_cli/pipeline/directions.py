"""Objects that were pointed at on the way, followed in both directions with bounded memory.

First backwards, from the last frame on which an object begins: what is found is coded into a scratch file.
Then forwards over all frames, and what lies before each object's beginning comes from the scratch file. So
each frame is decoded twice at most for this, and results come in the order of frames.
"""

import struct
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from sa2va_cli.datatypes import Followed, Frame, Memory, Queries, Session, View
from sa2va_cli.events import Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.finding import Findings, follow
from sa2va_cli.queues import read_ahead
from sa2va_cli.staging import require_temporary_folder
from sa2va_cli.tracks.coding import decode, encode

_ROW = struct.Struct("<HffI")
_IN_MEMORY = 1 << 24
"""Bytes up to which a scratch file is none."""


class Scratch:
    """Masks of single objects on single frames, coded as in a log, in any order.

    Args:
        threshold: probability above which a pixel belongs to a mask.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        # Closed in __exit__.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=require_temporary_folder())  # noqa: SIM115
        self._places: dict[int, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        """It is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It is gone."""
        self._file.close()

    def add(self, one: Followed[Any], rows: Sequence[int]) -> None:
        """Keeps some of the objects of a frame."""
        begin = self._file.seek(0, 2)
        for row in rows:
            payload = encode(one.logits[row], self._threshold)
            head = _ROW.pack(row, float(one.scores[row]), float(one.ious[row]), len(payload))
            self._file.write(head + payload)
        self._places[one.frame.index] = begin, self._file.tell() - begin

    def put_into(self, one: Followed[Any]) -> Followed[Any]:
        """A frame with what is kept of it in its place."""
        if one.frame.index not in self._places:
            return one
        begin, length = self._places[one.frame.index]
        self._file.seek(begin)
        data = self._file.read(length)
        logits, scores, ious = one.logits.copy(), one.scores.copy(), one.ious.copy()
        place = 0
        while place < length:
            row, scores[row], ious[row], size = _row(data, place)
            place += _ROW.size
            logits[row] = decode(data[place : place + size])
            place += size
        return replace(one, logits=logits, scores=scores, ious=ious)


def _row(data: bytes, place: int) -> tuple[int, float, float, int]:
    row, score, iou, size = _ROW.unpack_from(data, place)
    return row, score, iou, size


def follow_both_ways(
    session: Session[View, Queries, Memory],
    reader: Reader,
    findings: Findings[Memory],
    threshold: float,
    *,
    frames: Iterable[Frame] | None = None,
    span: range | None = None,
    report: Report = no_report,
    workers: int = 1,
) -> Generator[Followed[Memory] | Followed[None], None, None]:
    """Carries the objects through the frames, in order; see ``finding.follow``.

    Args:
        session: of the clip.
        reader: the clip.
        findings: what is followed.
        threshold: probability above which a pixel belongs to a mask.
        frames: those that are followed forwards, where the caller has them already; None to decode the span.
        span: the frames that are looked at; None for all.
        report: is told how far following backwards is, and what a person should know.
        workers: see ``Session.follow``.
    """
    whole = range(reader.count_selected()) if span is None else span
    ahead = _decoded(reader.part(whole.start, whole.stop)) if frames is None else (one for one in frames)
    way = follow(session, ahead, findings, frame_count=len(whole), report=report, workers=workers)
    with closing(ahead), closing(way), Scratch(threshold) as scratch:
        if findings.backwards is not None:
            _follow_backwards(session, reader, findings, whole, scratch, report, workers)
        for one in way:
            yield scratch.put_into(one)


def _follow_backwards(
    session: Session[View, Queries, Memory],
    reader: Reader,
    findings: Findings[Memory],
    span: range,
    scratch: Scratch,
    report: Report,
    workers: int,
) -> None:
    assert findings.backwards is not None  # noqa: S101  (the caller has looked)
    stop = max(findings.begins.values())
    frames = _decoded(reader.backwards(span.start, stop))
    way = session.follow(frames, findings.backwards, count=stop - span.start, workers=workers)
    with closing(frames), closing(way):
        for done, one in enumerate(way, 1):
            scratch.add(one, _before(findings.begins, one.frame.index))
            report(Progress("following backwards", done, stop - span.start))


def _before(begins: Mapping[int, int], index: int) -> list[int]:
    """The rows of objects that begin after a frame."""
    return [row for row, begin in begins.items() if index < begin]


def _decoded(frames: Iterable[Frame]) -> Generator[Frame, None, None]:
    """Frames decoded ahead in a thread."""
    with read_ahead(frames) as ready:
        yield from ready
