"""The story of ``sa2va correct``: a log with some frames followed anew from what somebody has pointed at."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Prompt, Session
from sa2va_cli.errors import OutputError, UsageError, parameter
from sa2va_cli.events import Notice, Progress, Report, Saved, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.saving import Existing, Saving
from sa2va_cli.pipeline.directions import follow_both_ways
from sa2va_cli.pipeline.finding import Findings, begins_of
from sa2va_cli.pipeline.inspecting import summarise
from sa2va_cli.pipeline.job import Search, SegmentResult, object_label
from sa2va_cli.pipeline.motion import MotionCheck
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.pointing import Placement, pictures_of, placements, with_masks
from sa2va_cli.pipeline.provenance import search_of
from sa2va_cli.pipeline.rendering import RenderJob, check_source, planned_rendering, render, source_of
from sa2va_cli.pipeline.revision import Revision
from sa2va_cli.pipeline.segmentation import Threads, leave_threads
from sa2va_cli.pipeline.selection import moment
from sa2va_cli.pipeline.shots import cut_at
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import Load, load_segmenter, memory_errors_explained
from sa2va_cli.staging import atomic
from sa2va_cli.tracks.corrections import Correction, NewMask, corrections_of, write_corrected
from sa2va_cli.tracks.log import Tracks

if TYPE_CHECKING:
    from sa2va_cli.visual_prompts import VisualPrompt


@dataclass(frozen=True)
class CorrectJob:
    """One run of ``sa2va correct``.

    Attributes:
        tracks: the log.
        output: the new log.
        revision: what is corrected.
        source: the video or pictures it is about; None for those it names.
        model: which model, and how it runs; that of the log where no name is given.
        saving: what else is made of the new log; nothing where nobody chose kinds.
        force: whether a source that is not the one of the log is taken all the same.
    """

    tracks: Path
    output: Path
    revision: Revision
    source: str | None = None
    model: ModelChoice = field(default_factory=ModelChoice)
    saving: Saving = field(default_factory=Saving)
    force: bool = False


@dataclass(frozen=True)
class _Change:
    """What changes of one object.

    Attributes:
        row: of the object.
        said: what it is pointed at with.
        first: index of the first frame.
        last: index of the last one.
    """

    row: int
    said: tuple[Placement, ...]
    first: int
    last: int

    def __contains__(self, index: int) -> bool:
        return self.first <= index <= self.last


def correct(
    job: CorrectJob,
    *,
    load: Load = load_segmenter,
    report: Report = no_report,
    threads: Threads = leave_threads,
) -> SegmentResult:
    """Follows objects anew where they were corrected, and leaves all other frames as they were.

    Args:
        job: what to do.
        load: makes the segmenter; not called where masks are only taken away.
        report: is told how far the run is and what a person should know; called from this thread.
        threads: decides about torch's threads while objects are followed.

    Raises:
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    started = time.perf_counter()
    tracks = Tracks(job.tracks)
    _check_output(job.output, job.tracks, job.saving.existing)
    source = source_of(job.tracks, job.source, tracks.header)
    drawing = _drawing(job, job.tracks)
    if drawing is not None:  # what cannot be made is told before the work
        with planned_rendering(drawing, report):
            pass
    with opened(source, search_of(tracks.header), report) as reader:
        if not job.force:
            check_source(job.tracks, tracks.header, reader, source)
        changes, dropped = _changes(job.revision, tracks, reader)
        model = replace(job.model, name=job.model.name or tracks.header.model.name)
        with atomic(job.output) as part:
            count = _write(tracks, part, reader, changes, dropped, model, load, report, threads)
    report(Saved(job.output))
    summary = summarise(job.output)
    report(Notice(f"{count} of {summary.condition.frames} frames have changed"))
    files = [job.output]
    if drawing is not None:
        files += render(replace(drawing, tracks=job.output), report=report).files
    return SegmentResult(
        source=source,
        info=reader.info,
        model=model.name if changes else tracks.header.model.name,
        prompts=tracks.header.prompts,
        objects=summary.objects,
        answers=tracks.header.answers,
        frames=summary.condition.frames,
        seconds=time.perf_counter() - started,
        files=tuple(files),
        look_at=summary.look_at,
    )


def _drawing(job: CorrectJob, tracks: Path) -> RenderJob | None:
    if not job.saving.kinds_given:
        return None
    saving = replace(job.saving, kinds=job.saving.kinds, output=f"{job.output.parent}/")
    return RenderJob(tracks, job.source, saving=saving, force=job.force)


def _check_output(output: Path, tracks: Path, existing: Existing) -> None:
    if output.exists() and (output.is_dir() or output.samefile(tracks)):
        what = "a folder" if output.is_dir() else "the file that is corrected"
        raise OutputError(f"{output} is {what}; choose another {parameter('output', option='-o')}")
    if output.exists() and existing != "overwrite":
        raise OutputError(f"{output} exists already; choose another name, or --overwrite")


def _changes(
    revision: Revision, tracks: Tracks, reader: Reader
) -> tuple[tuple[_Change, ...], tuple[_Change, ...]]:
    """What is followed anew, and what is taken away."""
    rows = _named(tracks)
    only = _row(rows, revision.object or "", tracks)
    if only is None and (revision.drop_ranges or any(not one.name for one in revision.visual)):
        raise UsageError(f"there are several objects; name one with {parameter('object')}: {_names(tracks)}")
    said: dict[int, list[VisualPrompt]] = {}
    for one in revision.visual:
        row = _row(rows, one.name, tracks) if one.name else only
        assert row is not None  # noqa: S101  (looked at above)
        said.setdefault(row, []).append(replace(one, name=""))
    pseudo = [Prompt(row + 1, "corrected", str(row), tuple(ones)) for row, ones in said.items()]
    if pseudo:
        pseudo = list(with_masks(Search(tuple(pseudo))).prompts)
    placed = placements(pseudo, reader)
    changes = []
    for row in said:
        own = tuple(one for one in placed if one.prompt.label == str(row))
        first, last = _extent(row, [one.index for one in own], revision.within, tracks, reader)
        changes.append(_Change(row, own, first, last))
    dropped = []
    for text in revision.drop_ranges:
        assert only is not None  # noqa: S101  (looked at above)
        dropped.append(_Change(only, (), *_drop_range(text, reader)))
    return tuple(changes), tuple(dropped)


def _drop_range(text: str, reader: Reader) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash or not first.strip() or not last.strip():
        raise UsageError(
            f"{parameter('drop_ranges', text, option=f'--drop-range {text}')} is not understood; write A-B, "
            "such as 2.5-4 or 60f-96f"
        )
    begin, end = (reader.index_at(moment(one.strip()), one.strip()) for one in (first, last))
    if end < begin:
        raise UsageError(
            f"{parameter('drop_ranges', text, option=f'--drop-range {text}')} ends before it begins"
        )
    return begin, end


def _named(tracks: Tracks) -> dict[str, int]:
    """Rows of objects by their numbers and names."""
    objects = tracks.header.objects
    return {str(one.id): row for row, one in enumerate(objects)} | {
        one.label: row for row, one in enumerate(objects)
    }


def _names(tracks: Tracks) -> str:
    return ", ".join(f"{one.label} ({one.id})" for one in tracks.header.objects)


def _row(rows: Mapping[str, int], name: str, tracks: Tracks) -> int | None:
    if not name:
        return 0 if len(tracks.header.objects) == 1 else None
    if name not in rows:
        raise UsageError(f"{tracks.path} has no object {name!r}; choose {_names(tracks) or 'another file'}")
    return rows[name]


def _extent(
    row: int, indices: Sequence[int], within: float | None, tracks: Tracks, reader: Reader
) -> tuple[int, int]:
    """From where to where a correction counts: up to what was said before, or for some time."""
    found = tracks.header.objects[row]
    earlier = {
        one.index
        for one in placements(tracks.header.prompts, reader)
        if one.prompt == found.prompt and object_label(one.prompt, one.number) == found.label
    }
    earlier |= {index for one in corrections_of(tracks) if one.object == found.id for index in one.frames}
    begin, end = min(indices), max(indices)
    first = max((index + 1 for index in earlier if index < begin), default=0)
    last = min((index - 1 for index in earlier if index > end), default=reader.count_selected() - 1)
    first, last = cut_at(_shot_begins(tracks), first, last, begin, end)
    if within is not None:
        stamps = [stamp * reader.info.time_base for stamp in reader.stamps()]
        reach = Fraction(within)
        first = max(first, next(k for k, at in enumerate(stamps) if at >= stamps[begin] - reach))
        last = min(last, max(k for k, at in enumerate(stamps) if at <= stamps[end] + reach))
    return first, last


def _write(
    tracks: Tracks,
    path: Path,
    reader: Reader,
    changes: Sequence[_Change],
    dropped: Sequence[_Change],
    model: ModelChoice,
    load: Load,
    report: Report,
    threads: Threads,
) -> int:
    objects = tracks.header.objects
    told = [
        Correction(
            objects[one.row].id,
            tuple(prompt for placement in one.said[:1] for prompt in placement.prompt.visual),
            tuple(placement.index for placement in one.said),
            one.first,
            one.last,
            (model.name or "") if one.said else "",
        )
        for one in (*changes, *dropped)
    ]
    if not changes:
        indices = sorted({k for one in dropped for k in range(one.first, one.last + 1)})
        masks = ((index, _taken_away(tracks, dropped, index)) for index in indices)
        return write_corrected(tracks, path, told, masks)
    placement = model.placed()
    with memory_errors_explained(model.name_on(placement), placement):
        if placement.chosen:
            report(Notice(placement.chosen))
        report(Progress(f"loading {model.name_on(placement)}"))
        segmenter = load(model, placement)
        with segmenter.open(still=reader.info.kind == "image") as session, threads(segmenter) as workers:
            found = _followed(tracks, reader, session, changes, dropped, report, workers)
            with closing(found):
                return write_corrected(tracks, path, told, found)


def _shot_begins(tracks: Tracks) -> list[int]:
    """The first frame of each shot."""
    return [int(shot["first"]) for shot in tracks.header.settings.get("shots", ())]


def _taken_away(tracks: Tracks, dropped: Sequence[_Change], index: int) -> dict[int, NewMask | None]:
    """No mask for each object that is dropped on a frame."""
    return {tracks.header.objects[one.row].id: None for one in dropped if index in one}


def _followed(
    tracks: Tracks,
    reader: Reader,
    session: Session[Any, Any, Any],
    changes: Sequence[_Change],
    dropped: Sequence[_Change],
    report: Report,
    workers: int,
) -> Generator[tuple[int, dict[int, NewMask | None]], None, None]:
    """Yields the new masks of each frame that changes, by the objects' ids."""
    objects, threshold = tracks.header.objects, tracks.header.threshold
    pairs = [(change.row, one) for change in changes for one in change.said]
    before = _masks_so_far(tracks, {(row, one.index) for row, one in pairs})
    frames = reader.frames_at(sorted({one.index for _, one in pairs}))
    pictures = dict(pictures_of([one for _, one in pairs], frames))
    said = [one.on(pictures[one].image, row, before.get((row, one.index))) for row, one in pairs]
    spans = {change.row: (change.first, change.last) for change in changes}
    ways = session.point(None, (), len(objects), said, spans)
    findings = Findings(objects, {}, ways.forwards, ways.backwards, begins_of(said))
    span = range(
        min(one.first for one in (*changes, *dropped)), 1 + max(one.last for one in (*changes, *dropped))
    )
    motion, shots = MotionCheck(), _shot_begins(tracks)
    way = follow_both_ways(session, reader, findings, threshold, span=span, report=report, workers=workers)
    with closing(way):
        for done, one in enumerate(way, 1):
            index = one.frame.index
            if index in shots:  # nothing moves over a cut
                motion.forget()
            agreements = motion.agreements(one.frame, one.logits)
            masks: dict[int, NewMask | None] = {
                objects[row].id: NewMask(
                    one.logits[row], float(one.scores[row]), float(one.ious[row]), float(agreements[row])
                )
                for row in (change.row for change in changes if index in change)
            }
            yield index, masks | _taken_away(tracks, dropped, index)
            report(Progress("correcting", done, len(span)))


def _masks_so_far(tracks: Tracks, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], NDArray[np.float32]]:
    """Logits of single objects on single frames, by row and index, as far as the log has them."""
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    last = max((index for _, index in wanted), default=-1)
    rows = {one.id: row for row, one in enumerate(tracks.header.objects)}
    with closing(iter(tracks)) as frames:
        for one in frames:
            for place, known in enumerate(one.objects):
                if (rows[known.id], one.index) in wanted and one.logits[place].size > 1:
                    found[rows[known.id], one.index] = one.logits[place]
            if one.index >= last:
                break
    return found
