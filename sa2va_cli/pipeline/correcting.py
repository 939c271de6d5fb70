"""The story of ``sa2va correct``: a log with some frames followed anew from what somebody has pointed at."""

import time
from collections.abc import Generator, Mapping, Sequence, Set
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import AnySegmenter, Session
from sa2va_cli.errors import OutputError, UsageError, parameter
from sa2va_cli.events import Notice, Progress, Report, Saved, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.saving import Existing, Saving
from sa2va_cli.pipeline.changes import Change, Changes, changes_of, shot_begins
from sa2va_cli.pipeline.directions import follow_both_ways
from sa2va_cli.pipeline.finding import Findings, begins_of
from sa2va_cli.pipeline.inspecting import summarise
from sa2va_cli.pipeline.motion import MotionCheck
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.pointing import read_pictures
from sa2va_cli.pipeline.provenance import search_of
from sa2va_cli.pipeline.rendering import RenderJob, check_source, planned_rendering, render, source_of
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.revision import Revision
from sa2va_cli.pipeline.shots import Shots
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import Load, load_announced, load_segmenter, memory_errors_explained
from sa2va_cli.runtime.threads import Threads, leave_threads
from sa2va_cli.staging import atomic
from sa2va_cli.tracks.corrections import Correction, NewMask, write_corrected
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks


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


def correct(
    job: CorrectJob,
    *,
    load: Load = load_segmenter,
    report: Report = no_report,
    threads: Threads = leave_threads,
) -> SegmentResult:
    """Follows objects anew where they were corrected, or new ones, and leaves all else as it was.

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
        changes = changes_of(job.revision, tracks, reader)
        others = ", ".join(f"{one.label} ({one.id})" for one in tracks.header.objects)
        for one in changes.added:
            report(Notice(f"{one.label} ({one.id}) is new{f' beside {others}' if others else ''}"))
        model = replace(job.model, name=job.model.name or tracks.header.model.name)
        with atomic(job.output) as part:
            count = _write(tracks, part, reader, changes, model, load, report, threads)
    report(Saved(job.output))
    summary = summarise(job.output)
    report(Notice(f"{count} of {summary.condition.frames} frames have changed"))
    files = [job.output]
    if drawing is not None:
        files += render(replace(drawing, tracks=job.output), report=report).files
    return SegmentResult(
        source=source,
        info=reader.info,
        model=model.name if changes.followed else tracks.header.model.name,
        prompts=changes.header.prompts,
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
    saving = replace(job.saving, output=f"{job.output.parent}/")
    return RenderJob(tracks, job.source, saving=saving, force=job.force)


def _check_output(output: Path, tracks: Path, existing: Existing) -> None:
    if output.exists() and (output.is_dir() or output.samefile(tracks)):
        what = "a folder" if output.is_dir() else "the file that is corrected"
        raise OutputError(f"{output} is {what}; choose another {parameter('output', option='-o')}")
    if output.exists() and existing != "overwrite":
        raise OutputError(f"{output} exists already; choose another name, or --overwrite")
    if output.suffix.lower() != ".sa2va":
        raise UsageError(f"{parameter('output', str(output), option=f'-o {output}')}: tracks end in .sa2va")


def _write(
    tracks: Tracks,
    path: Path,
    reader: Reader,
    changes: Changes,
    model: ModelChoice,
    load: Load,
    report: Report,
    threads: Threads,
) -> int:
    """Writes the new log; returns how many frames have changed."""
    name = model.name or ""
    if not changes.followed:
        indices = sorted({k for one in changes.dropped for k in range(one.first, one.last + 1)})
        masks = ((index, changes.dropped_on(index)) for index in indices)
        return len(write_corrected(tracks, path, _corrections(changes, name), masks))
    placement = model.placed()
    with memory_errors_explained(model.name_on(placement), placement):
        segmenter = load_announced(load, model, placement, report)
        with threads(segmenter) as workers:
            return len(_write_rounds(tracks, path, reader, changes, name, segmenter, report, workers))


def _write_rounds(
    tracks: Tracks,
    path: Path,
    reader: Reader,
    changes: Changes,
    model: str,
    segmenter: AnySegmenter,
    report: Report,
    workers: int,
) -> NDArray[np.int64]:
    """Writes a log for each round, of which only the last stays; returns which frames have changed."""
    changed = np.zeros(0, np.int64)
    rounds, still = changes.rounds, reader.info.kind == "image"
    paths = [*(path.with_name(f"{path.name}-{place}") for place in range(len(rounds) - 1)), path]
    with ExitStack() as stack:
        for part, new in zip(rounds, paths, strict=True):
            if new != path:
                stack.callback(new.unlink, missing_ok=True)
            told = _corrections(part, model)
            with (
                segmenter.open(still=still) as session,
                closing(_followed(tracks, reader, session, part, report, workers)) as found,
            ):
                written = write_corrected(tracks, new, told, found, changes.header)
            changed, tracks = np.union1d(changed, written), Tracks(new)
    return changed


def _corrections(changes: Changes, model: str) -> list[Correction]:
    """What the new log tells about its changes."""
    return [
        Correction(
            changes.header.objects[one.row].id,
            tuple(prompt for placement in one.said[:1] for prompt in placement.prompt.visual),
            tuple(placement.index for placement in one.said),
            one.first,
            one.last,
            model if one.said else "",
            added=one.row >= changes.known,
        )
        for one in (*changes.followed, *changes.dropped)
    ]


def _followed(
    tracks: Tracks,
    reader: Reader,
    session: Session[Any, Any, Any],
    changes: Changes,
    report: Report,
    workers: int,
) -> Generator[tuple[int, dict[int, NewMask | None]], None, None]:
    """Yields the new masks of each frame that changes, by the objects' ids."""
    wanted = {(one.row, placed.index) for one in changes.followed for placed in one.said}
    before, grid = _masks_so_far(tracks, wanted)
    if grid not in (None, (session.grid, session.grid)):
        raise UsageError(
            f"{tracks.path} has masks of {grid[1]}x{grid[0]}, and this model makes others "
            f"({session.grid}x{session.grid}); take {parameter('name', option='--model')} "
            f"{tracks.header.model.name}, which made them"
        )
    _check_begun(changes, before)
    way = follow_anew(
        session,
        reader,
        changes.header,
        changes.followed,
        before=before,
        span=changes.span,
        report=report,
        workers=workers,
    )
    with closing(way):
        for index, masks in way:
            yield index, masks | changes.dropped_on(index)


def _check_begun(changes: Changes, before: Mapping[tuple[int, int], NDArray[np.float32]]) -> None:
    """Makes sure that something is there to be taken away from where that is all that is said.

    Raises:
        UsageError: an object has no mask where it is first pointed at, and that says only where it is not.
    """
    for change in changes.followed:
        one = change.said[0]
        if one.corrects_only and (change.row, one.index) not in before:
            raise UsageError(
                f"{one.prompt.label!r} has no mask on frame {one.index} that a negative "
                f"{parameter('point')} could correct; add one where the thing is, or a box"
            )


def follow_anew(
    session: Session[Any, Any, Any],
    reader: Reader,
    header: Header,
    followed: Sequence[Change],
    *,
    before: Mapping[tuple[int, int], NDArray[np.float32]] | None = None,
    span: range | None = None,
    report: Report = no_report,
    workers: int = 1,
) -> Generator[tuple[int, dict[int, NewMask]], None, None]:
    """Follows objects from what they are pointed at with, in both directions, as far as each one changes.

    Args:
        session: of the clip.
        reader: the clip.
        header: of the log that is made; its objects are what ``Change.row`` counts.
        followed: which objects, from where to where; those of the log that are corrected, and new ones.
        before: (h, w) logits by row and index of the frame, of the masks that points correct.
        span: the frames that are yielded; None for those from the first change to the last.
        report: is told how far it is.
        workers: see ``Session.follow``.

    Yields:
        The index of each frame, rising, and the masks there by the objects' ids.
    """
    pairs = [(change.row, one) for change in followed for one in change.said]
    pictures = dict(read_pictures([one for _, one in pairs], reader))
    known = before or {}
    said = [one.on(pictures[one].image, row, known.get((row, one.index))) for row, one in pairs]
    spans = {change.row: (change.first, change.last) for change in followed}
    ways = session.point(None, (), len(header.objects), said, spans)
    findings = Findings(header.objects, {}, ways.forwards, ways.backwards, begins_of(said))
    span = span or range(min(one.first for one in followed), 1 + max(one.last for one in followed))
    motion = MotionCheck(Shots(tuple(shot_begins(header)) or (0,), header.frames))
    way = follow_both_ways(
        session, reader, findings, header.threshold, span=span, report=report, workers=workers
    )
    with closing(way):
        for done, one in enumerate(way, 1):
            index = one.frame.index
            agreements = motion.agreements(one.frame, one.logits)
            yield (
                index,
                {
                    header.objects[row].id: NewMask(
                        one.logits[row], float(one.scores[row]), float(one.ious[row]), float(agreements[row])
                    )
                    for row in (change.row for change in followed if index in change)
                },
            )
            report(Progress("correcting", done, len(span)))


def _masks_so_far(
    tracks: Tracks, wanted: Set[tuple[int, int]]
) -> tuple[dict[tuple[int, int], NDArray[np.float32]], tuple[int, ...] | None]:
    """Logits of objects on frames, by row and index, as far as the log has them, and the size of all."""
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    grid: tuple[int, ...] | None = None
    last = max(index for _, index in wanted)
    rows = {one.id: row for row, one in enumerate(tracks.header.objects)}
    with closing(iter(tracks)) as frames:
        for one in frames:
            if one.objects:
                grid = one.logits.shape[1:]
            for place, known in enumerate(one.objects):
                if (rows[known.id], one.index) in wanted:
                    found[rows[known.id], one.index] = one.logits[place]
            if grid is not None and one.index >= last:
                break
    return found, grid
