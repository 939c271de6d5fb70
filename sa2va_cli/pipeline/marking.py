"""Where what an answer marks is, on the frames that the model saw.

Knows nothing about questions, nor about what is followed.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from sa2va_cli.conversation import ChatEngine, Reply
from sa2va_cli.datatypes import AnySegmenter, Followed, FrameMasks
from sa2va_cli.pipeline.asking_job import FoundMask, Viewing
from sa2va_cli.pipeline.viewing import Viewed, number_of


def segmenter_of(engine: Any) -> AnySegmenter:
    """A model with masks as what follows objects, which it is, too."""
    segmenter: AnySegmenter = engine
    return segmenter


def masks_seen(
    engine: ChatEngine, inputs: Sequence[Viewed], viewing: Viewing, reply: Reply
) -> tuple[FoundMask, ...]:
    """Masks of what an answer finds, on the frames that the model saw."""
    if not engine.has_masks or not len(reply.queries):
        return ()
    from sa2va_cli.export.coco import encode_mask

    found = []
    for place, one in enumerate(inputs):
        for masks in masks_on(engine, one, reply, viewing):
            for number, mask in enumerate(masks.masks, 1):
                if mask.any():
                    score = float(masks.scores[number - 1])
                    frame = number_of(masks.frame)
                    found.append(FoundMask(place, number, frame, encode_mask(mask), score))
    return tuple(found)


def masks_on(
    engine: ChatEngine, one: Viewed, reply: Reply, viewing: Viewing
) -> Generator[FrameMasks, None, None]:
    """Masks of what an answer finds, on each frame of an input that the model saw."""
    for followed in _decoded(segmenter_of(engine), one, reply):
        yield FrameMasks(followed.frame, followed.logits, followed.scores, viewing.threshold)


def _decoded(segmenter: AnySegmenter, one: Viewed, reply: Reply) -> Generator[Followed[Any], None, None]:
    """The objects of an answer on the frames that the model saw, as they are first decoded there."""
    with segmenter.open(still=one.kind == "image") as session:
        memory = session.condition([(frame.index, frame.image) for frame in one.frames], [reply.queries])
        with closing(session.follow(iter(one.frames), memory, count=len(one.frames))) as followed:
            yield from followed


def visible(segmenter: AnySegmenter, one: Viewed, reply: Reply, threshold: float = 0.5) -> list[bool]:
    """On which of the frames that the model saw an answer's objects are."""
    if not len(reply.queries):
        return [False] * len(one.frames)
    seen = []
    for followed in _decoded(segmenter, one, reply):
        masks = FrameMasks(followed.frame, followed.logits, followed.scores, threshold).masks
        shown = [mask.any() and score > 0.5 for mask, score in zip(masks, followed.scores, strict=True)]
        seen.append(bool(np.any(shown)))
    return seen
