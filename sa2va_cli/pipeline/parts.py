"""One long clip in parts that are followed apart: where it is cut, and how a part is followed.

The language model looks at each part anew. Beside the tracks of a part lies what its objects look like, and
parts that meet within a shot share some frames: by both ``pipeline.joining`` knows who is who.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import AnySegmenter, Memory, Queries, Session, View
from sa2va_cli.errors import InputError
from sa2va_cli.events import Event, Notice, Report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.finding import Findings
from sa2va_cli.pipeline.job import Resuming, SegmentJob
from sa2va_cli.pipeline.keyframes import keyframe_indices
from sa2va_cli.pipeline.regrounding import Shot, ShotFindings, appearances, found_in
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.selection import selection
from sa2va_cli.pipeline.shots import Shots, regrounding, shots_of
from sa2va_cli.pipeline.split import Split
from sa2va_cli.staging import atomic, output_errors

SHARED_FRAMES = 8
"""Frames that two parts which meet within a shot both follow."""


@dataclass(frozen=True)
class Part:
    """A stretch of a clip; frames are numbered as in the whole.

    Attributes:
        first: its first frame.
        stop: behind its last one, where the next part begins.
        follow_to: behind the last frame that is followed; what lies behind ``stop`` is shared.
        shots: the first frame of each of its shots.
    """

    first: int
    stop: int
    follow_to: int
    shots: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """A shot, as far as it lies in one part; frames and rows are numbered as in the part.

    Attributes:
        first: its first frame.
        stop: behind its last one.
        keyframes: which frames the language model saw.
        answers: what it said, by the id of the prompt.
        rows: which objects of the part are in it.
        looks: (N, C) float32, what each of them looks like.
    """

    first: int
    stop: int
    keyframes: tuple[int, ...]
    answers: Mapping[int, str]
    rows: tuple[int, ...]
    looks: NDArray[np.float32]


# --- where a clip is cut ---------------------------------------------------------------------------


def parts_of(reader: Reader, job: SegmentJob, split: Split, report: Report) -> tuple[Part, ...]:
    """Decides where a clip is cut; decodes it once, into small pictures, where cuts are looked for.

    Args:
        reader: the clip.
        job: says where the language model looks again.
        split: how.
        report: is told how far that is.
    """
    search = job.search
    shots = shots_of(reader, search, report)
    if split.at == "minutes":
        starts = _at_key_frames(reader, split.seconds)
    else:
        again = regrounding(search, reader.info.kind) != "scenes"
        cuts = shots_of(reader, replace(search, reground="scenes"), report) if again else shots
        starts = _far_apart(cuts.firsts, reader, split.seconds)
    return tuple(
        _part(first, stop, shots)
        for first, stop in zip(starts, (*starts[1:], reader.count_selected()), strict=True)
    )


def _part(first: int, stop: int, shots: Shots) -> Part:
    inside = tuple(cut for cut in shots.firsts if first < cut < stop)
    end = shots.spans[shots.place_of(stop - 1)].stop  # of the shot that the seam lies in
    return Part(first, stop, min(max(stop, end), stop + SHARED_FRAMES), (first, *inside))


def _far_apart(cuts: Sequence[int], reader: Reader, seconds: Fraction) -> list[int]:
    """The cuts between which at least so many seconds lie, the end of the clip included."""
    times = list(_times(reader))
    starts = [0]
    for cut in cuts:
        if times[cut] - times[starts[-1]] >= seconds and times[-1] - times[cut] >= seconds / 2 and cut:
            starts.append(cut)
    return starts


def _at_key_frames(reader: Reader, seconds: Fraction) -> list[int]:
    """Every so many seconds the key frame before; the frame itself where there is none behind the last."""
    times = list(_times(reader))
    starts = [0]
    for index, time in enumerate(times):
        if time - times[starts[-1]] >= seconds and times[-1] - time >= seconds / 2:
            key = reader.first_of_group(index)
            starts.append(key if times[key] - times[starts[-1]] >= seconds / 2 else index)
    return starts


def _times(reader: Reader) -> Iterator[Fraction]:
    """Seconds of each selected frame."""
    base = reader.info.time_base
    return (stamp * base for stamp in reader.stamps())


def write_parts(path: Path, parts: Sequence[Part]) -> None:
    """Writes down where a clip is cut."""
    _write(path, {"parts": [asdict(part) for part in parts]})


def read_parts(path: Path) -> tuple[Part, ...]:
    """Reads what ``write_parts`` wrote.

    Raises:
        InputError: it is gone or damaged.
    """
    return tuple(
        Part(one["first"], one["stop"], one["follow_to"], tuple(one["shots"])) for one in _read(path, "parts")
    )


def tracks_of(folder: Path, number: int) -> Path:
    """Where the tracks of a part lie; parts are numbered from 1."""
    return folder / f"{number:05}.tracks.sa2va"


def looks_of(folder: Path, number: int) -> Path:
    """Where it is told what the objects of a part look like."""
    return folder / f"{number:05}.looks.json"


# --- following one part ----------------------------------------------------------------------------


@dataclass(frozen=True)
class PartJob:
    """One part of a clip.

    Attributes:
        job: what is done with the whole clip.
        folder: where tracks of parts lie.
        number: of the part, from 1.
        part: which frames.
    """

    job: SegmentJob
    folder: Path
    number: int
    part: Part

    @property
    def outputs(self) -> tuple[Path, Path]:
        """What it makes."""
        return tracks_of(self.folder, self.number), looks_of(self.folder, self.number)

    @property
    def alone(self) -> SegmentJob:
        """The job that makes tracks of it, where nothing but the frames is still to be said."""
        place = str(self.outputs[0]).replace("{", "{{").replace("}", "}}")
        saving = Saving(("tracks",), place, existing="overwrite", allow_empty=True)
        return replace(self.job, saving=saving, drawing=Drawing(), delivery=Delivery())


def follow_part(
    work: PartJob, load: "Any", report: Report, threads: "Any", resuming: Resuming
) -> SegmentResult:
    """Finds and follows what is in one part.

    Args:
        work: which.
        load: gives the loaded model.
        report: is told how far it is.
        threads: see ``pipeline.segmentation.segment``.
        resuming: see there.

    Raises:
        Sa2VAError: of the kind that says what went wrong.
    """
    from sa2va_cli.pipeline.planning import planned
    from sa2va_cli.pipeline.segmentation import run
    from sa2va_cli.runtime.loading import memory_errors_explained

    part = work.part
    with planned(work.alone, report) as whole:
        chosen = replace(selection(work.job.search), indices=range(part.first, part.follow_to))
        with whole.reader.narrowed(chosen) as reader:
            frames = reader.count_selected()
            keyframes = tuple(keyframe_indices(frames, work.job.search))
            plan = replace(whole, reader=reader, frames=frames, keyframes=keyframes)
            segmenter: AnySegmenter = load()
            with memory_errors_explained(plan.model, plan.placement):
                finding = partial(_find, work)
                told = partial(_told, report)
                result = run(plan, segmenter, told, threads, finding=finding, resuming=resuming)
    files = (*result.files, work.outputs[1])
    return replace(result, files=files, warnings=(), look_at=())  # the whole has something to say of these


def _told(report: Report, event: Event) -> None:
    """Tells what a part tells; warnings are told once, of the whole."""
    if isinstance(event, Notice) and event.level == "warning":
        event = replace(event, level="detail")
    report(event)


def _find(
    work: PartJob, plan: Any, session: Session[View, Queries, Memory], report: Report
) -> Findings[Memory]:
    """Asks about each shot of the part, and writes down what was found in it."""
    firsts = tuple(first - work.part.first for first in work.part.shots)
    shots = Shots(firsts, plan.frames)
    findings = found_in(session, plan.reader, plan.job.search, shots, report, plan.keyframes)
    _write_pieces(work.outputs[1], _pieces(session, plan.reader, findings, plan.keyframes))
    return findings


def _pieces(
    session: Session[View, Queries, Memory],
    reader: Reader,
    findings: Findings[Memory],
    keyframes: tuple[int, ...],
) -> Iterable[Piece]:
    if isinstance(findings, ShotFindings):
        shots: Sequence[Shot[Any]] = findings.shots
        for shot in shots:
            looks = appearances(session, reader, shot)
            answers = {prompt.id: answer for prompt, answer in shot.answers.items()}
            yield Piece(shot.span.start, shot.span.stop, shot.keyframes, answers, shot.rows, looks)
        return
    looks = np.zeros((0, 1), np.float32)
    if findings.memory is not None:
        looks = session.appearance(findings.memory)
    rows = tuple(range(len(findings.objects)))
    yield Piece(0, reader.count_selected(), keyframes, findings.answers_by_id, rows, looks)


def _write_pieces(path: Path, pieces: Iterable[Piece]) -> None:
    told = [
        asdict(replace(piece, looks=np.zeros(0, np.float32))) | {"looks": piece.looks.tolist()}
        for piece in pieces
    ]
    _write(path, {"pieces": told})


def read_pieces(path: Path) -> tuple[Piece, ...]:
    """What the language model found in a part.

    Raises:
        InputError: it is gone or damaged.
    """
    return tuple(
        Piece(
            one["first"],
            one["stop"],
            tuple(one["keyframes"]),
            {int(number): answer for number, answer in one["answers"].items()},
            tuple(one["rows"]),
            np.array(one["looks"], np.float32) if one["rows"] else np.zeros((0, 1), np.float32),
        )
        for one in _read(path, "pieces")
    )


def _write(path: Path, document: Mapping[str, Any]) -> None:
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as hidden:
            hidden.write_text(json.dumps(document))


def _read(path: Path, name: str) -> list[Any]:
    try:
        return list(json.loads(path.read_text())[name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: a file of a clip in parts is gone or damaged ({error})") from error
