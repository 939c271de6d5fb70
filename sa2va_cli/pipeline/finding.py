"""From prompts and frames to masks: the language model is asked once, then the objects are followed."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sa2va_cli.datatypes import RGB, FoundObject, Frame, FrameMasks, Grounding, Segmenter
from sa2va_cli.pipeline.job import Search
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.pipeline.stages import read_ahead


@dataclass(frozen=True, eq=False)
class Findings:
    """What the prompts found on the keyframes.

    Attributes:
        objects: one for each ``[SEG]`` of each answer, in that order.
        answers: the language model's words, by prompt.
        memory: what ``Segmenter.step`` starts from; None when there is no object.
    """

    objects: tuple[FoundObject, ...]
    answers: dict[str, str]
    memory: Any = field(repr=False)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Prompts that found nothing."""
        matched = {found.prompt for found in self.objects}
        return tuple(prompt for prompt in self.answers if prompt not in matched)


def find(segmenter: Segmenter, keyframes: Sequence[Frame], search: Search, *, still: bool) -> Findings:
    """Asks the language model for each prompt and decodes its answers on the keyframes."""
    groundings = _ask(segmenter, [frame.image for frame in keyframes], search, still=still)
    objects: list[FoundObject] = []
    for prompt, grounding in groundings.items():
        for number in range(1, len(grounding) + 1):
            label = prompt if number == 1 else f"{prompt} {number}"
            objects.append(FoundObject(len(objects) + 1, prompt, label))
    memory = None
    if objects:
        queries = [grounding.queries for grounding in groundings.values() if len(grounding)]
        memory = segmenter.condition(
            [(frame.index, frame.image) for frame in keyframes], queries, still=still
        )
    answers = {prompt: grounding.answer for prompt, grounding in groundings.items()}
    return Findings(tuple(objects), answers, memory)


def _ask(segmenter: Segmenter, images: Sequence[RGB], search: Search, *, still: bool) -> dict[str, Grounding]:
    """Shows the pictures to the language model once, and asks about each prompt."""
    view = segmenter.look(images, still=still)
    groundings: dict[str, Grounding] = {}
    for prompt in search.prompts:
        groundings[prompt], view = segmenter.ground(view, question(prompt, verbatim=search.verbatim))
    return groundings


def follow(
    segmenter: Segmenter, frames: Iterable[Frame], findings: Findings, threshold: float
) -> Iterator[FrameMasks]:
    """Carries the objects through the frames; where there are none, every frame has zero masks.

    Pictures are encoded ahead in a thread of their own where the segmenter is the faster for it.
    """
    if findings.memory is None:
        nothing = np.zeros((0, 1, 1), np.float32)
        yield from (FrameMasks(frame, nothing, np.zeros(0, np.float32), threshold) for frame in frames)
        return
    memory = findings.memory
    prepared = _prepared(segmenter, frames, memory)
    with ExitStack() as stack:
        ready: Iterable[tuple[Frame, Any]] = prepared
        if stack.enter_context(segmenter.following()):
            ready = stack.enter_context(read_ahead(prepared, room=2, name="sa2va-encode"))
        for frame, picture in ready:
            logits, scores, memory = segmenter.step(frame.index, picture, memory)
            yield FrameMasks(frame, logits, scores, threshold)


def _prepared(
    segmenter: Segmenter, frames: Iterable[Frame], first: Any
) -> Generator[tuple[Frame, Any], None, None]:
    for frame in frames:
        yield frame, segmenter.prepare(frame.index, frame.image, first)
