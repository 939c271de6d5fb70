"""Shot by shot: the language model looks at each, and its objects are followed to the next cut.

Each shot is asked about before anything is followed, so that it is known which objects there are; of the
answers their queries are kept, which are small. A shot is conditioned when its turn comes, on keyframes of
its own, and nothing that was remembered of the one before is carried on: what is not found in it has empty
masks there.

Objects are the same from shot to shot if one prompt found them. Where a prompt found several in a shot, those
that look most alike are one: by the cosine of their object pointers, and what is left by their order.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import (
    ABSENT_LOGIT,
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
from sa2va_cli.events import LOOKING_IN_SHOTS, Notice, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.pipeline.directions import follow_both_ways
from sa2va_cli.pipeline.finding import (
    Asking,
    Doubts,
    Findings,
    ask,
    begins_of,
    doubts_about,
    find,
    follow,
    name_objects,
)
from sa2va_cli.pipeline.keyframes import keyframe_indices, read_keyframes, read_placements
from sa2va_cli.pipeline.pointing import Placement, placements, read_pictures
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.shots import Shots

Floats = NDArray[np.float32]


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
    counts = {
        prompt: max((max(found, default=0) for found in by_shot), default=0)
        for prompt, by_shot in numbers.items()
    }
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
    """One answer to each prompt: the first one that found something, or else the first."""
    answers: dict[Prompt, str] = {}
    for prompt in search.prompts:
        said = [
            (len(one.groundings[prompt]), one.answers[prompt]) for one in shots if prompt in one.groundings
        ]
        found = [answer for number, answer in said if number]
        if said:
            answers[prompt] = found[0] if found else said[0][1]
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


# --- who is who ------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class Seam:
    """What is known of objects of a shot and of those of the one before, by their rows in each.

    Attributes:
        same: which is which.
        apart: which are not.
    """

    same: Mapping[int, int] = field(default_factory=dict)
    apart: frozenset[tuple[int, int]] = frozenset()


def matched(looks: Sequence[Floats], seams: Sequence[Seam] | None = None) -> list[tuple[int, ...]]:
    """Gives objects of several shots numbers: those that look alike have the same.

    Args:
        looks: (N, C) for each shot, what its objects look like.
        seams: for each shot what is known besides; None for nothing.

    Returns:
        For each shot the numbers of its objects, from 1; new ones rise in the order of the objects.
    """
    known: list[Floats] = []
    numbers: list[tuple[int, ...]] = []
    for shot, ones in enumerate(looks):
        ones = ones / np.maximum(np.linalg.norm(ones, axis=1, keepdims=True), 1e-6)  # noqa: PLW2901
        seam = Seam() if seams is None else seams[shot]
        places = {row: numbers[-1][before] - 1 for row, before in seam.same.items()}
        barred = {(row, numbers[-1][before] - 1) for row, before in seam.apart}
        if known and len(ones):
            alike = ones @ np.stack([one / np.linalg.norm(one) for one in known]).T
            for flat in np.argsort(-alike, axis=None, kind="stable"):
                row, place = (int(part) for part in np.unravel_index(flat, alike.shape))
                if row not in places and place not in places.values() and (row, place) not in barred:
                    places[row] = place
        for row, one in enumerate(ones):
            if row not in places:
                places[row] = len(known)
                known.append(one)
            else:
                known[places[row]] = known[places[row]] + one
        numbers.append(tuple(places[row] + 1 for row in range(len(ones))))
    return numbers


# --- following -------------------------------------------------------------------------------------


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


def objects_by_shot(findings: Findings[Any]) -> list[dict[str, Any]]:
    """What a header tells about each shot; nothing where there is one."""
    if not isinstance(findings, ShotFindings):
        return []
    return [
        {
            "first": shot.span.start,
            "last": shot.span.stop - 1,
            "keyframes": list(shot.keyframes),
            "answers": {str(prompt.id): answer for prompt, answer in shot.answers.items()},
            "objects": sorted(findings.objects[row].id for row in shot.rows),
        }
        for shot in findings.shots
    ]
