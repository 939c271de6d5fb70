"""Videos that are done in parts: which step of which comes next, and what comes of the whole.

A job whose input is cut becomes a first job that finds out where, then one for each part, and at last one
that joins their tracks, under the key of the whole. Steps are jobs like others in the state file, so each is
done once, and a batch that was killed goes on within its parts. What they make lies in a hidden folder beside
the outputs until the whole is done. Knows nothing about how jobs are run.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.kinds.steps import CutJob
from sa2va_cli.batch.messages import Task
from sa2va_cli.pipeline.split import LIST

_NAME_DIGITS = 16


@dataclass
class _Whole:
    """A job that is done in steps.

    Attributes:
        task: what is to be done in the end.
        folder: where what the steps make lies.
        steps: those of now that are not over, by their keys.
        failures: what came of those that failed.
    """

    task: Task
    folder: Path
    waiting: set[str] = field(default_factory=set)
    failures: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True)
class Next:
    """What comes after a step.

    Attributes:
        steps: jobs that can be begun.
        task: the last step of the whole, or all of it where it is in one part.
        failed: what came of the whole, where a step has failed.
        key: of the whole.
    """

    key: str
    steps: tuple[BatchJob, ...] = ()
    task: Task | None = None
    failed: Outcome | None = None


class Splits:
    """All jobs of a batch that are done in steps."""

    def __init__(self) -> None:
        self._wholes: dict[str, _Whole] = {}
        self._of_step: dict[str, str] = {}

    def __contains__(self, key: str) -> bool:
        """Whether a key is that of a step."""
        return key in self._of_step

    def is_doing(self, key: str) -> bool:
        """Whether a job is done in steps, the last of which has not begun."""
        return key in self._wholes

    def whole_of(self, key: str) -> str:
        """The key of the job that a step belongs to."""
        return self._of_step[key]

    def begin(self, task: Task) -> Next:
        """The first step of a job."""
        job = task.job
        assert job.split is not None  # noqa: S101  (the caller has looked)
        folder = parts_folder(job)
        self._wholes[job.key] = _Whole(task, folder)
        place = folder / LIST
        saving = replace(job.work.saving, existing=task.existing)  # what may not be replaced is told now
        work = CutJob(replace(job.work, saving=saving), job.split, place)
        cut = BatchJob(_key(job, "cut"), "cut", job.source, work, (place,), job.reads, part="where it is cut")
        return self._announced(job.key, (cut,))

    def over(self, key: str, outcome: Outcome) -> Next | None:
        """Takes what came of a step; None where others are waited for, or it was only stopped.

        Raises:
            InputError: what the first step has written is gone.
        """
        whole = self._wholes[self._of_step[key]]
        name = whole.task.job.key
        if outcome.state == "pending":
            return None
        is_cut = key == _key(whole.task.job, "cut")
        whole.waiting.discard(key)
        if outcome.state == "failed":
            whole.failures.append(outcome)
        if whole.waiting:
            return None
        if is_cut and not whole.failures:
            return self._parts(whole)
        del self._wholes[name]
        if whole.failures:
            return Next(name, failed=_failure(whole.failures))
        return Next(name, task=_joining(whole))

    def _parts(self, whole: _Whole) -> Next:
        """The parts that the first step has found."""
        from sa2va_cli.pipeline.parts import PartJob, read_parts

        job = whole.task.job
        parts = read_parts(whole.folder / LIST)
        if len(parts) == 1:
            del self._wholes[job.key]
            return Next(job.key, task=whole.task)
        steps = []
        for number, part in enumerate(parts, 1):
            work = PartJob(job.work, whole.folder, number, part)
            key = _key(job, f"{number} {part.first} {part.follow_to}")
            name = f"part {number} of {len(parts)}"
            steps.append(BatchJob(key, "part", job.source, work, work.outputs, job.reads, part=name))
        return self._announced(job.key, tuple(steps))

    def _announced(self, whole: str, steps: tuple[BatchJob, ...]) -> Next:
        self._of_step |= {step.key: whole for step in steps}
        self._wholes[whole].waiting |= {step.key for step in steps}
        return Next(whole, steps)


def _failure(failures: Sequence[Outcome]) -> Outcome:
    """What came of a job whose steps failed: the first error, and how many there are."""
    first, more = failures[0], len(failures) - 1
    return replace(first, error=f"{first.error} (and {more} more parts failed)" if more else first.error)


def parts_folder(job: BatchJob) -> Path:
    """Where what the steps of a job make lies until it is done: hidden beside its first output."""
    return job.outputs[0].with_name(f".{_key(job, 'folder')[:_NAME_DIGITS]}.parts")


def forget_parts(job: BatchJob) -> None:
    """Removes what the steps of a job have made."""
    shutil.rmtree(parts_folder(job), ignore_errors=True)


def _key(job: BatchJob, step: str) -> str:
    return hashlib.sha256(f"{job.key} {job.split} {step}".encode()).hexdigest()[:32]


def _joining(whole: _Whole) -> Task:
    from sa2va_cli.pipeline.joining import JoinJob

    job = whole.task.job
    return Task(replace(job, kind="join", work=JoinJob(job.work, whole.folder)), whole.task.existing)
