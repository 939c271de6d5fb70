"""From prompts and frames to masks: the language model is asked once, then the objects are followed."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sa2va_cli.datatypes import RGB, FoundObject, Frame, FrameMasks, Grounding, Prompt, Segmenter
from sa2va_cli.events import Notice, Report, no_report
from sa2va_cli.pipeline.job import Search
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.queues import read_ahead


@dataclass(frozen=True, eq=False)
class Findings:
    """What the prompts found on the keyframes.

    Attributes:
        objects: one for each ``[SEG]`` of each answer, in that order.
        answers: the language model's words to each prompt.
        memory: what ``Segmenter.step`` starts from; None when there is no object.
    """

    objects: tuple[FoundObject, ...]
    answers: dict[Prompt, str]
    memory: Any = field(repr=False)

    @property
    def unmatched(self) -> tuple[Prompt, ...]:
        """Prompts that found nothing."""
        matched = {found.prompt for found in self.objects}
        return tuple(prompt for prompt in self.answers if prompt not in matched)

    @property
    def answers_by_label(self) -> dict[str, str]:
        """The language model's words, by the label of the prompt."""
        return {prompt.label: answer for prompt, answer in self.answers.items()}


def find(segmenter: Segmenter, keyframes: Sequence[Frame], search: Search, *, still: bool) -> Findings:
    """Asks the language model for each prompt and decodes its answers on the keyframes."""
    groundings = _ask(segmenter, [frame.image for frame in keyframes], search, still=still)
    objects: list[FoundObject] = []
    for prompt, grounding in groundings.items():
        for number in range(1, len(grounding) + 1):
            label = prompt.label if number == 1 else f"{prompt.label} {number}"
            objects.append(FoundObject(len(objects) + 1, prompt, label))
    memory = None
    if objects:
        queries = [grounding.queries for grounding in groundings.values() if len(grounding)]
        memory = segmenter.condition(
            [(frame.index, frame.image) for frame in keyframes], queries, still=still
        )
    answers = {prompt: grounding.answer for prompt, grounding in groundings.items()}
    return Findings(tuple(objects), answers, memory)


def _ask(
    segmenter: Segmenter, images: Sequence[RGB], search: Search, *, still: bool
) -> dict[Prompt, Grounding]:
    """Shows the pictures to the language model once, and asks about each prompt."""
    view = segmenter.look(images, still=still)
    groundings: dict[Prompt, Grounding] = {}
    for prompt in search.prompts:
        groundings[prompt], view = segmenter.ground(view, question(prompt.text, verbatim=search.verbatim))
    return groundings


def follow(
    segmenter: Segmenter,
    frames: Iterable[Frame],
    findings: Findings,
    threshold: float,
    *,
    count: int | None = None,
    report: Report = no_report,
) -> Generator[FrameMasks, None, None]:
    """Carries the objects through the frames; where there are none, every frame has zero masks.

    Pictures are encoded ahead in a thread of their own where the segmenter is the faster for it.

    Args:
        segmenter: the network.
        frames: in order.
        findings: what is followed.
        threshold: probability above which a pixel belongs to a mask.
        count: how many frames there are, as far as that is known.
        report: is told what a person should know.
    """
    if findings.memory is None:
        nothing = np.zeros((0, 1, 1), np.float32)
        yield from (FrameMasks(frame, nothing, np.zeros(0, np.float32), threshold) for frame in frames)
        return
    memory = findings.memory
    with ExitStack() as stack:
        following = segmenter.following(memory, count, lambda text: report(Notice(text)))
        ahead = stack.enter_context(following)
        ready: Iterable[tuple[Frame, Any]] = _prepared(segmenter, frames, memory, max(ahead, 1))
        if ahead:
            # Room for one batch, so that the next one can be made while this one is followed.
            ready = stack.enter_context(read_ahead(ready, room=max(ahead, 2), name="sa2va-encode"))
        for frame, picture in ready:
            logits, scores, memory = segmenter.step(frame.index, picture, memory)
            yield FrameMasks(frame, logits, scores, threshold)


def _prepared(
    segmenter: Segmenter, frames: Iterable[Frame], first: Any, at_once: int
) -> Generator[tuple[Frame, Any], None, None]:
    for batch in _gathered(frames, at_once):
        pictures = segmenter.prepare([(frame.index, frame.image) for frame in batch], first)
        yield from zip(batch, pictures, strict=True)


def _gathered(frames: Iterable[Frame], size: int) -> Generator[list[Frame], None, None]:
    """Batches of frames, the last one smaller; an error comes after the frames that came before it."""
    batch: list[Frame] = []
    try:
        for frame in frames:
            batch.append(frame)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
