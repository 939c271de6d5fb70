"""The kinds of jobs, one row each: how one is made of an input and options, and how it is run.

A new kind is a row here. What a kind needs besides its input are the groups of ``options.Options``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.batch.options import Options
from sa2va_cli.batch.sources import MEDIA_ENDINGS, TRACKS_ENDINGS, source_kind
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.events import Report
from sa2va_cli.outputs.naming import plan_outputs
from sa2va_cli.outputs.saving import STANDARD_OUTPUT, Existing, Saving
from sa2va_cli.parameters import one_of
from sa2va_cli.pipeline.job import Resuming, SegmentJob, SegmentResult

if TYPE_CHECKING:
    from sa2va_cli.datatypes import AnySegmenter
    from sa2va_cli.pipeline.segmentation import Threads


@dataclass(frozen=True)
class Tools:
    """What a worker lends to a job.

    Attributes:
        segmenter: gives the loaded model.
        threads: entered while objects are followed; see ``pipeline.segmentation``.
        report: is told how far the job is.
        resuming: how checkpoints are kept.
    """

    segmenter: "Callable[[], AnySegmenter]"
    threads: "Threads"
    report: Report
    resuming: Resuming


@dataclass(frozen=True)
class JobKind:
    """One kind.

    Attributes:
        text: what it does, for help.
        needs_model: whether it runs a network.
        endings: by which inputs are found in folders.
        make: the value that is run, from an input, prompts and options.
        outputs: what that value will most likely make; opens no video.
        run: does it.
    """

    text: str
    needs_model: bool
    endings: frozenset[str]
    make: Callable[[str, tuple[str, ...], Options], Any]
    outputs: Callable[[Any], tuple[Path, ...]]
    run: Callable[[Any, Tools], SegmentResult]

    def with_existing(self, work: Any, existing: Existing) -> Any:
        """The same work with another answer to outputs that exist."""
        return replace(work, saving=_replaced(work.saving, existing))


def _replaced(saving: Saving, existing: Existing) -> Saving:
    return saving if saving.existing == existing else replace(saving, existing=existing)


def _make_segment(source: str, prompts: tuple[str, ...], options: Options) -> SegmentJob:
    return SegmentJob(
        source,
        options.search.search(prompts),
        options.model,
        options.saving,
        options.drawing,
        options.delivery,
    )


def _segment_outputs(job: SegmentJob) -> tuple[Path, ...]:
    from sa2va_cli.pipeline.opening import stem_of

    planned = plan_outputs(
        job.saving,
        job.search.prompts,
        source_kind(job.source),
        stem_of(job.source),
        drawing=job.drawing,
        delivery=job.delivery,
        source=Path(job.source),
    )
    return tuple(output.path for output in planned)


def _run_segment(job: SegmentJob, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.segmentation import all_there, planned, run_within
    from sa2va_cli.runtime.loading import memory_errors_explained

    with planned(job, tools.report) as plan:
        if not plan.outputs:
            return all_there(plan, tools.resuming)
        segmenter = tools.segmenter()
        with memory_errors_explained(plan.model, plan.placement):
            return run_within(plan, segmenter, tools.report, tools.threads, tools.resuming)


def _make_render(source: str, _: tuple[str, ...], options: Options) -> Any:
    from sa2va_cli.pipeline.rendering import RenderJob

    return RenderJob(Path(source), None, options.saving, options.drawing, options.delivery)


def _render_outputs(job: Any) -> tuple[Path, ...]:
    from sa2va_cli.tracks.log import Tracks

    try:
        header = Tracks(job.tracks).header
    except InputError:  # it will be told when its turn comes
        return ()
    planned = plan_outputs(
        job.saving,
        header.prompts,
        header.source.kind,
        header.stem,
        drawing=job.drawing,
        delivery=job.delivery,
        source=Path(header.source.path),
    )
    return tuple(output.path for output in planned)


def _run_render(job: Any, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.rendering import render

    return render(job, report=tools.report)


KINDS: Mapping[str, JobKind] = {
    "segment": JobKind(
        "find what prompts name and write it",
        True,
        MEDIA_ENDINGS,
        _make_segment,
        _segment_outputs,
        _run_segment,
    ),
    "render": JobKind(
        "draw from tracks files", False, TRACKS_ENDINGS, _make_render, _render_outputs, _run_render
    ),
}


def kind_of(name: str) -> JobKind:
    """Looks a kind up.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in KINDS:
        raise UsageError(f"unknown kind of job {name!r}; choose {one_of(tuple(KINDS))}")
    return KINDS[name]


def check_batchable(saving: Saving) -> None:
    """Makes sure that many jobs can be saved like this.

    Raises:
        UsageError: they would share standard output.
    """
    if saving.output == STANDARD_OUTPUT:
        raise UsageError("-o - is one stream, and a batch has many outputs; give a folder or a template")
