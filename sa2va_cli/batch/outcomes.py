"""What came of the jobs of a run, added up: of those done in it, and of those that were over before it.

Knows nothing about how jobs are run.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.progress import BatchResult
from sa2va_cli.batch.state_format import Row
from sa2va_cli.errors import LookAtTheseError
from sa2va_cli.staging import output_errors


class Outcomes:
    """Running sums, in the order in which jobs end."""

    def __init__(self) -> None:
        self.skipped = 0
        self._ended: dict[str, Outcome] = {}
        self._failures: dict[str, str] = {}
        self._exposed: dict[str, None] = {}

    def skip(self, key: str, row: Row | None) -> None:
        """A job is left as it is; what is known of it counts."""
        if row is not None and row.state == "failed":
            self._failures[key] = row.error
            return
        self.skipped += 1
        if row is not None and row.code == LookAtTheseError.exit_code:
            self._exposed[key] = None

    def end(self, key: str, outcome: Outcome) -> None:
        """A job has ended in this run."""
        self._ended[key] = outcome
        if outcome.state == "failed":
            self._failures[key] = outcome.error
        elif outcome.code == LookAtTheseError.exit_code:
            self._exposed[key] = None

    def write_failures(self, path: Path, jobs: Mapping[str, BatchJob]) -> None:
        """Lists the inputs of jobs that failed.

        Args:
            path: the file.
            jobs: all, by their keys.

        Raises:
            OutputError: it cannot be written.
        """
        lines = [os.fsencode(jobs[key].source) + b"\n" for key in self._failures]
        with output_errors(path):
            path.write_bytes(b"".join(lines))

    def result(
        self, state: Path, jobs: Mapping[str, BatchJob], seconds: float, *, interrupted: bool
    ) -> BatchResult:
        """What the run came to.

        Args:
            state: the state file.
            jobs: all that somebody asked for, by their keys.
            seconds: how long it took.
            interrupted: whether somebody ended it.
        """
        done = {key: one for key, one in self._ended.items() if one.state == "done"}
        sources = {key: job.source for key, job in jobs.items()}
        over = len(done) + self.skipped + len(self._failures)
        return BatchResult(
            state=state,
            total=len(jobs),
            done=len(done),
            skipped=self.skipped,
            failed=len(self._failures),
            left=max(0, len(jobs) - over),
            frames=sum(one.frames for one in done.values()),
            seconds=seconds,
            clip_seconds=sum(one.clip_seconds for one in done.values()),
            look_at=tuple((sources[key], text) for key, one in done.items() for text in one.look_at),
            failures=tuple((sources[key], text) for key, text in self._failures.items()),
            exposed=tuple(sources[key] for key in self._exposed),
            interrupted=interrupted,
        )
