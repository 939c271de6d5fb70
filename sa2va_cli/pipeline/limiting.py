"""A run that is limited to the time in which something happens: ``segment --when``."""

from dataclasses import replace
from typing import Any

from sa2va_cli.events import Report
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.moments import during
from sa2va_cli.pipeline.planning import Plan


def limited(plan: Plan, engine: Any, report: Report) -> SegmentJob:
    """The job of a plan for the frames of a moment only.

    Args:
        plan: of the whole range.
        engine: the loaded model, which can be talked to.
        report: is told which moment it is.

    Raises:
        NothingFoundError: it does not happen.
    """
    job = plan.job
    return replace(job, search=during(job.search, plan.reader, engine, report))
