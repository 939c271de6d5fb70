"""The story of ``sa2va edit``: a plan, what it is about, and the frames with it.

A video is looked at as ``segment`` does, tracks are drawn from as ``render`` does, and where whole pictures
are changed there is nothing to find. What a back-end makes is made from tracks, before anything is drawn.
"""

import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from sa2va_cli.datatypes import FrameMasks, Prompt, Remark
from sa2va_cli.editing.uses import Moments, check_objects, effect_uses, named_prompts
from sa2va_cli.errors import UsageError
from sa2va_cli.events import Progress, Report, Saved, no_report
from sa2va_cli.generation.backend import BackEnd
from sa2va_cli.generation.table import back_end_of
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.existing import claimed
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.plates import open_plate
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.deciding import decided_outputs
from sa2va_cli.pipeline.edit_job import EditJob
from sa2va_cli.pipeline.generating import with_generated
from sa2va_cli.pipeline.job import NEVER_RESUMED, Resuming, SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.opening import opened, stem_of
from sa2va_cli.pipeline.passes import clip_of, draw_again, draw_once, driver_of
from sa2va_cli.pipeline.planning import Plan, planned
from sa2va_cli.pipeline.rendering import (
    RenderJob,
    RenderPlan,
    draw_frames,
    planned_rendering,
    run_rendering,
)
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import all_there, run
from sa2va_cli.pipeline.tally import Tally
from sa2va_cli.queues import read_ahead
from sa2va_cli.render.effects.reading import EffectUse
from sa2va_cli.runtime.loading import Load, load_announced, load_segmenter, memory_errors_explained
from sa2va_cli.runtime.threads import Threads, leave_threads
from sa2va_cli.tracks.log import Tracks

_LOOKED_AT_SECONDS = 1
"""How long the part of a clip is in which something "at 3 s" is looked for: until 4 s."""


def edit(
    job: EditJob,
    *,
    load: Load = load_segmenter,
    report: Report = no_report,
    threads: Threads = leave_threads,
    resuming: Resuming = NEVER_RESUMED,
) -> SegmentResult:
    """Edits a video.

    Args:
        job: what to do.
        load: makes the segmenter, if one is needed.
        report: is told how far the run is and what a person should know; called from this thread.
        threads: decides about torch's threads while objects are followed.
        resuming: whether checkpoints are kept while things are followed in a video; what is only drawn, or
            made by a back-end, begins anew.

    Raises:
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    if job.is_tracks:
        return _edit_tracks(job, report)
    check_not_numbered(job)
    if job.plan.only_pictures:
        return _edit_pictures(job, report)
    if job.plan.generates:
        return _edit_generated(job, load, report, threads)
    with planned_editing(job, report) as plan:
        if not plan.outputs:
            return all_there(plan, resuming)
        with memory_errors_explained(plan.model, plan.placement):
            segmenter = load_announced(load, job.model, plan.placement, report)
            return run(plan, segmenter, report, threads, resuming=resuming)


def check_not_numbered(job: EditJob) -> None:
    """Refuses objects by their numbers in what is no tracks file.

    Raises:
        UsageError: there are some.
    """
    if job.plan.objects and not job.is_tracks:
        raise UsageError(
            f"{job.source}: objects are numbered in tracks only; find them with segment --save tracks, "
            "and edit the tracks"
        )


# --- a video whose things are looked for -----------------------------------------------------------


@contextmanager
def planned_editing(job: EditJob, report: Report = no_report) -> Generator[Plan, None, None]:
    """Decides everything about the edit of a video before the model is loaded.

    Raises:
        Sa2VAError: something cannot be meant, or cannot be read or written.
    """
    prompts = prompts_of(job)
    drawn = _drawn(job, effect_uses(job.plan, named_prompts(job.plan, prompts)))
    search = job.looking.searching(prompts)
    if job.preview:
        search = _previewed(search, job.source, report)
    with planned(SegmentJob(job.source, search, job.model, job.saving, drawn, job.delivery), report) as plan:
        moments = _moments(plan.reader)
        uses = effect_uses(job.plan, named_prompts(job.plan, prompts), moments)
        drawing = _drawn(job, uses)
        _check_files(drawing)
        keyframes = _keyframes(job, plan, moments) or plan.keyframes
        yield replace(plan, job=replace(plan.job, drawing=drawing), keyframes=keyframes)


def prompts_of(job: EditJob) -> tuple[Prompt, ...]:
    """What is looked for.

    Raises:
        UsageError: nothing is named.
    """
    prompts = numbered(job.plan.prompts)
    if not prompts:
        raise UsageError(
            f"{job.source}: nothing says what is to be found; name it, as in "
            f"{_with_subject(job.plan.instruction)}; tracks need no name, as they hold what was found"
        )
    return prompts


def _with_subject(instruction: str) -> str:
    """What to say, with a subject: the instruction itself where it has the place for one."""
    for background, subject in (("背景", "女孩的背景"), ("background", "background of the dog")):
        if background in instruction:
            return f'"{instruction.replace(background, subject, 1)}"'
    return '--target "the dog"'


def _drawn(job: EditJob, uses: tuple[EffectUse, ...]) -> Drawing:
    if job.hold is not None:
        uses = tuple(
            replace(use, values={**use.values, "hold": job.hold}) if use.row.protects else use for use in uses
        )
    return replace(job.drawing, effects=uses)


def _check_files(drawing: Drawing) -> None:
    """Makes each effect once, so that a file that is missing is known before anything is loaded.

    Raises:
        InputError: one is missing, or is not what it should be.
    """
    for use in drawing.effects:
        use.made(open_plate)


def _moments(reader: Reader) -> Moments:
    info = reader.info
    if info.kind == "video":
        duration = Fraction(info.duration_seconds).limit_denominator(1_000_000)
    else:
        duration = Fraction(info.frames) / info.rate
    return Moments(duration, info.rate, info.start_seconds)


def _keyframes(job: EditJob, plan: Plan, moments: Moments) -> tuple[int, ...] | None:
    """The frames at which the plan says that something is to be found; None where it says nothing.

    Raises:
        UsageError: there are none among those that are looked at.
    """
    points = dict.fromkeys(edit.span.found_at for edit in job.plan.edits if edit.span.found_at is not None)
    if not points or job.preview:
        return None
    base, begin = plan.reader.info.time_base, moments.begin
    times = [Fraction(pts) * base - begin for pts in plan.reader.stamps()]
    found: list[int] = []
    for point in points:
        first = point.seconds(moments.duration, moments.rate)
        inside = [k for k, time in enumerate(times) if first <= time < first + _LOOKED_AT_SECONDS]
        if not inside:
            raise UsageError(
                f"no frame that is looked at lies at {point.words}, where the target is to be found"
            )
        places = np.linspace(0, len(inside) - 1, min(plan.job.search.keyframes, len(inside)), dtype=int)
        found += [inside[place] for place in places]
    return tuple(sorted(set(found)))


def _previewed(search: Search, source: str, report: Report) -> Search:
    """A search that looks at a few frames only, spread over the clip."""
    from sa2va_cli.outputs.comparing import PREVIEWED

    with opened(source, search, report) as reader:
        total = reader.count_selected()
    every = max(1, (total - 1) // (PREVIEWED - 1))
    return replace(search, every=search.every * every, max_frames=PREVIEWED)


# --- tracks ----------------------------------------------------------------------------------------


def _edit_tracks(job: EditJob, report: Report, back_end: BackEnd | None = None) -> SegmentResult:
    if back_end is None and job.plan.generates:
        back_end = back_end_of(str(job.backend), job.reference)
    with planned_from_tracks(job, report) as plan:
        if not plan.outputs:
            return SegmentResult(plan.source, skipped=plan.skipped)
        with with_generated(job, plan, back_end, report) as whole:
            return run_rendering(whole, report, draw=_draw_preview if job.preview else None)


@contextmanager
def planned_from_tracks(job: EditJob, report: Report = no_report) -> Generator[RenderPlan, None, None]:
    """Decides everything about an edit from tracks.

    Raises:
        Sa2VAError: something cannot be meant, or cannot be read or written.
    """
    header = Tracks(Path(job.source)).header
    prompts = named_prompts(job.plan, header.prompts)
    check_objects(job.plan, header.objects)
    drawn = _drawn(job, effect_uses(job.plan, prompts))
    render_job = RenderJob(Path(job.source), job.video, job.saving, drawn, job.delivery, job.force)
    with planned_rendering(render_job, report) as plan:
        drawing = _drawn(job, effect_uses(job.plan, prompts, _moments(plan.reader)))
        _check_files(drawing)
        yield replace(plan, job=replace(plan.job, drawing=drawing))


def _draw_preview(plan: RenderPlan, outputs: Sequence[PlannedOutput], report: Report) -> Tally:
    """Draws a contact sheet of a few frames, and reads no others."""
    from sa2va_cli.outputs.comparing import PREVIEWED
    from sa2va_cli.outputs.sheet import spread

    indices = spread(plan.reader.count_selected(), PREVIEWED)
    return draw_frames(plan, outputs, report, indices=indices)


# --- whole pictures, in which nothing has to be found ----------------------------------------------


@dataclass(frozen=True)
class PicturesPlan:
    """Everything that is decided before whole pictures are drawn over.

    Attributes:
        reader: the open input.
        drawing: the effects.
        outputs: what will be made.
        skipped: what exists already and is left alone.
        read: every file that is read.
    """

    reader: Reader
    drawing: Drawing
    outputs: tuple[PlannedOutput, ...]
    skipped: tuple[Path, ...]
    read: tuple[Path, ...]


@contextmanager
def planned_pictures(job: EditJob, report: Report = no_report) -> Generator[PicturesPlan, None, None]:
    """Decides everything about an edit of whole pictures.

    Raises:
        Sa2VAError: something cannot be meant, or cannot be read or written.
    """
    if "tracks" in job.saving.kinds:
        raise UsageError("--save tracks: in an edit of whole pictures nothing is found; leave it out")
    search = job.looking.searching(numbered(("picture",)))
    if job.preview:
        search = _previewed(search, job.source, report)
    with opened(job.source, search, report) as reader:
        drawing = _drawn(job, effect_uses(job.plan, {}, _moments(reader)))
        _check_files(drawing)
        read = (Path(job.source), *reader.all_files, *drawing.files)
        drawn = replace(job, drawing=drawing)
        outputs, skipped = decided_outputs(drawn, search.prompts, reader, stem_of(job.source), read)
        yield PicturesPlan(reader, drawing, outputs, skipped, read)


def _edit_pictures(job: EditJob, report: Report) -> SegmentResult:
    """Draws over whole pictures; no model is needed."""
    started = time.perf_counter()
    with planned_pictures(job, report) as plan:
        reader, outputs = plan.reader, plan.outputs
        if not outputs:
            return SegmentResult(job.source, skipped=plan.skipped)
        with claimed(outputs, job.saving, plan.read, report):
            clip = clip_of(reader, stem_of(job.source), (), plan.drawing, job.saving)
            frames, remarks = _draw_pictures(clip, outputs, job.saving, report)
        return SegmentResult(
            job.source,
            reader.info,
            frames=frames,
            seconds=time.perf_counter() - started,
            files=tuple(output.path for output in outputs),
            skipped=plan.skipped,
            warnings=tuple(reader.warnings),
            remarks=remarks,
        )


def _draw_pictures(
    clip: Clip, outputs: tuple[PlannedOutput, ...], saving: Saving, report: Report
) -> tuple[int, tuple[Remark, ...]]:
    progress = Progress("drawing", total=clip.reader.count_selected())
    with driver_of(outputs, clip, (), saving, report) as driver:
        done = draw_once(driver, _without_masks(clip.reader), driver.write, progress, report)
        if driver.needs_second_pass:
            draw_again(driver, _without_masks(clip.reader))
        return done, driver.remarks


def _without_masks(reader: Reader) -> Generator[FrameMasks, None, None]:
    """The frames of a clip in which nothing was looked for."""
    with read_ahead(reader) as frames:
        for frame in frames:
            yield FrameMasks(frame, np.zeros((0, 1, 1), np.float32), np.zeros(0, np.float32))


# --- what back-ends make ---------------------------------------------------------------------------


def _edit_generated(job: EditJob, load: Load, report: Report, threads: Threads) -> SegmentResult:
    """Finds first, into tracks that are kept for as long as they are needed; then edits these."""
    if "tracks" in job.saving.kinds:
        raise UsageError(
            "--save tracks does not go with --backend; find with segment --save tracks, and edit the tracks"
        )
    back_end = back_end_of(str(job.backend), job.reference)
    search = job.looking.searching(prompts_of(job))
    with tempfile.TemporaryDirectory(prefix="sa2va-edit-") as folder:
        path = Path(folder) / f"{stem_of(job.source)}.tracks.sa2va"
        saving = Saving(("tracks",), str(path), allow_empty=job.saving.allow_empty)
        with planned(SegmentJob(job.source, search, job.model, saving), report) as plan:
            chosen = _keyframes(job, plan, _moments(plan.reader)) or plan.keyframes
            with memory_errors_explained(plan.model, plan.placement):
                segmenter = load_announced(load, job.model, plan.placement, report)
                run(replace(plan, keyframes=chosen), segmenter, _progress(report), threads)
        return _edit_tracks(replace(job, source=str(path), video=job.source), report, back_end)


def _progress(report: Report) -> Report:
    """Tells how far a run is, and not what it has saved: that is gone in the end."""
    return lambda event: None if isinstance(event, Saved) else report(event)
