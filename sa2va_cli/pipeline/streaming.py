"""Masks one frame after the other, as they are asked for: what the Python door gives."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import chain, islice
from typing import Any

from sa2va_cli.datatypes import (
    Followed,
    FoundObject,
    Frame,
    FrameMasks,
    Memory,
    Queries,
    Segmenter,
    View,
)
from sa2va_cli.errors import InputError
from sa2va_cli.events import no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.between import sparsely
from sa2va_cli.pipeline.finding import find, follow
from sa2va_cli.pipeline.following import follow_found
from sa2va_cli.pipeline.motion import MotionCheck
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.pointing import with_masks
from sa2va_cli.pipeline.regrounding import found_in
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.selection import selection
from sa2va_cli.pipeline.shots import shots_of
from sa2va_cli.queues import read_ahead
from sa2va_cli.tracks.confidence import gathered


def stream(
    segmenter: Segmenter[View, Queries, Memory], source: str | Reader, search: Search
) -> Generator[FrameMasks, None, None]:
    """Yields the masks of one frame after the other, lazily; leaves no thread behind when closed early.

    Args:
        segmenter: the network.
        source: what a person would type as the input, or what is open already.
        search: what is looked for.

    Raises:
        InputError: the source cannot be read.
    """
    opening: AbstractContextManager[Reader] = (
        nullcontext(source) if isinstance(source, Reader) else opened(source, search, no_report)
    )
    with opening as reader, segmenter.open(still=reader.info.kind == "image") as opened_session:
        session = sparsely(opened_session, search, still=reader.info.kind == "image")
        if search.when is not None:
            from sa2va_cli.pipeline.moments import during

            search = during(search, reader, segmenter)
            reader = reader.narrowed(selection(search))  # noqa: PLW2901  (the same input)
        search = with_masks(search)
        shots = shots_of(reader, search)
        findings = found_in(session, reader, search, shots)
        motion = MotionCheck(shots)
        with (
            read_ahead(reader) as frames,
            closing(follow_found(session, reader, findings, search.threshold, frames=frames)) as followed,
        ):
            for one in followed:
                yield judged(one, findings.objects, search.threshold, motion)


def stream_frames(
    segmenter: Segmenter[View, Queries, Memory], frames: Iterator[Frame], search: Search
) -> Generator[FrameMasks, None, None]:
    """The same for frames that come once: the language model sees the first ones.

    Raises:
        InputError: there is no frame.
    """
    with segmenter.open() as opened_session:
        session = sparsely(opened_session, search)
        first = list(islice(frames, search.keyframes))
        if not first:
            raise InputError("there are no frames")
        findings = find(session, first, search)
        motion = MotionCheck()
        wanted: Iterable[Frame] = islice(chain(first, frames), search.max_frames)
        with closing(follow(session, wanted, findings)) as followed:
            for one in followed:
                yield judged(one, findings.objects, search.threshold, motion)


def judged(
    one: Followed[Any], objects: tuple[FoundObject, ...], threshold: float, motion: MotionCheck
) -> FrameMasks:
    """What the network says about the next frame, and how far that can be trusted."""
    agreements = motion.agreements(one.frame, one.logits)
    evidence = gathered(one.logits, threshold, one.scores, one.ious, agreements, one.worded, objects)
    return FrameMasks(one.frame, one.logits, one.scores, threshold, objects, evidence=evidence)
