"""Jobs that draw from tracks files, as ``sa2va render`` does; they need no model."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.batch.kinds.kind import JobKind, Tools
from sa2va_cli.batch.options import Options
from sa2va_cli.batch.sources import TRACKS_ENDINGS
from sa2va_cli.errors import InputError
from sa2va_cli.outputs.naming import plan_outputs
from sa2va_cli.pipeline.result import SegmentResult

if TYPE_CHECKING:
    from sa2va_cli.pipeline.rendering import RenderJob


def _make(source: str, _: tuple[str, ...], options: Options) -> "RenderJob":
    from sa2va_cli.pipeline.rendering import RenderJob

    tracks = options.from_tracks
    return RenderJob(
        Path(source), tracks.source, options.saving, options.drawing, options.delivery, tracks.force
    )


def _outputs(job: "RenderJob") -> tuple[Path, ...]:
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


def _run(job: "RenderJob", tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.rendering import render

    return render(job, report=tools.report)


KIND = JobKind(
    TRACKS_ENDINGS,
    _make,
    _outputs,
    _run,
    resumes=lambda _: False,
    groups=frozenset(("from_tracks",)),
)
