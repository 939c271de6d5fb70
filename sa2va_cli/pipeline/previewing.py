"""The first look: what is named on the keyframes, before anything is followed.

Makes a contact sheet, and tracks of the keyframes alone that keep the language model's answers: the same run
without a preview takes them from there (``remembering``).
"""

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from sa2va_cli.datatypes import AnySegmenter, Frame
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.events import Notice, Report, no_report
from sa2va_cli.outputs.existing import choose_outputs, claimed
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.pipeline.following import on_keyframes
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.limiting import limited
from sa2va_cli.pipeline.opening import files_read
from sa2va_cli.pipeline.planning import Plan, planned
from sa2va_cli.pipeline.pointing import placements
from sa2va_cli.pipeline.remembering import Keeping
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.resuming import Log
from sa2va_cli.pipeline.searching import find_objects, preview_tracks, shots_in, tell_search
from sa2va_cli.pipeline.segmentation import draw, header_of, result_of
from sa2va_cli.pipeline.shots import Shots
from sa2va_cli.pipeline.tracks_file import fitted, growing_log
from sa2va_cli.runtime.loading import Load, load_announced, load_segmenter, memory_errors_explained


def preview(job: SegmentJob, *, load: Load = load_segmenter, report: Report = no_report) -> SegmentResult:
    """Shows what is found on the keyframes of a job.

    Args:
        job: as it is without a preview.
        load: makes the segmenter.
        report: is told how far the run is, and what a person should know.

    Raises:
        UsageError: the outputs go to standard output.
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    untouched = replace(job, saving=replace(job.saving, existing="skip"))  # what the run makes is not made
    with planned(untouched, report) as plan:
        if any(output.is_stream for output in plan.outputs):
            raise UsageError(f"{parameter('preview', True)} makes files, and standard output takes none")
        chosen = _chosen(plan, job)
        if not chosen.outputs:
            return SegmentResult(job.source, skipped=chosen.skipped)
        with memory_errors_explained(plan.model, plan.placement):
            segmenter = load_announced(load, job.model, plan.placement, report)
            if job.search.when is None:
                return _previewed(chosen, segmenter, report)
            with planned(limited(plan, segmenter, report), report) as narrower:
                return _previewed(_chosen(narrower, job), segmenter, report)


def _chosen(plan: Plan, job: SegmentJob) -> Plan:
    """A plan that makes the files of a preview instead, as far as they may be made."""
    tracks = preview_tracks(plan)
    sheet = fitted(tracks.with_name(f"{plan.stem}.preview.png"))
    named = [
        PlannedOutput("sheet", sheet, None, folder=False),
        PlannedOutput("tracks", tracks, None, folder=False),
    ]
    outputs, skipped = choose_outputs(named, job.saving, files_read(job, plan.reader))
    return replace(plan, job=replace(plan.job, saving=job.saving), outputs=outputs, skipped=skipped)


def _previewed(plan: Plan, segmenter: AnySegmenter, report: Report) -> SegmentResult:
    started = time.perf_counter()
    read, replaces = files_read(plan.job, plan.reader), plan.job.saving.replaces
    with ExitStack() as stack:
        stack.enter_context(claimed(plan.outputs, plan.job.saving, read, report))
        session = stack.enter_context(segmenter.open(still=plan.reader.info.kind == "image"))
        tell_search(plan, report)
        asking, shots = Keeping(), shots_in(plan, report)
        findings = find_objects(plan, session, report, shots, asking, as_decoded=True)
        frames = _shown(plan, asking)
        indices = tuple(frame.index for frame in frames)
        header = header_of(plan, findings, segmenter.identity)
        kept = {**header.settings, **asking.setting(shots)}
        header = replace(header, frames=len(frames), settings=kept)
        writer = stack.enter_context(growing_log(header, plan.outputs, report, replaces=replaces))
        log: Log[Any] = Log(writer, shots=Shots(indices, plan.frames))
        plan = replace(plan, frames=len(frames))
        shown = on_keyframes(session, plan.reader, findings, frames, report)
        tally = draw(plan, plan.outputs, log, shown, report, sheet=indices)
    report(Notice("the same command without --preview need not ask again"))
    files = tuple(output.path for output in plan.outputs)
    result = result_of(plan, findings, tally, files, plan.skipped, started, report)
    return replace(result, look_at=())


def _shown(plan: Plan, asking: Keeping) -> list[Frame]:
    """The keyframes, and what was pointed at."""
    indices = {index for one in asking.said for index in one["keyframes"]}
    indices |= {one.index for one in placements(plan.job.search.prompts, plan.reader)}
    return list(plan.reader.frames_at(sorted(indices)))
