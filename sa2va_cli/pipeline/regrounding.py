"""Shot by shot: the language model looks at each.

Each shot is asked about before anything is followed, so that it is known which objects there are; of the
answers their queries are kept, which are small. Knows nothing about how what is found is followed.

Objects are the same from shot to shot if one prompt found them. Where a prompt found several in a shot, those
that look most alike are one: by the cosine of their object pointers, and what is left by their order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic

import numpy as np

from sa2va_cli.datatypes import (
    FoundObject,
    Frame,
    Grounding,
    Memory,
    Prompt,
    Queries,
    Session,
    View,
)
from sa2va_cli.events import LOOKING_IN_SHOTS, Notice, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.pipeline.finding import (
    Asking,
    Doubts,
    Findings,
    ask,
    doubts_about,
    find,
    name_objects,
)
from sa2va_cli.pipeline.keyframes import keyframe_indices, read_keyframes, read_placements
from sa2va_cli.pipeline.matching import Floats, counted, matched, one_answer
from sa2va_cli.pipeline.pointing import Placement, placements
from sa2va_cli.pipeline.provenance import shot_entry
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.shots import Shots


@dataclass(frozen=True, eq=False)
class Shot(Generic[Queries]):
    """What is known of one shot before it is followed.

    Attributes:
        span: its frames.
        keyframes: which of them the language model saw.
        groundings: its answers.
        pointed: what was pointed at in it.
        rows: which of the clip's objects are in it: those of the answers in their order, then others that are
            pointed at.
        at: the place in ``rows`` of each that is pointed at.
    """

    span: range
    keyframes: tuple[int, ...]
    groundings: Mapping[Prompt, Grounding[Queries]] = field(repr=False)
    pointed: tuple[Placement, ...] = ()
    rows: tuple[int, ...] = ()
    at: tuple[int, ...] = ()

    @property
    def answers(self) -> dict[Prompt, str]:
        """The language model's words, without what ends them."""
        return {prompt: spoken(one.answer) for prompt, one in self.groundings.items()}


@dataclass(frozen=True, eq=False)
class ShotFindings(Findings[Memory]):
    """What the prompts found in a clip of several shots; the memory of each is made when its turn comes.

    Attributes:
        search: what was looked for.
        shots: in order.
    """

    search: Search = field(kw_only=True)
    shots: tuple[Shot[Any], ...] = field(kw_only=True)


def found_in(
    session: Session[View, Queries, Memory],
    reader: Reader,
    search: Search,
    shots: Shots,
    report: Report = no_report,
    keyframes: Sequence[int] | None = None,
    asking: Asking = ask,
) -> Findings[Memory]:
    """Finds the objects of a clip: in each shot, or at once where there is one.

    Args:
        session: of the clip.
        reader: the clip.
        search: what is looked for.
        shots: of the clip.
        report: is told what a person should know.
        keyframes: which frames the language model sees of a clip of one shot; None for the usual ones.
        asking: gets the answers.
    """
    if len(shots) > 1:
        return find_in_shots(session, reader, search, shots, report, asking)
    pointed = read_placements(reader, search)
    seen = read_keyframes(reader, search, keyframes)
    if seen:
        indices = ", ".join(str(frame.index) for frame in seen)
        report(Notice(f"the language model sees frame {indices}", "detail"))
    return find(session, seen, search, pointed, asking)


def find_in_shots(
    session: Session[View, Queries, Memory],
    reader: Reader,
    search: Search,
    shots: Shots,
    report: Report = no_report,
    asking: Asking = ask,
) -> ShotFindings[Memory]:
    """Asks about each shot, and says which objects there are in the clip.

    Args:
        session: of the clip.
        reader: the clip.
        search: what is looked for.
        shots: of the clip.
        report: is told how far that is.
        asking: gets the answers.
    """
    said = placements(search.prompts, reader)
    asked: list[Shot[Queries]] = []
    for number, span in enumerate(shots.spans, 1):
        report(Progress(LOOKING_IN_SHOTS, number, len(shots)))
        wanted = [span.start + index for index in keyframe_indices(len(span), search)]
        keyframes = _seen(reader, search, wanted)
        groundings = asking(session, keyframes, search) if keyframes else {}
        indices = tuple(frame.index for frame in keyframes)
        shot = Shot(span, indices, groundings, tuple(one for one in said if one.index in span))
        asked.append(shot)
        if groundings:
            report(Notice(f"frame {span.start}: {', '.join(shot.answers.values())}", "detail"))
    numbers = {prompt: _numbers(session, reader, prompt, asked) for prompt in search.prompts}
    counts = counted(numbers)
    for one in said:
        counts[one.prompt] = max(counts[one.prompt], min(one.number, counts[one.prompt] + 1))
    objects = name_objects(counts, {prompt: _doubts(prompt, asked) for prompt in search.prompts})
    known = tuple(
        _with_rows(shot, {prompt: found[place] for prompt, found in numbers.items()}, counts, objects)
        for place, shot in enumerate(asked)
    )
    return ShotFindings(objects, _answers(search, known), None, search=search, shots=known)


def _doubts(prompt: Prompt, shots: Sequence[Shot[Any]]) -> Doubts:
    """Those about the answers that found something in a shot."""
    return doubts_about(shot.groundings[prompt] for shot in shots if len(shot.groundings.get(prompt, ())))


def _seen(reader: Reader, search: Search, wanted: Sequence[int]) -> Sequence[Frame]:
    """The keyframes of a shot that can be decoded."""
    return reader.frames_at(wanted) if search.has_words else ()


def _answers(search: Search, shots: Sequence[Shot[Any]]) -> dict[Prompt, str]:
    """One answer to each prompt that was asked."""
    answers = {}
    for prompt in search.prompts:
        asked = [one for one in shots if prompt in one.groundings]
        answer = one_answer([(len(one.groundings[prompt]) > 0, one.answers[prompt]) for one in asked])
        if answer is not None:
            answers[prompt] = answer
    return answers


def _with_rows(
    shot: Shot[Queries],
    numbers: Mapping[Prompt, tuple[int, ...]],
    counts: Mapping[Prompt, int],
    objects: Sequence[FoundObject],
) -> Shot[Queries]:
    of_prompt = {prompt: [k for k, one in enumerate(objects) if one.prompt == prompt] for prompt in counts}
    rows = [of_prompt[prompt][number - 1] for prompt, found in numbers.items() for number in found]
    pointed = [of_prompt[one.prompt][min(one.number, counts[one.prompt]) - 1] for one in shot.pointed]
    rows += [row for row in dict.fromkeys(pointed) if row not in rows]
    return replace(shot, rows=tuple(rows), at=tuple(rows.index(row) for row in pointed))


def _numbers(
    session: Session[View, Queries, Memory],
    reader: Reader,
    prompt: Prompt,
    shots: Sequence[Shot[Queries]],
) -> list[tuple[int, ...]]:
    """For each shot, which of the prompt's objects those of its answer are, from 1."""
    found = [len(shot.groundings.get(prompt, ())) for shot in shots]
    if max(found, default=0) < 2:
        return [tuple(range(1, count + 1)) for count in found]
    return matched([_looks(session, reader, prompt, shot) for shot in shots])


def _looks(
    session: Session[View, Queries, Memory], reader: Reader, prompt: Prompt, shot: Shot[Queries]
) -> Floats:
    """(N, C): what the objects that a prompt found in a shot look like."""
    if not len(shot.groundings.get(prompt, ())):
        return np.zeros((0, 1), np.float32)
    keyframes = [(frame.index, frame.image) for frame in reader.frames_at(shot.keyframes)]
    return session.appearance(session.condition(keyframes, [shot.groundings[prompt].queries]))


def appearances(session: Session[View, Queries, Memory], reader: Reader, shot: Shot[Queries]) -> Floats:
    """(N, C): what the objects of a shot look like that words have found, in the order of its rows."""
    looks = [_looks(session, reader, prompt, shot) for prompt in shot.groundings]
    there = [one for one in looks if len(one)]
    return np.concatenate(there) if there else np.zeros((0, 1), np.float32)


def objects_by_shot(findings: Findings[Any]) -> list[dict[str, Any]]:
    """What a header tells about each shot; nothing where there is one."""
    if not isinstance(findings, ShotFindings):
        return []
    return [
        shot_entry(
            shot.span,
            shot.keyframes,
            {prompt.id: answer for prompt, answer in shot.answers.items()},
            (findings.objects[row].id for row in shot.rows),
        )
        for shot in findings.shots
    ]
