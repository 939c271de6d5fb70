"""The steps in which one long video is done: it is cut, its parts are followed apart, their tracks joined.

They are no kinds that anybody can ask for; each has a row in ``STEPS``, as kinds have in ``KINDS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sa2va_cli.batch.kinds.kind import Tools
from sa2va_cli.outputs.saving import Existing
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.split import Split


def _unchanged(work: Any, _: Existing) -> Any:
    return work


@dataclass(frozen=True)
class Step:
    """One step; see ``kind.JobKind``.

    Attributes:
        run: does it.
        resumes: whether it keeps checkpoints.
        with_existing: the same work with another answer to outputs that exist.
    """

    run: Callable[[Any, Tools], SegmentResult]
    resumes: Callable[[Any], bool]
    with_existing: Callable[[Any, Existing], Any] = _unchanged


@dataclass(frozen=True)
class CutJob:
    """A video of which is to be found where it is cut.

    Attributes:
        job: what is done with it.
        split: how it is cut.
        place: where that is written down.
    """

    job: SegmentJob
    split: Split
    place: Path


def _cut(work: CutJob, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.parts import parts_of, write_parts
    from sa2va_cli.pipeline.planning import planned

    with planned(work.job, tools.report) as plan:
        write_parts(work.place, parts_of(plan.reader, work.job, work.split, tools.report))
        return SegmentResult(work.job.source, info=plan.reader.info, files=(work.place,))


def _follow(work: Any, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.parts import follow_part

    return follow_part(work, tools.segmenter, tools.report, tools.threads, tools.resuming)


def _join(work: Any, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.joining import join

    return join(work, tools.report)


def _joined_with_existing(work: Any, existing: Existing) -> Any:
    job = work.job
    return replace(work, job=replace(job, saving=replace(job.saving, existing=existing)))


def _never(_: Any) -> bool:
    return False


STEPS: Mapping[str, Step] = {
    "cut": Step(_cut, _never),
    "part": Step(_follow, lambda _: True),
    "join": Step(_join, _never, _joined_with_existing),
}
