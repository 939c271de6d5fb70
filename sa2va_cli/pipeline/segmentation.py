"""The whole story of a run: plan, load, ask, follow the objects into a log, draw from it."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sa2va_cli.datatypes import (
    AnySegmenter,
    Followed,
    FoundObject,
    FrameMasks,
    Memory,
    ModelIdentity,
    Queries,
    Segmenter,
    Session,
    View,
)
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.events import Notice, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.driver import Driver
from sa2va_cli.outputs.existing import choose_outputs, claimed
from sa2va_cli.outputs.kinds import check_kinds
from sa2va_cli.outputs.naming import PlannedOutput, check_frame_names, plan_outputs
from sa2va_cli.pipeline.between import sparsely
from sa2va_cli.pipeline.finding import Asking, Findings, ask, nothing_found
from sa2va_cli.pipeline.job import NEVER_RESUMED, Resuming, SegmentJob, SegmentResult, ShotSummary
from sa2va_cli.pipeline.keyframes import keyframe_indices
from sa2va_cli.pipeline.opening import STANDARD_INPUT, files_read, opened, stem_of
from sa2va_cli.pipeline.pointing import placements, with_masks
from sa2va_cli.pipeline.provenance import settings_of, source_facts
from sa2va_cli.pipeline.regrounding import find_in_shots, found_in, objects_by_shot
from sa2va_cli.pipeline.remembering import recalled
from sa2va_cli.pipeline.replay import draw_again
from sa2va_cli.pipeline.resuming import Log, forget, logged
from sa2va_cli.pipeline.selection import check_when
from sa2va_cli.pipeline.shots import Shots, regrounding, shots_of
from sa2va_cli.pipeline.tally import Tally
from sa2va_cli.pipeline.tracks_file import fitted
from sa2va_cli.queues import write_behind
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import Load, load_segmenter, memory_errors_explained
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.version import VERSION

Threads = Callable[[AnySegmenter], AbstractContextManager[int]]
"""Entered while objects are followed; gives the number of threads that objects may be divided among."""


Finding = Callable[["Plan", Session[Any, Any, Any], Report], Findings[Any]]
"""Finds the objects of a plan; raises ``NothingFoundError`` where there are none and there must be some."""


def leave_threads(_: AnySegmenter) -> AbstractContextManager[int]:
    """Leaves torch's threads as they are: they belong to whoever uses this package."""
    return nullcontext(1)


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the model is loaded; what ``--dry-run`` shows.

    Attributes:
        job: what was asked for.
        reader: the open input.
        stem: what names of outputs are derived from.
        frames: how many frames will be looked at.
        keyframes: which of them the language model sees.
        model: the model's name.
        placement: where it runs.
        outputs: what will be made.
        skipped: what exists already and is left alone.
    """

    job: SegmentJob
    reader: Reader
    stem: str
    frames: int
    keyframes: tuple[int, ...]
    model: str
    placement: Placement
    outputs: tuple[PlannedOutput, ...]
    skipped: tuple[Path, ...]

    @property
    def reground(self) -> str:
        """When the language model looks again: ``scenes``, ``off``, or after so many seconds."""
        return regrounding(self.job.search, self.reader.info.kind)


@contextmanager
def planned(job: SegmentJob, report: Report = no_report) -> Generator[Plan, None, None]:
    """Opens the input and decides everything that can go wrong early, before any work is done."""
    check_kinds(job.saving.kinds)
    job.drawing.check_needs()
    job = replace(job, search=with_masks(job.search))
    if job.search.when is not None and job.source == STANDARD_INPUT:
        raise UsageError(f"{parameter('when')} needs an input that can be read twice, not standard input")
    with opened(job.source, job.search, report) as reader:
        check_when(job.search, reader.info)
        placements(job.search.prompts, reader)  # what is pointed at must lie in the clip
        stem = stem_of(job.source)
        named = _named(job, reader, stem)
        outputs, skipped = choose_outputs(named, job.saving, files_read(job, reader))
        check_frame_names(outputs, reader.names)
        placement = job.model.placed()
        frames = reader.count_selected()
        keyframes = tuple(keyframe_indices(frames, job.search)) if job.search.has_words else ()
        model = job.model.name_on(placement)
        yield Plan(job, reader, stem, frames, keyframes, model, placement, outputs, skipped)


def _named(
    job: SegmentJob, reader: Reader, stem: str, objects: Sequence[FoundObject] | None = None
) -> tuple[PlannedOutput, ...]:
    """Names the outputs, those of single objects once these are known."""
    return plan_outputs(
        job.saving,
        job.search.prompts,
        reader.info.kind,
        stem,
        drawing=job.drawing,
        delivery=job.delivery,
        source=reader.info.path,
        objects=objects,
    )


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
            announce(plan.placement, report)
            report(Progress(f"loading {plan.model}"))
            segmenter = load(job.model, plan.placement)
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
    from sa2va_cli.pipeline.limiting import limited

    with planned(limited(plan, segmenter, report), report) as narrower:
        return run(narrower, segmenter, report, threads, resuming=resuming)


def announce(placement: Placement, report: Report) -> None:
    """Says what was chosen, before the model is loaded: that may take long, or fail."""
    if placement.concern:
        report(Notice(placement.concern, "warning"))
    if placement.chosen:
        report(Notice(placement.chosen))


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
    job, reader, read = plan.job, plan.reader, files_read(plan.job, plan.reader)
    ready = tuple(output for output in plan.outputs if not output.by_object)
    with ExitStack() as stack:
        stack.enter_context(claimed(ready, job.saving, read, report))
        still = reader.info.kind == "image"
        session = sparsely(stack.enter_context(segmenter.open(still=still)), job.search, still=still)
        if job.search.follow_every > 1:  # a checkpoint would have to hold frames
            resuming = NEVER_RESUMED
        if finding is None:
            findings: Findings[Any] = _recalled_or_asked(plan, session, report, segmenter.identity)
        else:
            findings = finding(plan, session, report)
        late, skipped = outputs_of_objects(plan, findings.objects, read)
        outputs = with_objects(plan, (*ready, *late), findings)
        if not outputs:
            return all_there(plan, resuming, skipped)
        stack.enter_context(claimed(late, job.saving, read, report))
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
        answers=_by_id(findings),
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


def preview_tracks(plan: Plan) -> Path:
    """Where a preview of a run leaves what it has found."""
    first = min((*(output.path for output in plan.outputs), *plan.skipped), default=Path(plan.stem))
    return fitted(first.parent / f"{plan.stem}.preview.tracks.sa2va")


def _recalled_or_asked(
    plan: Plan, session: Session[View, Queries, Memory], report: Report, identity: ModelIdentity
) -> Findings[Memory]:
    """Takes the answers of a preview, or else shows the keyframes to the language model."""
    tell_search(plan, report)
    path = preview_tracks(plan)
    facts = source_facts(plan.reader, plan.job.source) if path.is_file() else None
    known = facts and recalled(path, facts, plan.job.search.prompts, identity, _settings(plan), plan.frames)
    if not known:
        return find_objects(plan, session, report, shots_in(plan, report), ask)
    report(Notice(f"the answers are those in {path}; the language model is not asked again"))
    return find_objects(plan, session, report, known.shots, known)


def tell_search(plan: Plan, report: Report) -> None:
    """Says what is looked for."""
    names = ", ".join(prompt.text or prompt.label for prompt in plan.job.search.prompts)
    report(Progress(f"looking for {names}"))


def shots_in(plan: Plan, report: Report) -> Shots:
    """The shots of a plan's clip."""
    usual = plan.keyframes == _usual_keyframes(plan)  # those that were chosen are for the whole clip
    return shots_of(plan.reader, plan.job.search, report) if usual else Shots((0,), plan.frames)


def find_objects(
    plan: Plan,
    session: Session[View, Queries, Memory],
    report: Report,
    shots: Shots,
    asking: Asking,
    *,
    as_decoded: bool = False,
) -> Findings[Memory]:
    """Finds what a plan looks for.

    Args:
        plan: what to do.
        session: of the clip.
        report: is told how far that is.
        shots: of the clip.
        asking: gets the language model's answers.
        as_decoded: whether keyframes will be shown as they are decoded, whatever the search says.

    Raises:
        NothingFoundError: nothing is found, and something must be.
    """
    search = plan.job.search
    shown = replace(search, sampling="first") if as_decoded else search
    if len(shots) > 1:
        report(Notice(f"{len(shots)} shots; the language model looks at each"))
        by_shot = find_in_shots(session, plan.reader, search, shots, report, asking)
        findings: Findings[Memory] = replace(by_shot, search=shown)
    else:
        findings = found_in(session, plan.reader, shown, shots, report, plan.keyframes, asking)
    for prompt, answer in findings.answers.items():
        report(Notice(f"{prompt.label!r}: {answer}", "detail"))
    if not findings.objects and not plan.job.saving.allow_empty:
        raise nothing_found(search.prompts, _by_id(findings))
    return findings


def _by_id(findings: Findings[Memory]) -> dict[int, str]:
    return {prompt.id: answer for prompt, answer in findings.answers.items()}


def header_of(plan: Plan, findings: Findings[Memory], identity: ModelIdentity) -> Header:
    """The head of the log of a plan's run."""
    return Header(
        program=VERSION,
        source=source_facts(plan.reader, plan.job.source),
        stem=plan.stem,
        prompts=plan.job.search.prompts,
        objects=findings.objects,
        answers=_by_id(findings),
        threshold=plan.job.search.threshold,
        frames=plan.frames,
        model=identity,
        settings=_settings(plan) | _shots_of(findings),
    )


def _settings(plan: Plan) -> dict[str, Any]:
    return settings_of(plan.job.search, plan.job.model) | _keyframes_chosen(plan)


def _keyframes_chosen(plan: Plan) -> dict[str, Any]:
    """The keyframes, where the settings do not say which they are."""
    usual = plan.keyframes == _usual_keyframes(plan)
    return {} if usual else {"keyframe_indices": list(plan.keyframes)}


def _usual_keyframes(plan: Plan) -> tuple[int, ...]:
    """The keyframes that follow from the settings."""
    return tuple(keyframe_indices(plan.frames, plan.job.search))


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
    numbers = plan.job.saving.source_numbers
    clip = Clip(
        plan.reader,
        plan.stem,
        header.prompts,
        plan.job.drawing,
        by_source_number=numbers,
        strip_metadata=plan.job.saving.strip_metadata,
        sheet=sheet,
    )
    saving = plan.job.saving
    ends = {"verify": saving.verify, "replaces": saving.replaces}
    with Driver(outputs, clip, header.objects, report, **ends) as driver:

        def write(one: FrameMasks | Followed[Memory] | Followed[None]) -> None:
            masks = one if isinstance(one, FrameMasks) else log.append(one)
            tally.add(masks)
            driver.write(masks)

        # Closed by name: an error's traceback would keep it, and its threads, alive.
        with write_behind(write) as hand_over, closing(followed):
            for done, one in enumerate(followed, 1):
                hand_over(one)
                report(Progress("segmenting", done, plan.frames))
        driver.end_first_pass()
        if not tally.saw_anything and not plan.job.saving.allow_empty:
            raise nothing_found(header.prompts, header.answers)
        log.writer.finish()
        if driver.needs_second_pass:
            with output_errors(outputs[0].path):
                log.writer.path.stat()  # it may have gone with its folder
            draw_again(driver, Tracks(log.writer.path), plan.reader, report)
        tally.remarks = driver.remarks
        report(Progress("finishing the files"))
    return tally


def outputs_of_objects(
    plan: Plan, objects: Sequence[FoundObject], read: Sequence[Path]
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Names the outputs of single objects, which are known now, and decides about those that exist."""
    kinds = {output.kind for output in plan.outputs if output.by_object}
    if not kinds:
        return (), ()
    named = _named(plan.job, plan.reader, plan.stem, objects)
    own = [output for output in named if output.by_object and output.kind in kinds]
    return choose_outputs(own, plan.job.saving, read)


def with_objects(
    plan: Plan, outputs: tuple[PlannedOutput, ...], findings: Findings[Memory]
) -> tuple[PlannedOutput, ...]:
    """Leaves out what belongs to a prompt that found nothing."""
    if plan.job.saving.allow_empty:
        return outputs
    missing = {prompt.id for prompt in findings.unmatched}
    return tuple(output for output in outputs if output.prompt not in missing)


def _warnings(plan: Plan, tally: Tally) -> tuple[str, ...]:
    """Collects what a person should know about the run; complete once the frames have been read."""
    seen = {found.prompt_id for found in tally.summaries() if found.frames_visible}
    unseen = [prompt.label for prompt in plan.job.search.prompts if prompt.id not in seen]
    return (*(f"nothing matches {label!r}" for label in unseen), *plan.reader.warnings)
