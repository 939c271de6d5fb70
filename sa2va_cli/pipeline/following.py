"""Carries what was found through the frames of a clip, shot by shot where there are several.

A shot is conditioned when its turn comes, on keyframes of its own, and nothing that was remembered of the
one before is carried on: what is not found in it has empty masks there. Knows nothing about what was asked.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from sa2va_cli.datatypes import ABSENT_LOGIT, Followed, Frame, Memory, Queries, Session, View
from sa2va_cli.events import Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.directions import follow_both_ways
from sa2va_cli.pipeline.finding import Findings, begins_of, follow
from sa2va_cli.pipeline.pointing import read_pictures
from sa2va_cli.pipeline.regrounding import Shot, ShotFindings
from sa2va_cli.pipeline.search import Search


def follow_found(
    session: Session[View, Queries, Memory],
    reader: Reader,
    findings: Findings[Memory],
    threshold: float,
    *,
    frames: Iterable[Frame] | None = None,
    after: tuple[int, Memory | None] | None = None,
    report: Report = no_report,
    workers: int = 1,
) -> Generator[Followed[Memory] | Followed[None], None, None]:
    """Carries the objects through the frames, in order, shot by shot where there are several.

    Args:
        session: of the clip.
        reader: the clip.
        findings: what is followed.
        threshold: probability above which a pixel belongs to a mask.
        frames: those that are followed, where the caller has them already; None to decode all.
        after: the last frame that was followed before, and the memory after it; None to begin.
        report: is told what a person should know.
        workers: see ``Session.follow``.
    """
    if not isinstance(findings, ShotFindings):
        if after is not None:
            findings = replace(findings, memory=after[1])
        yield from follow_both_ways(
            session, reader, findings, threshold, frames=frames, report=report, workers=workers
        )
        return
    parted = _Parted(iter(reader) if frames is None else iter(frames))
    for shot in findings.shots:
        if after is not None and shot.span.stop - 1 <= after[0]:
            continue
        part = parted.before(shot.span.stop)
        if not shot.rows:
            yield from (_absent(frame, len(findings.objects), session.grid) for frame in part)
            continue
        found: Findings[Memory] = _conditioned(session, reader, findings.search, shot)
        if after is not None and after[0] in shot.span:
            found = replace(found, memory=after[1])
        way = follow_both_ways(
            session,
            reader,
            found,
            threshold,
            frames=part,
            span=shot.span,
            report=report,
            workers=workers,
        )
        with closing(way):
            for one in way:
                yield _among(one, shot.rows, len(findings.objects))


def on_keyframes(
    session: Session[View, Queries, Memory],
    reader: Reader,
    findings: Findings[Memory],
    frames: Sequence[Frame],
    report: Report = no_report,
) -> Generator[Followed[Memory] | Followed[None], None, None]:
    """What was found on keyframes, which are decoded and not tracked; nothing is followed to them.

    Args:
        session: of the clip.
        reader: the clip.
        findings: whose keyframes are shown as they are decoded.
        frames: the keyframes, and those that were pointed at.
        report: is told what a person should know.
    """
    if not isinstance(findings, ShotFindings):
        yield from follow(session, frames, findings, frame_count=len(frames), report=report)
        return
    for shot in findings.shots:
        part = [frame for frame in frames if frame.index in shot.span]
        if not shot.rows:
            yield from (_absent(frame, len(findings.objects), session.grid) for frame in part)
            continue
        found: Findings[Memory] = _conditioned(session, reader, findings.search, shot)
        for one in follow(session, part, found, frame_count=len(part), report=report):
            yield _among(one, shot.rows, len(findings.objects))


class _Parted:
    """Frames in order, given out in parts.

    Args:
        frames: all of them.
    """

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._held: Frame | None = None

    def before(self, stop: int) -> Generator[Frame, None, None]:
        """Those that come before an index and were not given out yet."""
        while True:
            frame = self._held or next(self._frames, None)
            self._held = None
            if frame is None:
                return
            if frame.index >= stop:
                self._held = frame
                return
            yield frame


def _conditioned(
    session: Session[View, Queries, Memory], reader: Reader, search: Search, shot: Shot[Queries]
) -> Findings[Memory]:
    """Conditions a shot on its keyframes and on what was pointed at in it; its objects are ``shot.rows``."""
    queries = [one.queries for one in shot.groundings.values() if len(one)]
    memory = None
    if queries:
        keyframes = [(frame.index, frame.image) for frame in reader.frames_at(shot.keyframes)]
        memory = session.condition(keyframes, queries, track_keyframes=search.tracks_keyframes)
    if not shot.pointed:
        return Findings((), {}, memory)
    pictures = read_pictures(shot.pointed, reader)
    said = [one.on(frame.image, row) for (one, frame), row in zip(pictures, shot.at, strict=True)]
    worded = sum(len(one) for one in shot.groundings.values())
    span = shot.span.start, shot.span.stop - 1
    ways = session.point(
        memory, range(worded), len(shot.rows), said, dict.fromkeys(range(len(shot.rows)), span)
    )
    return Findings((), {}, ways.forwards, ways.backwards, begins_of(said))


def _absent(frame: Frame, objects: int, grid: int) -> Followed[None]:
    """A frame of a shot in which nothing was found."""
    logits = np.full((objects, grid, grid), ABSENT_LOGIT, np.float32)
    scores, ious = np.zeros((2, objects), np.float32)
    return Followed(frame, logits, scores, ious, None)


def _among(one: Followed[Any], rows: Sequence[int], objects: int) -> Followed[Any]:
    """What was found in a shot among all objects of the clip."""
    if list(rows) == list(range(objects)):
        return one
    logits = np.full((objects, *one.logits.shape[1:]), ABSENT_LOGIT, np.float32)
    scores, ious = np.zeros((2, objects), np.float32)
    chosen = list(rows)
    logits[chosen], scores[chosen], ious[chosen] = one.logits, one.scores, one.ious
    worded = None
    if one.worded is not None:
        worded = np.full(objects, np.nan, np.float32)
        worded[chosen] = one.worded
    return replace(one, logits=logits, scores=scores, ious=ious, worded=worded)
