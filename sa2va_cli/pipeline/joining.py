"""From the tracks of a clip's parts to those of the clip, frame by frame, and from these to every output.

Who is who in two parts that meet is told by masks on the frames that both followed, where they share some,
and else by what objects look like, as from shot to shot. No network is needed.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import ABSENT_LOGIT, FoundObject, Prompt
from sa2va_cli.errors import InputError
from sa2va_cli.events import Report
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.pipeline.claiming import claim_found, claim_ready
from sa2va_cli.pipeline.finding import Doubts, Findings, doubts_about, name_objects, nothing_found
from sa2va_cli.pipeline.job import NEVER_RESUMED, SegmentJob
from sa2va_cli.pipeline.matching import Seam, best_first, counted, matched, one_answer
from sa2va_cli.pipeline.parts import Part, Piece, looks_of, read_parts, read_pieces, tracks_of
from sa2va_cli.pipeline.planning import Plan, planned
from sa2va_cli.pipeline.provenance import settings_of, shot_entry, source_facts
from sa2va_cli.pipeline.replay import replay
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.resuming import Log, unseen
from sa2va_cli.pipeline.segmentation import all_there, draw, result_of
from sa2va_cli.pipeline.split import LIST
from sa2va_cli.pipeline.tracks_file import growing_log
from sa2va_cli.queues import read_ahead
from sa2va_cli.tracks.coding import decode, encode
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.indexed import CodedFrame, CodedMask, IndexedFrames
from sa2va_cli.tracks.log import FRAME, Tracks
from sa2va_cli.tracks.records import Record
from sa2va_cli.version import VERSION

SAME_IOU = 0.5
"""IoU of masks on shared frames from which two objects are one: more of them is shared than is not."""

APART_IOU = 0.1
"""IoU on frames where both are seen below which two objects are two."""


@dataclass(frozen=True, eq=False)
class Followed:
    """One part that has been followed.

    Attributes:
        part: which frames.
        tracks: of them, numbered from 0.
        pieces: what was found in its shots.
    """

    part: Part
    tracks: Tracks
    pieces: tuple[Piece, ...]

    @property
    def objects(self) -> tuple[FoundObject, ...]:
        """Those of its tracks."""
        return self.tracks.header.objects

    def has(self, piece: Piece, prompt: Prompt) -> list[int]:
        """The places in a piece's rows of what a prompt found."""
        return [place for place, row in enumerate(piece.rows) if self.objects[row].prompt.id == prompt.id]


@dataclass(frozen=True)
class JoinJob:
    """A clip all of whose parts have been followed.

    Attributes:
        job: what is done with it.
        folder: where the tracks of the parts lie.
    """

    job: SegmentJob
    folder: Path


def join(work: JoinJob, report: Report) -> SegmentResult:
    """Joins tracks and makes every output of them.

    Raises:
        InputError: the tracks of a part are not whole, or not of the same model.
        Sa2VAError: of the kind that says what went wrong.
    """
    started = time.perf_counter()
    with planned(work.job, report) as plan:
        if not plan.outputs:
            return all_there(plan, NEVER_RESUMED)
        joined = Joined(plan, _followed(work.folder))
        if not joined.findings.objects and not plan.job.saving.allow_empty:
            raise nothing_found(plan.job.search.prompts, joined.header.answers)
        with ExitStack() as stack:
            claim_ready(plan, stack, report)
            outputs, skipped = claim_found(plan, joined.findings, stack, report)
            if not outputs:
                return all_there(plan, NEVER_RESUMED, skipped)
            replaces = plan.job.saving.replaces
            writer = stack.enter_context(growing_log(joined.header, outputs, report, replaces=replaces))
            for frame in joined.frames():
                writer.append_record(frame.payload)
            tracks = Tracks(writer.path)
            if any(KINDS[output.kind].make is not None for output in outputs):
                frames = stack.enter_context(read_ahead(plan.reader))
            else:
                frames = (unseen(plan.reader, one.index, one.source_index, one.pts) for one in tracks)
            with closing(replay(tracks, frames)) as masks:
                tally = draw(plan, outputs, Log(writer), masks, report)
        files = tuple(output.path for output in outputs)
        return result_of(plan, joined.findings, tally, files, (*plan.skipped, *skipped), started, report)


def _followed(folder: Path) -> list[Followed]:
    """Every part, whole.

    Raises:
        InputError: one is not.
    """
    found = []
    for number, part in enumerate(read_parts(folder / LIST), 1):
        tracks = Tracks(tracks_of(folder, number))
        if problem := tracks.condition.problem:
            raise InputError(f"{tracks.path}: the tracks of a part are not whole ({problem})")
        found.append(Followed(part, tracks, read_pieces(looks_of(folder, number))))
    models = {(one.tracks.header.model.name, one.tracks.header.model.weights) for one in found}
    if len(models) > 1:
        names = ", ".join(sorted(f"{name} {weights}" for name, weights in models))
        raise InputError(f"{folder}: its parts were followed by several models ({names}); use --force")
    return found


class Joined:
    """The tracks of a clip, made of those of its parts.

    Args:
        plan: of the whole clip.
        parts: all of them, in order.
    """

    def __init__(self, plan: Plan, parts: Sequence[Followed]) -> None:
        self._plan, self._parts = plan, parts
        self._pieces = [(one, piece) for one in parts for piece in _own(one)]
        self._known = _known(parts)

    @cached_property
    def _numbers(self) -> dict[Prompt, list[tuple[int, ...]]]:
        """For each prompt and piece, which of the prompt's objects those of the piece are, from 1."""
        return {prompt: self._numbered(prompt) for prompt in self._plan.job.search.prompts}

    def _numbered(self, prompt: Prompt) -> list[tuple[int, ...]]:
        places = [one.has(piece, prompt) for one, piece in self._pieces]
        seams = [Seam()]
        for number, (before, found) in enumerate(pairwise(places), 1):
            known = self._known.get(number, Seam())
            same = {new: old for new, old in known.same.items() if new in found and old in before}
            apart = [(new, old) for new, old in known.apart if new in found and old in before]
            seams.append(
                Seam(
                    {found.index(new): before.index(old) for new, old in same.items()},
                    frozenset((found.index(new), before.index(old)) for new, old in apart),
                )
            )
        if max(map(len, places), default=0) < 2 and not any(seam.apart for seam in seams):
            return [tuple(range(1, len(found) + 1)) for found in places]
        looks = [piece.looks[found] for (_, piece), found in zip(self._pieces, places, strict=True)]
        return matched(looks, seams)

    @cached_property
    def findings(self) -> Findings[None]:
        """What was found in the clip; nothing is followed any more."""
        counts = counted(self._numbers)
        objects = name_objects(counts, {prompt: self._doubts(prompt) for prompt in counts})
        return Findings(objects, self._answers(), None)

    def _doubts(self, prompt: Prompt) -> Doubts:
        """Those about the answers that found something in a part."""
        return doubts_about(
            found for one in self._parts for found in one.objects if found.prompt.id == prompt.id
        )

    def _answers(self) -> dict[Prompt, str]:
        """One answer to each prompt that was asked."""
        answers = {}
        for prompt in self._plan.job.search.prompts:
            asked = [(one, piece) for one, piece in self._pieces if prompt.id in piece.answers]
            answer = one_answer(
                [(bool(one.has(piece, prompt)), piece.answers[prompt.id]) for one, piece in asked]
            )
            if answer is not None:
                answers[prompt] = answer
        return answers

    @cached_property
    def _ids(self) -> list[dict[int, int]]:
        """For each piece the id in the clip of each object of its part that is in it, by its row there."""
        first: dict[Prompt, int] = {}
        for found in self.findings.objects:
            first.setdefault(found.prompt, found.id)
        ids: list[dict[int, int]] = []
        for number, (one, piece) in enumerate(self._pieces):
            known = {}
            for prompt, numbers in self._numbers.items():
                for place, own in zip(one.has(piece, prompt), numbers[number], strict=True):
                    known[piece.rows[place]] = first[prompt] + own - 1
            ids.append(known)
        return ids

    @cached_property
    def header(self) -> Header:
        """Of the tracks of the clip."""
        plan = self._plan
        search = plan.job.search
        shots = {"shots": self._shots()} if len(self._pieces) > 1 else {}
        return Header(
            program=VERSION,
            source=source_facts(plan.reader, plan.job.source),
            stem=plan.stem,
            prompts=search.prompts,
            objects=self.findings.objects,
            answers=self.findings.answers_by_id,
            threshold=search.threshold,
            frames=plan.frames,
            model=self._parts[0].tracks.header.model,
            settings=settings_of(search, plan.job.model) | shots,
        )

    def _shots(self) -> list[dict[str, object]]:
        """What the header tells about each."""
        return [
            shot_entry(
                range(one.part.first + piece.first, one.part.first + piece.stop),
                (one.part.first + index for index in piece.keyframes),
                piece.answers,
                ids.values(),
            )
            for (one, piece), ids in zip(self._pieces, self._ids, strict=True)
        ]

    def frames(self) -> Iterator[CodedFrame]:
        """Every frame of the clip, in order."""
        absent = _absent(self._parts, self._plan.job.search.threshold)
        everybody = {found.id: absent for found in self.findings.objects}
        rest = list(zip(self._pieces, self._ids, strict=True))
        for one in self._parts:
            own = [(piece, ids) for (part, piece), ids in rest if part is one]
            for frame in _coded(one.tracks):
                known = next((ids for piece, ids in own if piece.first <= frame.index < piece.stop), None)
                if known is None:  # it is one of those that the next part has, too
                    break
                rows = {found.id: row for row, found in enumerate(one.objects)}
                masks = {
                    known[rows[number]]: mask for number, mask in frame.masks.items() if rows[number] in known
                }
                yield replace(frame, index=one.part.first + frame.index, masks=everybody | masks)


def _own(one: Followed) -> Iterator[Piece]:
    """The pieces of a part without the frames that the next one has, too."""
    length = one.part.stop - one.part.first
    return (replace(piece, stop=min(piece.stop, length)) for piece in one.pieces if piece.first < length)


def _coded(tracks: Tracks) -> Iterator[CodedFrame]:
    return (
        CodedFrame.unpacked(record.payload)
        for record in tracks.records()
        if isinstance(record, Record) and record.kind == FRAME
    )


def _absent(parts: Iterable[Followed], threshold: float) -> CodedMask:
    """The mask of an object that is not there, as it is logged where a shot is without it."""
    frames = (frame for one in parts for frame in _coded(one.tracks))
    coded = next((mask.coded for frame in frames for mask in frame.masks.values()), None)
    grid = (1, 1) if coded is None else decode(coded).shape
    return CodedMask(0.0, 0.0, 1.0, encode(np.full(grid, ABSENT_LOGIT, np.float32), threshold))


# --- who is who across a seam ------------------------------------------------------------------------


def _known(parts: Sequence[Followed]) -> dict[int, Seam]:
    """By the number of each piece that goes on with a shot: what its places are to those before."""
    known, number = {}, 0
    for one, after in pairwise(parts):
        number += sum(1 for _ in _own(one))
        if one.part.follow_to > one.part.stop:
            last = [piece for piece in one.pieces if piece.first < one.part.stop - one.part.first][-1]
            known[number] = _overlapping(one, last, after, after.pieces[0])
    return known


def _overlapping(one: Followed, last: Piece, after: Followed, first: Piece) -> Seam:
    """Which places of a piece are which of the one before, by their masks on the frames that both have.

    Things of one prompt that both are seen there, in different places, are two.
    """
    length = one.part.stop - one.part.first
    with closing(IndexedFrames.of(one.tracks)) as old, closing(IndexedFrames.of(after.tracks)) as new:
        pairs = [
            (old[length + k], new[k]) for k in range(one.part.follow_to - one.part.stop) if k < first.stop
        ]
    shape = len(first.rows), len(last.rows)
    shared, all_of_both, both_seen = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.bool_)
    for before, now in pairs:
        if before is None or now is None:
            continue
        ours, theirs = _masks(after, first, now), _masks(one, last, before)
        for row, mask in enumerate(ours):
            for column, other in enumerate(theirs):
                shared[row, column] += np.count_nonzero(mask & other)
                all_of_both[row, column] += np.count_nonzero(mask | other)
                both_seen[row, column] |= mask.any() and other.any()
    ious = shared / np.maximum(all_of_both, 1)
    same: dict[int, int] = {}
    for row, column in best_first(ious):
        alike = after.objects[first.rows[row]].prompt.id == one.objects[last.rows[column]].prompt.id
        if ious[row, column] < SAME_IOU:
            break
        if alike and row not in same and column not in same.values():
            same[row] = column
    rows, columns = np.nonzero(both_seen & (ious < APART_IOU))
    return Seam(same, frozenset(zip(rows.tolist(), columns.tolist(), strict=True)))


def _masks(one: Followed, piece: Piece, frame: CodedFrame) -> list[NDArray[np.bool_]]:
    """The masks of a piece's objects on a frame, on the network's grid."""
    cut = np.log(one.tracks.header.threshold / (1 - one.tracks.header.threshold))
    return [decode(frame.masks[one.objects[row].id].coded) > cut for row in piece.rows]
