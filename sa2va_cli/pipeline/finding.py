"""From prompts and frames to masks: the language model is asked once, then the objects are followed."""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, count
from typing import Any, Generic, NamedTuple, Protocol

import numpy as np

from sa2va_cli.conversation import Mention
from sa2va_cli.datatypes import (
    Followed,
    FoundObject,
    Frame,
    Grounding,
    Memory,
    Prompt,
    Queries,
    Session,
    View,
)
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.events import Notice, Report, no_report
from sa2va_cli.model.prompt_text import SEGMENT, spoken
from sa2va_cli.pipeline.pointing import Placement
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.pipeline.search import Search
from sa2va_cli.visual_prompts import Pointed


@dataclass(frozen=True, eq=False)
class Findings(Generic[Memory]):
    """What the prompts found on the keyframes.

    Attributes:
        objects: one for each ``[SEG]`` of each answer, in that order.
        answers: the language model's words to each prompt, without what ends them.
        memory: what following starts from; None when there is no object.
        backwards: what following backwards starts from; None where nothing is followed so.
        begins: the frame from which each object that is followed backwards is followed forwards, by its row.
    """

    objects: tuple[FoundObject, ...]
    answers: Mapping[Prompt, str]
    memory: Memory | None = field(repr=False)
    backwards: Memory | None = field(default=None, repr=False)
    begins: Mapping[int, int] = field(default_factory=dict)

    @property
    def answers_by_id(self) -> dict[int, str]:
        """The answers by the ids of the prompts, as logs and results have them."""
        return {prompt.id: answer for prompt, answer in self.answers.items()}

    @property
    def unmatched(self) -> tuple[Prompt, ...]:
        """Prompts that found nothing."""
        matched = {found.prompt for found in self.objects}
        return tuple(prompt for prompt in self.answers if prompt not in matched)


class Doubts(NamedTuple):
    """How sure the language model was of an answer.

    Attributes:
        margin: ``Grounding.margin``.
        elsewhere: ``Grounding.elsewhere``.
    """

    margin: float | None = None
    elsewhere: float | None = None


def doubts_about(found: Iterable[Grounding[Any] | FoundObject]) -> Doubts:
    """The most that there is against any of several answers to one prompt, or what they have found."""
    answers = list(found)
    margins = (one.margin for one in answers if one.margin is not None)
    others = (one.elsewhere for one in answers if one.elsewhere is not None)
    return Doubts(min(margins, default=None), max(others, default=None))


class Asking(Protocol):
    """Gets an answer to each prompt that has words, about keyframes."""

    def __call__(
        self, session: Session[View, Queries, Memory], keyframes: Sequence[Frame], search: Search
    ) -> dict[Prompt, Grounding[Queries]]:
        """Answers by prompt; ``ask`` is the usual way."""
        ...


def ask(
    session: Session[View, Queries, Memory], keyframes: Sequence[Frame], search: Search
) -> dict[Prompt, Grounding[Queries]]:
    """Shows keyframes to the language model once, and asks about each prompt."""
    groundings: dict[Prompt, Grounding[Queries]] = {}
    if not search.has_words:
        return groundings
    view = session.look([frame.image for frame in keyframes])
    for prompt in search.prompts:
        if not prompt.text:
            continue
        groundings[prompt], view = session.ground(view, question(prompt.text, verbatim=search.verbatim))
    return groundings


def find(
    session: Session[View, Queries, Memory],
    keyframes: Sequence[Frame],
    search: Search,
    pointed: Sequence[tuple[Placement, Frame]] = (),
    asking: Asking = ask,
) -> Findings[Memory]:
    """Asks the language model for each prompt and decodes its answers on the keyframes.

    Args:
        session: of the clip.
        keyframes: what the language model sees; none where there are no words.
        search: what is looked for.
        pointed: what is pointed at, each with its frame; it finds objects of its own, or corrects others.
        asking: gets the answers.
    """
    groundings = asking(session, keyframes, search)
    counts = {prompt: len(groundings.get(prompt, ())) for prompt in search.prompts}
    for one, _ in pointed:
        counts[one.prompt] = max(counts[one.prompt], min(one.number, counts[one.prompt] + 1))
    objects = name_objects(counts, {prompt: doubts_about([one]) for prompt, one in groundings.items()})
    return decode_on(session, keyframes, search, groundings, objects, pointed)


def decode_on(
    session: Session[View, Queries, Memory],
    keyframes: Sequence[Frame],
    search: Search,
    groundings: Mapping[Prompt, Grounding[Queries]],
    objects: tuple[FoundObject, ...],
    pointed: Sequence[tuple[Placement, Frame]] = (),
) -> Findings[Memory]:
    """Decodes answers on the keyframes.

    Args:
        session: of the clip.
        keyframes: what the language model saw.
        search: how keyframes are followed.
        groundings: the answer to each prompt.
        objects: for each prompt one for each query of its answer, in that order, then those that are only
            pointed at.
        pointed: see ``find``.
    """
    worded = {prompt: len(grounding) for prompt, grounding in groundings.items()}
    memory = None
    if any(worded.values()):
        queries = [grounding.queries for grounding in groundings.values() if len(grounding)]
        memory = session.condition(
            [(frame.index, frame.image) for frame in keyframes],
            queries,
            track_keyframes=search.tracks_keyframes,
        )
    answers = {prompt: spoken(grounding.answer) for prompt, grounding in groundings.items()}
    if not pointed:
        return Findings(objects, answers, memory)
    counts = Counter(one.prompt for one in objects)
    rows = _rows(counts)
    said = [
        one.on(frame.image, rows[one.prompt] + min(one.number, counts[one.prompt]) - 1)
        for one, frame in pointed
    ]
    found = [rows[prompt] + place for prompt, number in worded.items() for place in range(number)]
    ways = session.point(memory, found, len(objects), said, {})
    return Findings(objects, answers, ways.forwards, ways.backwards, begins_of(said))


def begins_of(said: Sequence[Pointed]) -> dict[int, int]:
    """The first frame on which each object was pointed at, by its row."""
    rows = {one.row for one in said}
    return {row: min(one.index for one in said if one.row == row) for row in rows}


def _rows(counts: Mapping[Prompt, int]) -> dict[Prompt, int]:
    """The row of each prompt's first object."""
    begins = accumulate(counts.values(), initial=0)
    return dict(zip(counts, begins, strict=False))


def name_objects(
    counts: Mapping[Prompt, int], doubts: Mapping[Prompt, Doubts] | None = None
) -> tuple[FoundObject, ...]:
    """Numbers and names objects.

    Args:
        counts: how many each prompt found.
        doubts: about the answer to each prompt, as far as they are known.

    Returns:
        The objects, numbered from 1 over all prompts; one that finds nothing keeps a number free, so that
        numbers, colours and palette indices of the others are the same on every clip. The first of a prompt
        is called like the prompt, the next ones have a number; no two have one label.
    """
    objects: list[FoundObject] = []
    labels = {prompt.label for prompt in counts}
    begins = dict(zip(counts, accumulate((max(1, k) for k in counts.values()), initial=1), strict=False))
    for prompt, found in counts.items():
        for number in range(1, found + 1):
            names = chain([f"{prompt.label} {number}"], (f"{prompt.label} {number} #{k}" for k in count(2)))
            label = prompt.label if number == 1 else next(name for name in names if name not in labels)
            labels.add(label)
            doubt = (doubts or {}).get(prompt, Doubts())
            own = begins[prompt] + number - 1
            objects.append(FoundObject(own, prompt, label, doubt.margin, doubt.elsewhere))
    return tuple(objects)


def named_as_mentioned(prompt: Prompt, mentions: Sequence[Mention | None]) -> tuple[FoundObject, ...]:
    """Numbers the objects of one answer, and names them as the answer does, or else like the prompt.

    Args:
        prompt: what was asked.
        mentions: what the answer calls each.
    """
    objects: list[FoundObject] = []
    labels: set[str] = set()
    for number, mention in enumerate(mentions, 1):
        name = mention.phrase if mention else prompt.label
        names = chain([name], (f"{name} {k}" for k in count(2)))
        label = next(one for one in names if one not in labels)
        labels.add(label)
        objects.append(FoundObject(number, prompt, label))
    return tuple(objects)


def follow(
    session: Session[View, Queries, Memory],
    frames: Iterable[Frame],
    findings: Findings[Memory],
    *,
    frame_count: int | None = None,
    report: Report = no_report,
    workers: int = 1,
) -> Generator[Followed[Memory] | Followed[None], None, None]:
    """Carries the objects through the frames; where there are none, every frame has zero masks.

    Args:
        session: of the clip.
        frames: in order.
        findings: what is followed.
        frame_count: how many frames there are, as far as that is known.
        report: is told what a person should know.
        workers: see ``Session.follow``.
    """
    if findings.memory is None:
        nothing, none = np.zeros((0, 1, 1), np.float32), np.zeros(0, np.float32)
        yield from (Followed(frame, nothing, none, none, None) for frame in frames)
        return
    yield from session.follow(
        frames,
        findings.memory,
        count=frame_count,
        notify=lambda text: report(Notice(text)),
        workers=workers,
    )


def nothing_found(prompts: Sequence[Prompt], answers: Mapping[int, str]) -> NothingFoundError:
    """The error of a run that found nothing.

    Args:
        prompts: what was looked for.
        answers: the language model's words, by the id of the prompt.
    """
    words = " or ".join(repr(prompt.label) for prompt in prompts)
    said = {prompt.label: answers[prompt.id] for prompt in prompts if prompt.id in answers}
    plain = dict.fromkeys(" ".join(answer.split()) for answer in said.values() if SEGMENT not in answer)
    told = f"; the model says: {' '.join(plain)}" if any(plain) else ""
    reason = f"nothing matches {words}{told}; no files were written"
    return NothingFoundError(reason, said, "try other words, more --keyframes, or --allow-empty")
