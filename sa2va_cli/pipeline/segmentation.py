"""The whole story of a run: plan, load, ask, follow the objects into a log, draw from it."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sa2va_cli.datatypes import (
    AnySegmenter,
    Followed,
    FrameMasks,
    Memory,
    ModelIdentity,
    Queries,
    Segmenter,
    Session,
    View,
)
from sa2va_cli.events import FINISHING, Notice, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.pipeline.between import sparsely
from sa2va_cli.pipeline.claiming import claim_found, claim_ready
from sa2va_cli.pipeline.finding import Findings, nothing_found
from sa2va_cli.pipeline.job import NEVER_RESUMED, Resuming, SegmentJob
from sa2va_cli.pipeline.limiting import limited
from sa2va_cli.pipeline.passes import clip_of, draw_again, draw_once, driver_of
from sa2va_cli.pipeline.planning import Plan, planned
from sa2va_cli.pipeline.provenance import source_facts
from sa2va_cli.pipeline.regrounding import objects_by_shot
from sa2va_cli.pipeline.replay import replayed
from sa2va_cli.pipeline.result import SegmentResult, ShotSummary
from sa2va_cli.pipeline.resuming import Log, forget, logged
from sa2va_cli.pipeline.searching import recall_or_ask
from sa2va_cli.pipeline.tally import Tally
from sa2va_cli.runtime.loading import Load, load_announced, load_segmenter, memory_errors_explained
from sa2va_cli.runtime.threads import Threads, leave_threads
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.version import VERSION

Finding = Callable[[Plan, Session[Any, Any, Any], Report], Findings[Any]]
"""Finds the objects of a plan; raises ``NothingFoundError`` where there are none and there must be some."""


def segment(
    job: SegmentJob,
    *,
    load: Load = load_segmenter,
    report: Report = no_report,
    threads: Threads = leave_threads,
    resuming: Resuming = NEVER_RESUMED,
) -> SegmentResult:
    """Finds what the prompts name and writes everything that was asked for.

    Args:
        job: what to do.
        load: makes the segmenter.
        report: is told how far the run is and what a person should know; called from this thread.
        threads: decides about torch's threads while objects are followed.
        resuming: whether checkpoints are kept, and a killed run is gone on with.

    Raises:
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    with planned(job, report) as plan:
        if not plan.outputs:
            return all_there(plan, resuming)
        with memory_errors_explained(plan.model, plan.placement):
            segmenter = load_announced(load, job.model, plan.placement, report)
            return run_within(plan, segmenter, report, threads, resuming)


def all_there(plan: Plan, resuming: Resuming, more: Sequence[Path] = ()) -> SegmentResult:
    """What comes of a run with nothing to make; what one that was killed at its very end left goes.

    Args:
        plan: without outputs.
        resuming: see ``segment``.
        more: outputs that exist besides those the plan knows.
    """
    skipped = (*plan.skipped, *more)
    if resuming.resume and skipped:
        forget(plan.stem, skipped)
    return SegmentResult(plan.job.source, skipped=skipped)


def run_within(
    plan: Plan, segmenter: AnySegmenter, report: Report, threads: Threads, resuming: Resuming
) -> SegmentResult:
    """``run`` on the time in which something happens, where the search names such a time.

    Raises:
        Sa2VAError: see ``segment``.
    """
    if plan.job.search.when is None:
        return run(plan, segmenter, report, threads, resuming=resuming)
    with planned(limited(plan, segmenter, report), report) as narrower:
        return run(narrower, segmenter, report, threads, resuming=resuming)


def run(
    plan: Plan,
    segmenter: Segmenter[View, Queries, Memory],
    report: Report = no_report,
    threads: Threads = leave_threads,
    finding: Finding | None = None,
    resuming: Resuming = NEVER_RESUMED,
) -> SegmentResult:
    """Carries out a plan with a loaded model, which serves any number of plans.

    Args:
        plan: what to do.
        segmenter: the model.
        report: see ``segment``.
        threads: see ``segment``.
        finding: finds the objects; None to ask for each prompt.
        resuming: see ``segment``.

    Raises:
        Sa2VAError: see ``segment``.
    """
    started = time.perf_counter()
    job, reader = plan.job, plan.reader
    with ExitStack() as stack:
        claim_ready(plan, stack, report)
        still = reader.info.kind == "image"
        session = sparsely(stack.enter_context(segmenter.open(still=still)), job.search, still=still)
        if job.search.follow_every > 1:  # a checkpoint would have to hold frames
            resuming = NEVER_RESUMED
        if finding is None:
            findings: Findings[Any] = recall_or_ask(plan, session, report, segmenter.identity)
        else:
            findings = finding(plan, session, report)
        outputs, skipped = claim_found(plan, findings, stack, report)
        if not outputs:
            return all_there(plan, resuming, skipped)
        header = header_of(plan, findings, segmenter.identity)
        named = [*(output.path for output in outputs), *plan.skipped, *skipped]
        log_opened = logged(session, header, outputs, named, report, resuming, replaces=job.saving.replaces)
        with log_opened as log, threads(segmenter) as workers:
            followed = log.followed(session, reader, findings, outputs, report, workers)
            tally = draw(plan, outputs, log, followed, report)
    files = tuple(output.path for output in outputs)
    return result_of(plan, findings, tally, files, (*plan.skipped, *skipped), started, report)


def result_of(
    plan: Plan,
    findings: Findings[Any],
    tally: Tally,
    files: tuple[Path, ...],
    skipped: tuple[Path, ...],
    started: float,
    report: Report,
) -> SegmentResult:
    """What a run comes back with.

    Args:
        plan: what was done.
        findings: what was found.
        tally: of the frames.
        files: what was made.
        skipped: what was there already.
        started: when, by ``time.perf_counter``.
        report: is told what a person should know.
    """
    warnings = _warnings(plan, tally)
    for text in warnings:
        report(Notice(text, "warning"))
    return SegmentResult(
        source=plan.job.source,
        info=plan.reader.info,
        model=plan.model,
        device=plan.placement.device,
        dtype=plan.placement.dtype,
        prompts=plan.job.search.prompts,
        objects=tally.summaries(),
        answers=findings.answers_by_id,
        frames=tally.frames,
        seconds=time.perf_counter() - started,
        files=files,
        skipped=skipped,
        warnings=(*filter(None, [plan.placement.concern]), *warnings),
        look_at=tally.look_at(),
        remarks=tally.remarks,
        shots=_told_of_shots(plan.reader, findings),
    )


def _told_of_shots(reader: Reader, findings: Findings[Memory]) -> tuple[ShotSummary, ...]:
    return tuple(
        ShotSummary(
            reader.source_number(shot["first"]),
            reader.source_number(shot["last"]),
            {int(number): answer for number, answer in shot["answers"].items()},
            tuple(shot["objects"]),
        )
        for shot in objects_by_shot(findings)
    )


def header_of(plan: Plan, findings: Findings[Memory], identity: ModelIdentity) -> Header:
    """The head of the log of a plan's run."""
    return Header(
        program=VERSION,
        source=source_facts(plan.reader, plan.job.source),
        stem=plan.stem,
        prompts=plan.job.search.prompts,
        objects=findings.objects,
        answers=findings.answers_by_id,
        threshold=plan.job.search.threshold,
        frames=plan.frames,
        model=identity,
        settings=plan.settings | _shots_of(findings),
    )


def _shots_of(findings: Findings[Memory]) -> dict[str, Any]:
    """The shots, where there are several."""
    shots = objects_by_shot(findings)
    return {"shots": shots} if shots else {}


def draw(
    plan: Plan,
    outputs: Sequence[PlannedOutput],
    log: Log[Memory],
    followed: Generator[FrameMasks | Followed[Memory] | Followed[None], None, None],
    report: Report,
    sheet: tuple[int, ...] | None = None,
) -> Tally:
    """Visits every frame once: decoded in one thread, followed in this one, logged and drawn in a third.

    Outputs that need the whole clip are drawn from the log afterwards.

    Args:
        plan: what to do.
        outputs: what is made.
        log: of the run.
        followed: every frame.
        report: is told how far that is.
        sheet: the frames of contact sheets; None for some that are spread over the clip.
    """
    header = log.writer.header
    tally = Tally(header.objects, plan.reader.info.start_seconds)
    saving = plan.job.saving
    clip = clip_of(plan.reader, plan.stem, header.prompts, plan.job.drawing, saving, sheet)
    with driver_of(outputs, clip, header.objects, saving, report) as driver:

        def write(one: FrameMasks | Followed[Memory] | Followed[None]) -> None:
            masks = one if isinstance(one, FrameMasks) else log.append(one)
            tally.add(masks)
            driver.write(masks)

        draw_once(driver, followed, write, Progress("segmenting", total=plan.frames), report)
        if not tally.saw_anything and not saving.allow_empty:
            raise nothing_found(header.prompts, header.answers)
        log.writer.finish()
        if driver.needs_second_pass:
            with output_errors(outputs[0].path):
                log.writer.path.stat()  # it may have gone with its folder
            again = replayed(Tracks(log.writer.path), plan.reader)
            draw_again(driver, again, plan.reader.count_selected(), report)
        tally.remarks = driver.remarks
        report(Progress(FINISHING))
    return tally


def _warnings(plan: Plan, tally: Tally) -> tuple[str, ...]:
    """Collects what a person should know about the run; complete once the frames have been read."""
    seen = {found.prompt_id for found in tally.summaries() if found.frames_visible}
    unseen = [prompt.label for prompt in plan.job.search.prompts if prompt.id not in seen]
    return (*(f"nothing matches {label!r}" for label in unseen), *plan.reader.warnings)
