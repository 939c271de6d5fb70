"""The whole story of a run: open, plan, load, ask the language model, follow the objects, write."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.datatypes import FrameMasks, Segmenter, Sink
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.events import Notice, Progress, Report, Saved, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.outputs.existing import choose_outputs, claimed
from sa2va_cli.outputs.kinds import KINDS, check_kinds
from sa2va_cli.outputs.naming import PlannedOutput, check_frame_names, plan_outputs
from sa2va_cli.outputs.pictures import Clip, subset
from sa2va_cli.pipeline.finding import Findings, find, follow
from sa2va_cli.pipeline.job import Search, SegmentJob, SegmentResult
from sa2va_cli.pipeline.keyframes import keyframe_indices, read_keyframes
from sa2va_cli.pipeline.opening import files_read, opened, stem_of
from sa2va_cli.pipeline.tally import Tally
from sa2va_cli.queues import read_ahead, write_behind
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import Load, load_segmenter, memory_errors_explained


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the model is loaded; what ``--dry-run`` shows.

    Attributes:
        info: what was found out about the input.
        stem: what names of outputs are derived from.
        frames: how many frames will be looked at.
        keyframes: which of them the language model sees.
        model: the model's name.
        placement: where it runs.
        outputs: what will be made.
        skipped: what exists already and is left alone.
    """

    info: SourceInfo
    stem: str
    frames: int
    keyframes: tuple[int, ...]
    model: str
    placement: Placement
    outputs: tuple[PlannedOutput, ...]
    skipped: tuple[Path, ...]


@contextmanager
def planned(job: SegmentJob, report: Report = no_report) -> Generator[tuple[Reader, Plan], None, None]:
    """Opens the input and decides everything that can go wrong early, before any work is done."""
    check_kinds(job.saving.kinds)
    with opened(job.source, job.search, report) as reader:
        stem = stem_of(job.source)
        named = plan_outputs(job.saving, job.search.prompts, reader.info.kind, stem)
        outputs, skipped = choose_outputs(named, job.saving, files_read(job, reader))
        check_frame_names(outputs, reader.names)
        placement = job.model.placed()
        frames = reader.count_selected()
        keyframes = tuple(keyframe_indices(frames, job.search))
        model = job.model.name_on(placement)
        yield reader, Plan(reader.info, stem, frames, keyframes, model, placement, outputs, skipped)


def segment(job: SegmentJob, *, load: Load = load_segmenter, report: Report = no_report) -> SegmentResult:
    """Finds what the prompts name and writes everything that was asked for.

    Args:
        job: what to do.
        load: makes the segmenter.
        report: is told how far the run is and what a person should know; called from this thread.

    Raises:
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    with planned(job, report) as (reader, plan):
        if not plan.outputs:
            return SegmentResult(job.source, skipped=plan.skipped)
        with (
            claimed(plan.outputs, job.saving, files_read(job, reader)) as removed,
            memory_errors_explained(plan.model, plan.placement),
        ):
            for leftover in removed:
                report(Notice(f"removed {leftover.path}, which a killed run left", "detail"))
            _announce(plan.placement, report)
            report(Progress(f"loading {plan.model}"))
            return _run(_Run(job, plan, reader, load(job.model, plan.placement), report))


def _announce(placement: Placement, report: Report) -> None:
    """Says what was chosen, before the model is loaded: that may take long, or fail."""
    if placement.concern:
        report(Notice(placement.concern, "warning"))
    if placement.chosen:
        report(Notice(placement.chosen))


@dataclass(frozen=True)
class _Run:
    """What the steps of a run share."""

    job: SegmentJob
    plan: Plan
    reader: Reader
    segmenter: Segmenter
    report: Report


def _run(run: _Run) -> SegmentResult:
    started = time.perf_counter()
    findings = _ask(run)
    outputs = _with_objects(run.plan.outputs, findings, allow_empty=run.job.saving.allow_empty)
    tally = _pass(run, findings, outputs)
    warnings = _warnings(run, tally)
    for text in warnings:
        run.report(Notice(text, "warning"))
    return SegmentResult(
        source=run.job.source,
        model=run.plan.model,
        device=run.plan.placement.device,
        dtype=run.plan.placement.dtype,
        objects=tally.summaries(),
        answers=findings.answers_by_label,
        frames=tally.frames,
        seconds=time.perf_counter() - started,
        files=tuple(output.path for output in outputs),
        skipped=run.plan.skipped,
        warnings=(*filter(None, [run.plan.placement.concern]), *warnings),
    )


def _ask(run: _Run) -> Findings:
    """Shows the keyframes to the language model."""
    search = run.job.search
    run.report(Progress("looking for " + ", ".join(prompt.text for prompt in search.prompts)))
    keyframes = read_keyframes(run.reader, search)
    indices = ", ".join(str(frame.index) for frame in keyframes)
    run.report(Notice(f"the language model sees frame {indices}", "detail"))
    findings = find(run.segmenter, keyframes, search, still=run.reader.info.kind == "image")
    for label, answer in findings.answers_by_label.items():
        run.report(Notice(f"{label!r}: {answer}", "detail"))
    if not findings.objects and not run.job.saving.allow_empty:
        raise _nothing(findings)
    return findings


def _pass(run: _Run, findings: Findings, outputs: Sequence[PlannedOutput]) -> Tally:
    """Visits every frame once: decoded in one thread, segmented in this one, written in a third."""
    tally = Tally(findings.objects)
    with ExitStack() as stack:
        sinks = _open_sinks(run, findings, outputs, stack)

        def write(masks: FrameMasks) -> None:
            tally.add(masks)
            for sink, chosen in sinks:
                sink.write(subset(masks, chosen))

        threshold, count = run.job.search.threshold, run.plan.frames
        with (
            write_behind(write) as hand_over,
            read_ahead(run.reader) as frames,
            # Closed by name: an error's traceback would keep it, and its thread, alive.
            closing(
                follow(run.segmenter, frames, findings, threshold, count=count, report=run.report)
            ) as followed,
        ):
            for done, masks in enumerate(followed, 1):
                hand_over(masks)
                run.report(Progress("segmenting", done, count))
        if not tally.saw_anything and not run.job.saving.allow_empty:
            raise _nothing(findings)
        run.report(Progress("finishing the files"))
    return tally


def _open_sinks(
    run: _Run, findings: Findings, outputs: Sequence[PlannedOutput], stack: ExitStack
) -> list[tuple[Sink, list[int] | None]]:
    """Opens a sink for each output, with the places of its objects among all; None for all of them."""
    clip = Clip(run.reader, run.plan.stem)
    sinks: list[tuple[Sink, list[int] | None]] = []
    for output in outputs:
        chosen = None
        objects = findings.objects
        if output.prompt is not None:
            chosen = [k for k, found in enumerate(objects) if found.prompt.id == output.prompt]
            objects = tuple(objects[k] for k in chosen)
        sink = KINDS[output.kind].make(output.path, clip, objects)
        stack.push(_saved(output.path, run.report))
        sinks.append((stack.enter_context(sink), chosen))
    return sinks


def _saved(path: Path, report: Report) -> Callable[[type[BaseException] | None, object, object], None]:
    """Tells about an output once its sink, which is closed first, has finished it."""

    def tell(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            report(Saved(path))

    return tell


def _with_objects(
    outputs: Sequence[PlannedOutput], findings: Findings, *, allow_empty: bool
) -> tuple[PlannedOutput, ...]:
    """Leaves out what belongs to a prompt that found nothing."""
    if allow_empty:
        return tuple(outputs)
    missing = {prompt.id for prompt in findings.unmatched}
    return tuple(output for output in outputs if output.prompt not in missing)


def _warnings(run: _Run, tally: Tally) -> tuple[str, ...]:
    """Collects what a person should know about the run; complete once the frames have been read."""
    seen = {found.prompt_id for found in tally.summaries() if found.frames_visible}
    unseen = [prompt.label for prompt in run.job.search.prompts if prompt.id not in seen]
    return (*(f"nothing matches {label!r}" for label in unseen), *run.reader.warnings)


def _nothing(findings: Findings) -> NothingFoundError:
    answers = findings.answers_by_label
    words = " or ".join(map(repr, answers))
    advice = "try other words, more --keyframes, or --allow-empty"
    return NothingFoundError(f"nothing matches {words}; no files were written; {advice}", answers)


def stream(segmenter: Segmenter, source: str, search: Search) -> Iterator[FrameMasks]:
    """Yields the masks of one frame after the other, lazily; leaves no thread behind when closed early."""
    with opened(source, search, no_report) as reader:
        findings = find(segmenter, read_keyframes(reader, search), search, still=reader.info.kind == "image")
        with read_ahead(reader) as frames:
            count = reader.count_selected()
            yield from follow(segmenter, frames, findings, search.threshold, count=count)
