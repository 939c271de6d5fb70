"""A run that is limited to the time in which something happens: ``segment --when``."""

from dataclasses import replace
from typing import Any

from sa2va_cli.errors import UsageError
from sa2va_cli.events import Notice, Report
from sa2va_cli.pipeline.asking_job import Viewing
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.moments import find_moment, frame_texts
from sa2va_cli.pipeline.opening import STANDARD_INPUT
from sa2va_cli.pipeline.segmentation import Plan


def limited(plan: Plan, engine: Any, report: Report) -> SegmentJob:
    """The job of a plan for the frames of a moment only.

    Args:
        plan: of the whole range.
        engine: the loaded model, which can be talked to.
        report: is told which moment it is.

    Raises:
        NothingFoundError: it does not happen.
        UsageError: there is no time to look for, or the input cannot be opened twice.
    """
    job, search = plan.job, plan.job.search
    if job.source == STANDARD_INPUT or plan.reader.info.kind == "image":
        raise UsageError(f"--when needs a video that can be read twice, not {job.source}")
    assert search.when is not None  # noqa: S101  (asked by whoever calls this)
    moment = find_moment(engine, plan.reader, search.when, Viewing(threshold=search.threshold), report)
    start, end = frame_texts(moment, plan.reader.info)
    seconds = f"{moment.start_seconds:.2f} s to {moment.end_seconds:.2f} s"
    report(Notice(f"{search.when!r}: {seconds}, frames {moment.first_frame} to {moment.last_frame}"))
    return replace(job, search=replace(search, when=None, start=start, end=end))
