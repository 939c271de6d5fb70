"""A run that is limited to the time in which something happens: ``segment --when``."""

from dataclasses import replace
from typing import Any

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.events import Report
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.moments import during
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
    job = plan.job
    if job.source == STANDARD_INPUT:
        raise UsageError(f"{parameter('when')} needs an input that can be read twice, not standard input")
    return replace(job, search=during(job.search, plan.reader, engine, report))
