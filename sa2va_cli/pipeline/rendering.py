"""The story of ``sa2va render``: every output from a log and its source, without a network."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sa2va_cli.datatypes import FrameMasks
from sa2va_cli.errors import InputError, NothingFoundError, UsageError
from sa2va_cli.events import FINISHING, Notice, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.delivery import Delivery, delivered
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.existing import claimed
from sa2va_cli.outputs.kinds import check_kinds
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.deciding import decided_outputs
from sa2va_cli.pipeline.fetching import is_address
from sa2va_cli.pipeline.finding import nothing_found
from sa2va_cli.pipeline.opening import STANDARD_INPUT, opened
from sa2va_cli.pipeline.passes import clip_of, draw_again, draw_once, driver_of
from sa2va_cli.pipeline.provenance import reader_fingerprint, search_of
from sa2va_cli.pipeline.replay import replay, replayed
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.storage import is_stored
from sa2va_cli.pipeline.tally import Tally
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.tracks.source_place import source_place


@dataclass(frozen=True)
class RenderJob:
    """One run of ``sa2va render``.

    Attributes:
        tracks: the log.
        source: the video or pictures it is about; None for those it names.
        saving: what is made.
        drawing: how it is drawn.
        delivery: how it is stored.
        force: whether a source that is not the one of the log is taken all the same.
    """

    tracks: Path
    source: str | None = None
    saving: Saving = field(default_factory=Saving)
    drawing: Drawing = field(default_factory=Drawing)
    delivery: Delivery = field(default_factory=Delivery)
    force: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "saving", delivered(self.saving, self.delivery))


@dataclass(frozen=True)
class RenderPlan:
    """Everything that is decided before anything is drawn.

    Attributes:
        job: what was asked for.
        tracks: the open log.
        source: the input as it is opened.
        reader: the open input.
        outputs: what will be made.
        skipped: what exists already and is left alone.
    """

    job: RenderJob
    tracks: Tracks
    source: str
    reader: Reader
    outputs: tuple[PlannedOutput, ...]
    skipped: tuple[Path, ...]


Draw = Callable[[RenderPlan, Sequence[PlannedOutput], Report], Tally]
"""Visits frames of a plan and writes its outputs; gives what was seen."""


@contextmanager
def planned_rendering(job: RenderJob, report: Report = no_report) -> Generator[RenderPlan, None, None]:
    """Opens the log and its source and decides everything that can go wrong early.

    Raises:
        InputError: the log or the source cannot be read, or they do not belong together.
        UsageError: what is to be saved cannot be meant.
        OutputError: an output exists, or cannot be written.
    """
    check_kinds(job.saving.kinds)
    job.drawing.check_needs()
    if "tracks" in job.saving.kinds:
        raise UsageError("--save tracks: render makes other outputs from tracks; copy the file itself")
    tracks = Tracks(job.tracks)
    header = tracks.header
    source = source_of(job.tracks, job.source, header)
    with opened(source, search_of(header), report) as reader:
        if not job.force:
            check_source(job.tracks, header, reader, source)
        read = _files_read(job, source, reader)
        outputs, skipped = decided_outputs(job, header.prompts, reader, header.stem, read, header.objects)
        yield RenderPlan(job, tracks, source, reader, outputs, skipped)


def _files_read(job: RenderJob, source: str, reader: Reader) -> tuple[Path, ...]:
    """Everything that is read, none of which may be replaced."""
    return (job.tracks, Path(source), *reader.all_files, *job.drawing.files)


def source_of(tracks: Path, given: str | None, header: Header) -> str:
    """Where the source is: what was given, or what the log names, where that is now.

    Raises:
        InputError: it was standard input.
    """
    if given is not None:
        return given
    path = header.source.path
    if path == STANDARD_INPUT:
        raise InputError(f"{tracks}: the source was standard input; name a copy of it with --source VIDEO")
    return path if is_address(path) or is_stored(path) else source_place(tracks, path)


def check_source(tracks: Path, header: Header, reader: Reader, source: str) -> None:
    """Refuses a source that the log was not made of.

    Raises:
        InputError: it is another one.
    """
    wanted = header.source.fingerprint
    if wanted is not None and wanted != reader_fingerprint(reader):
        raise InputError(
            f"{source}: not the file that {tracks} was made of (its contents differ); "
            "name the right one with --source, or use --force"
        )


def render(job: RenderJob, *, report: Report = no_report) -> SegmentResult:
    """Draws outputs from a log.

    Args:
        job: what to do.
        report: is told how far the run is and what a person should know; called from this thread.

    Raises:
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    with planned_rendering(job, report) as plan:
        if not plan.outputs:
            return SegmentResult(plan.source, skipped=plan.skipped)
        return run_rendering(plan, report)


def run_rendering(plan: RenderPlan, report: Report, draw: Draw | None = None) -> SegmentResult:
    """Carries out a plan.

    Args:
        plan: what is decided.
        report: is told how far the run is and what a person should know.
        draw: visits the frames; None for all of them.

    Raises:
        Sa2VAError: see ``render``.
    """
    started = time.perf_counter()
    header, outputs = plan.tracks.header, _with_objects(plan)
    if not outputs:
        raise _nothing_drawn(header)
    with claimed(outputs, plan.job.saving, _files_read(plan.job, plan.source, plan.reader), report):
        tally = (draw or draw_all)(plan, outputs, report)
    problem = plan.tracks.condition.problem
    warnings = [*([f"{plan.job.tracks}: {problem}"] if problem else []), *plan.reader.warnings]
    for text in warnings:
        report(Notice(text, "warning"))
    return SegmentResult(
        source=plan.source,
        info=plan.reader.info,
        model=header.model.name,
        device=header.model.device,
        dtype=header.model.dtype,
        prompts=header.prompts,
        objects=tally.summaries(),
        answers=header.answers,
        frames=tally.frames,
        seconds=time.perf_counter() - started,
        files=tuple(output.path for output in outputs),
        skipped=plan.skipped,
        warnings=tuple(warnings),
        look_at=tally.look_at(),
        remarks=tally.remarks,
    )


def _nothing_drawn(header: Header) -> NothingFoundError:
    """The error of tracks in which nothing is to be seen."""
    advice = "segment it again with other words, or add --allow-empty"
    return nothing_found(header.prompts, header.answers).advised(advice)


def _with_objects(plan: RenderPlan) -> tuple[PlannedOutput, ...]:
    """Leaves out what belongs to a prompt that found nothing."""
    if plan.job.saving.allow_empty:
        return plan.outputs
    found = {one.prompt.id for one in plan.tracks.header.objects}
    return tuple(
        output for output in plan.outputs if output.prompt in found or (output.prompt is None and found)
    )


def draw_frames(
    plan: RenderPlan, outputs: Sequence[PlannedOutput], report: Report, *, indices: Sequence[int]
) -> Tally:
    """Visits some frames only, by their ``Frame.index``, and reads no others."""
    header, saving = plan.tracks.header, plan.job.saving
    frames = plan.reader.frames_at(indices)
    tally = Tally(header.objects, plan.reader.info.start_seconds)
    clip = Clip(plan.reader, header.stem, header.prompts, plan.job.drawing)
    with driver_of(outputs, clip, header.objects, saving, report) as driver:
        for masks in replay(plan.tracks, frames):
            tally.add(masks)
            driver.write(masks)
        driver.end_first_pass()
        if driver.needs_second_pass:
            for masks in replay(plan.tracks, frames):
                driver.write_again(masks)
            driver.end_second_pass()
    return tally


def draw_all(plan: RenderPlan, outputs: Sequence[PlannedOutput], report: Report) -> Tally:
    """Visits every frame once: decoded in one thread, read from the log in this one, drawn in a third."""
    header, saving, total = plan.tracks.header, plan.job.saving, plan.reader.count_selected()
    tally = Tally(header.objects, plan.reader.info.start_seconds)
    clip = clip_of(plan.reader, header.stem, header.prompts, plan.job.drawing, saving)
    with driver_of(outputs, clip, header.objects, saving, report) as driver:

        def write(masks: FrameMasks) -> None:
            tally.add(masks)
            driver.write(masks)

        draw_once(driver, replayed(plan.tracks, plan.reader), write, Progress("drawing", total=total), report)
        if not tally.saw_anything and not saving.allow_empty:
            raise _nothing_drawn(header)
        if driver.needs_second_pass:
            draw_again(driver, replayed(plan.tracks, plan.reader), total, report)
        tally.remarks = driver.remarks
        report(Progress(FINISHING))
    return tally
