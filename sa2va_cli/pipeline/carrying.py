"""An object that somebody points at, from that frame on in both directions at once, as a person waits for it.

The frame itself comes first, then one frame after it and one before it in turn, so that both sides of it can
be looked at while the rest is still to come. Whoever reads decides when the next frame is made, and may stop.
Knows nothing about logs.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from sa2va_cli.datatypes import Followed, Frame, FrameMasks, Session
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.media.reader import Reader
from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.pipeline.motion import MotionCheck
from sa2va_cli.pipeline.pointing import not_decoded
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.pipeline.shots import cut_at
from sa2va_cli.tracks.corrections import NewMask
from sa2va_cli.visual_prompts import Pointed


def extent(index: int, others: Iterable[int], shots: Iterable[int], frames: int) -> tuple[int, int]:
    """From where to where something counts that is said about an object on a frame, both included.

    Args:
        index: of the frame.
        others: frames on which something else was said about the object: it counts up to these.
        shots: the first frame of each shot: it does not count over a cut.
        frames: how many the clip has.
    """
    said = set(others)
    first = max((other + 1 for other in said if other < index), default=0)
    last = min((other - 1 for other in said if other > index), default=frames - 1)
    return cut_at(tuple(shots), first, last, index, index)


def frame_at(reader: Reader, index: int) -> Frame:
    """One frame.

    Raises:
        InputError: it cannot be decoded.
    """
    frames = reader.frames_at([index])
    if not frames:
        raise not_decoded(reader, index)
    return frames[0]


def find_on(session: Session[Any, Any, Any], frame: Frame, words: str, threshold: float) -> Pointed:
    """Finds what words name on one frame, as a mask that can be followed from there.

    Args:
        session: of the clip.
        frame: what the language model sees.
        words: what is looked for; where they name several things, the first one that is answered counts.
        threshold: probability above which a pixel belongs to a mask.

    Raises:
        NothingFoundError: the model sees nothing like that there.
    """
    grounding, _ = session.ground(session.look([frame.image]), question(words, verbatim=False))
    answer = spoken(grounding.answer)
    nothing = NothingFoundError(
        f"nothing matches {words!r} on frame {frame.index}; the model says: {answer}",
        {words: answer},
        "try other words or another frame, or point at it",
    )
    if not len(grounding.queries):
        raise nothing
    memory = session.condition([(frame.index, frame.image)], [grounding.queries[:1]])
    with closing(session.follow(iter([frame]), memory, count=1)) as followed:
        one = next(followed)
    mask = FrameMasks(frame, one.logits, one.scores, threshold).masks[0]
    if not mask.any():
        raise nothing
    return Pointed(0, frame.index, frame.image, mask=mask)


def carry(
    session: Session[Any, Any, Any],
    reader: Reader,
    frame: Frame,
    pointed: Pointed,
    first: int,
    last: int,
    workers: int = 1,
) -> Generator[tuple[int, NewMask], None, None]:
    """Carries one object from a frame to both ends of a stretch.

    Args:
        session: of the clip.
        reader: the clip.
        frame: the one that is pointed at.
        pointed: what is said about the object there.
        first: index of the first frame of the stretch.
        last: index of the last one.
        workers: see ``Session.follow``.

    Yields:
        The index of a frame and the object's mask there: the frame itself, then by turns after and before it.
        ``NewMask.agreement`` is with the mask of the neighbour that is nearer to the frame.
    """
    pointed = replace(pointed, row=0, index=frame.index)
    ways = session.point(None, (), 1, [pointed], {0: (first, last)})
    with ExitStack() as stack:
        # By itself, so that whoever waits for it does not wait for others that are encoded ahead.
        with closing(session.follow(iter([frame]), ways.forwards, count=1)) as followed:
            begin = next(followed)
        motion = MotionCheck()
        yield begin.frame.index, _mask(begin, motion)
        later = _frames(stack, reader.part(frame.index + 1, last + 1))
        forwards = session.follow(later, begin.memory, count=last - frame.index, workers=workers)
        stack.enter_context(closing(forwards))
        sides = [_told(forwards, motion)]
        if ways.backwards is not None and first < frame.index:
            earlier = _frames(stack, reader.backwards(first, frame.index))
            backwards = session.follow(earlier, ways.backwards, count=frame.index - first, workers=workers)
            stack.enter_context(closing(backwards))
            motion = MotionCheck()
            motion.agreements(frame, begin.logits)
            sides.append(_told(backwards, motion))
        yield from _by_turns(sides)


def _frames(stack: ExitStack, frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames whose decoder is closed with the stack."""
    close = getattr(frames, "close", None)
    if close is not None:
        stack.callback(close)
    return frames


def _told(
    followed: Generator[Followed[Any], None, None], motion: MotionCheck
) -> Iterator[tuple[int, NewMask]]:
    for one in followed:
        yield one.frame.index, _mask(one, motion)


def _mask(one: Followed[Any], motion: MotionCheck) -> NewMask:
    agreement = float(motion.agreements(one.frame, one.logits)[0])
    return NewMask(one.logits[0], float(one.scores[0]), float(one.ious[0]), agreement)


def _by_turns(
    sides: list[Iterator[tuple[int, NewMask]]],
) -> Iterator[tuple[int, NewMask]]:
    """One of each, until all are empty."""
    while sides:
        for one in tuple(sides):
            found = next(one, None)
            if found is None:
                sides.remove(one)
            else:
                yield found
