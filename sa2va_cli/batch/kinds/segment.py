"""Jobs that find what prompts name, as ``sa2va segment`` does."""

from pathlib import Path

from sa2va_cli.batch.kinds.kind import JobKind, Tools
from sa2va_cli.batch.options import Options
from sa2va_cli.batch.sources import MEDIA_ENDINGS, source_kind
from sa2va_cli.outputs.naming import plan_outputs
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.result import SegmentResult


def _make(source: str, prompts: tuple[str, ...], options: Options) -> SegmentJob:
    return SegmentJob(
        source,
        options.search.search(prompts),
        options.model,
        options.saving,
        options.drawing,
        options.delivery,
    )


def _outputs(job: SegmentJob) -> tuple[Path, ...]:
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


def _run(job: SegmentJob, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.planning import planned
    from sa2va_cli.pipeline.segmentation import all_there, run_within
    from sa2va_cli.runtime.loading import memory_errors_explained

    with planned(job, tools.report) as plan:
        if not plan.outputs:
            return all_there(plan, tools.resuming)
        segmenter = tools.segmenter()
        with memory_errors_explained(plan.model, plan.placement):
            return run_within(plan, segmenter, tools.report, tools.threads, tools.resuming)


def _reads(options: Options) -> tuple[Path, ...]:
    return (*(Path(mask.path) for mask in options.search.masks if mask.path), *options.drawing.files)


KIND = JobKind(
    MEDIA_ENDINGS,
    _make,
    _outputs,
    _run,
    resumes=lambda _: True,
    reads=_reads,
    groups=frozenset(("splitting",)),
)
