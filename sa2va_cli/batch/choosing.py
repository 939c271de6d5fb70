"""Which jobs are to be done now, and what may become of outputs that exist: by what is known of each.

Knows nothing about how jobs are run.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.marks import Mark, is_as_marked, is_there, output_mark
from sa2va_cli.batch.state_format import Row
from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.saving import Existing
from sa2va_cli.pipeline.storage import is_stored


@dataclass(frozen=True)
class Again:
    """What is done about jobs that are over.

    Attributes:
        retry_failed: whether those that failed are tried again.
        force: whether all are done again.
    """

    retry_failed: bool = False
    force: bool = False


@dataclass(frozen=True)
class Choice:
    """What becomes of one job.

    Attributes:
        due: whether it is to be done.
        existing: what is done about its outputs that exist.
        reason: why, in a word: ``new``, ``interrupted``, ``failed``, ``changed``, ``missing``, ``forced``,
            ``done``, ``rebuilt``.
    """

    due: bool
    existing: Existing
    reason: str


def choose(  # noqa: PLR0911  (one line for each state)
    job: BatchJob, row: Row | None, asked: Existing, again: Again
) -> Choice:
    """Decides about a job.

    Args:
        job: the job.
        row: what is known of it; None for nothing.
        asked: what was asked about outputs that exist.
        again: what was asked about jobs that are over.
    """
    if row is None:
        return Choice(True, asked, "new")
    ours: Existing = "overwrite" if row.outputs and _is_ours(job, row.outputs) else asked
    if row.state == "pending":
        return Choice(True, ours, "new")
    if row.state == "running":
        return Choice(True, _of_interrupted(job, row, asked), "interrupted")
    if again.force:
        return Choice(True, ours, "forced")
    mark = Mark.read(row.mark)
    if mark is not None and mark.holds_for(job.source, job.reads) is False:
        return Choice(True, ours, "changed")
    if row.state == "failed":
        may_now = row.code == OutputError.exit_code and asked != "refuse"  # as its error has asked for
        return Choice(again.retry_failed or may_now, ours, "failed")
    if any(not is_as_marked(path, known) for path, known in row.outputs.items()):
        gone = all(is_as_marked(path, known) or not is_there(path) for path, known in row.outputs.items())
        return Choice(True, "skip" if gone else asked, "missing")
    return Choice(False, asked, "done")


def _of_interrupted(job: BatchJob, row: Row, asked: Existing) -> Existing:
    """What was finished before a batch was killed is whole, as outputs get their names in one step.

    But where the job was to replace what an earlier one had made, nobody can tell which of the two is there.
    """
    recorded = set(map(_name, row.outputs))
    there = {name for name in job.names if is_there(name)}
    if recorded and there <= recorded:
        return "overwrite"
    return "skip" if asked == "refuse" else asked


def _is_ours(job: BatchJob, recorded: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether everything that stands where the job writes is what this batch made there, unchanged."""
    names = {_name(path): known for path, known in recorded.items()}
    there = [name for name in job.names if is_there(name)]
    return all(name in names and is_as_marked(name, names[name]) for name in there)


def _name(path: str) -> str:
    return path if is_stored(path) else os.path.normpath(path)


def rebuilt(job: BatchJob) -> Outcome | None:
    """What came of a job, told by its outputs alone, where its state was lost; None where some are missing.

    Outputs appear under their names when they are whole, so what is there, and not older than its input, is
    done.
    """
    if job.url is not None or not job.outputs or not all(path.exists() for path in job.outputs):
        return None
    mark = Mark.of_source(job.source, job.reads)
    if mark is None or any(path.stat().st_mtime_ns < mark.modified for path in job.outputs):
        return None
    outputs = {os.fspath(path): output_mark(path) for path in job.outputs}
    return Outcome("done", outputs=outputs, source=mark.as_json())
