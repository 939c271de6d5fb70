"""The story of a batch: list the jobs, look up what is known of them, hand out what is due.

Only this thread writes the state. Whatever goes wrong with one input, the others are done.
"""

import os
import queue
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sa2va_cli.batch.choosing import Choice, choose, rebuilt
from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.listing import file_of, made_of
from sa2va_cli.batch.messages import Begun, Broken, Ended, Idle, Returned, Setup, Task, Told
from sa2va_cli.batch.outcomes import Outcomes
from sa2va_cli.batch.planning import Plan, listed_jobs
from sa2va_cli.batch.pool import Died, Pool, Said, setups
from sa2va_cli.batch.progress import BatchReport, BatchResult, Counted, JobBegan, JobEnded, JobTold
from sa2va_cli.batch.sources import Source
from sa2va_cli.batch.splitting import Next, Splits, forget_parts
from sa2va_cli.batch.state import StateFile, opened
from sa2va_cli.batch.state_format import Row
from sa2va_cli.batch.watching import Watching, watched
from sa2va_cli.errors import NothingFoundError, OutputError, Sa2VAError
from sa2va_cli.events import Notice
from sa2va_cli.outputs.leftovers import clear, leftovers_of
from sa2va_cli.outputs.locks import lock_name, remove_abandoned
from sa2va_cli.staging import output_errors

ATTEMPTS = 3
"""How often a job is begun whose worker dies in it, before it counts as failed."""

_POLL_SECONDS = 0.25
"""How often it is looked whether somebody wants the batch to end."""


@dataclass
class Interrupts:
    """How often somebody asked the batch to end: once for after the checkpoints, twice for now."""

    count: int = 0


def run_batch(plan: Plan, report: BatchReport, interrupts: Interrupts | None = None) -> BatchResult:
    """Does a batch.

    Args:
        plan: what and how.
        report: is told what happens; called from this thread.
        interrupts: looked at several times a second.

    Raises:
        InputError: a folder, a pattern or the manifest leads to nothing.
        OutputError: another batch has the state file, or it cannot be written.
        UsageError: the jobs cannot be meant.
        Sa2VAError: the model is not to be had.
    """
    jobs = listed_jobs(plan, lambda error: report(Notice(_unread(error), "warning")))
    if plan.watch is not None:
        made_of(Source(str(plan.watch / "new.mp4")), plan.request, 1)  # what cannot be meant is told now
    if plan.error_file is not None:  # what cannot be written is told now
        with output_errors(plan.error_file):
            plan.error_file.parent.mkdir(parents=True, exist_ok=True)
            plan.error_file.open("ab").close()
    with opened(plan.state_path) as state:
        return _Batch(plan, state, report, interrupts or Interrupts()).run(jobs)


def _unread(error: OSError) -> str:
    return f"{error.filename} is left out, as it cannot be looked into: {error.strerror or error}"


class _Batch:
    """One run; see ``run_batch``."""

    def __init__(self, plan: Plan, state: StateFile, report: BatchReport, interrupts: Interrupts) -> None:
        self._plan, self._state, self._report, self._interrupts = plan, state, report, interrupts
        self._jobs: dict[str, BatchJob] = {}
        self._reasons: dict[str, str] = {}
        self._attempts: Counter[str] = Counter()
        self._waiting: deque[Task] = deque()
        self._active: dict[str, Task] = {}
        self._outcomes = Outcomes()
        self._broken: Broken | None = None
        self._written: set[str] = set()
        self._splits = Splits()

    def run(self, jobs: Sequence[BatchJob]) -> BatchResult:
        """Does the jobs, and those that appear meanwhile."""
        started = time.monotonic()
        self._enter(jobs)
        if self._waiting or self._plan.watch is not None:
            self._work()
        self._state.finish()
        if self._broken is not None:
            known = {kind.exit_code: kind for kind in Sa2VAError.__subclasses__()}
            raise known.get(self._broken.code, Sa2VAError)(self._broken.error)
        if self._plan.error_file is not None:
            self._outcomes.write_failures(self._plan.error_file, self._jobs)
        interrupted, seconds = self._interrupts.count > 0, time.monotonic() - started
        return self._outcomes.result(self._state.path, self._whole_jobs(), seconds, interrupted=interrupted)

    def _enter(self, jobs: Sequence[BatchJob]) -> None:
        before = self._state.enter(jobs)
        self._jobs = {job.key: job for job in jobs}
        self._written = {file_of(name) for job in jobs for name in job.names}
        lost = self._state.moved_aside
        if lost is not None:
            self._report(
                Notice(
                    f"{self._state.path} was damaged and is {lost} now; what was done is told by the outputs",
                    "warning",
                )
            )
        due = []
        for job in jobs:
            found = rebuilt(job) if lost is not None else None
            if found is not None:
                self._state.end(job.key, found)
                self._outcomes.skip(job.key, None)
            elif self._take(job, before.get(job.key)):
                due.append(job.key)
        self._state.await_again(key for key in due if key in before and before[key].state != "running")
        self._report(self._counted())

    def _take(self, job: BatchJob, row: Row | None) -> bool:
        """Puts a job in the queue if it is due."""
        choice: Choice = choose(job, row, job.work.saving.existing, self._plan.again)
        self._reasons[job.key] = choice.reason
        if choice.reason == "interrupted":
            _tidy(job)
        if choice.due:
            self._queue(Task(job, choice.existing))
        else:
            self._outcomes.skip(job.key, row)
        return choice.due

    def _queue(self, task: Task) -> None:
        """Lets a job wait for a worker, or the first step of one that is done in parts."""
        if task.job.split is None:
            self._waiting.append(task)
        else:
            self._go_on(self._splits.begin(task))

    def _go_on(self, after: Next) -> None:
        """Lets the next steps of a job wait; those that were done before are over at once."""
        if after.failed is not None:
            self._end(after.key, after.failed)
            return
        if after.task is not None:
            self._waiting.appendleft(after.task)
        due: list[Task] = []
        over: list[tuple[str, Outcome]] = []
        for job in after.steps:
            row = self._state.add(job)
            self._jobs[job.key] = job
            choice = choose(job, row, "overwrite", self._plan.again)
            self._reasons[job.key] = choice.reason
            if row is not None and not choice.due:
                over.append((job.key, Outcome(row.state, row.code, row.error, source=row.mark)))
                continue
            due.append(Task(job, "overwrite"))
            if row is not None and row.state != "running":
                self._state.await_again([job.key])
        self._waiting.extendleft(reversed(due))
        for key, outcome in over:
            self._step_over(key, outcome)

    def _step_over(self, key: str, outcome: Outcome) -> None:
        """A step of a job is over; with the last of several the next begins."""
        try:
            after = self._splits.over(key, outcome)
        except Sa2VAError as error:
            whole = self._splits.whole_of(key)
            after = Next(whole, failed=Outcome("failed", error.exit_code, error.command_line))
        if after is not None:
            self._go_on(after)
            self._report(self._counted())

    def _counted(self) -> Counted:
        return Counted(len(self._whole_jobs()), self._outcomes.skipped, len(self._waiting))

    def _whole_jobs(self) -> dict[str, BatchJob]:
        """The jobs without steps of others."""
        return {key: job for key, job in self._jobs.items() if key not in self._splits}

    def _work(self) -> None:
        plan = self._plan
        setup = Setup(plan.request.options.model, plan.checkpoint, load=plan.load)
        with ExitStack() as stack:
            pool = stack.enter_context(self._pool(setup, stack))
            if plan.watch is not None:
                stack.enter_context(watched(plan.watch, plan.request.kind, pool.said))
            self._serve(pool, watching=plan.watch is not None)

    def _pool(self, setup: Setup, stack: ExitStack) -> Pool:
        """The workers: on this computer, or on a cluster that is left when the stack is."""
        plan = self._plan
        if plan.ray is None:
            return Pool(setups(setup, plan.jobs, plan.gpus))
        from sa2va_cli.batch.ray_pool import joined

        cluster = stack.enter_context(joined(plan.ray, setup, self._state.path))
        share = cluster.share
        self._report(
            Notice(f"{share.workers} workers on the cluster, with {share.gpus:g} GPUs and {share.cpus} cores")
        )
        return Pool([cluster.setup] * share.workers, start=cluster.worker)

    def _serve(self, pool: Pool, *, watching: bool) -> None:
        """Hands out jobs and listens, until nothing is left or somebody ends it."""
        idle: deque[int] = deque()
        stops = 0
        while True:
            if stops < min(2, self._interrupts.count):
                stops = min(2, self._interrupts.count)
                self._waiting.clear()
                watching = False
                pool.stop(now=stops == 2)
                self._report(Notice(_STOPPING[stops]))
            while idle and self._waiting and not stops and self._broken is None:
                task = self._waiting.popleft()
                self._active[task.job.key] = task
                pool.hand_over(idle.popleft(), task)
            ending = stops or self._broken is not None  # what is told from now on to be done is left
            if not self._active and (not self._waiting or ending) and not watching:
                return
            try:
                said = pool.said.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(said[1], Idle):
                idle.append(said[0])
            else:
                self._hear(said, idle, pool)
                watching = watching and self._broken is None

    def _hear(self, said: Said, idle: deque[int], pool: Pool) -> None:
        number, message = said
        if isinstance(message, Begun):
            job = self._jobs[message.key]
            self._state.begin(message.key)
            self._attempts[message.key] += 1
            kind = self._active[job.key].job.kind if job.key in self._active else job.kind
            self._report(JobBegan(job.key, job.source, kind, self._reasons[job.key], job.part))
        elif isinstance(message, Told):
            job = self._jobs[message.key]
            self._report(JobTold(message.key, job.source, message.event, job.part))
        elif isinstance(message, Ended):
            self._end(message.key, message.outcome)
        elif isinstance(message, Returned):
            self._active.pop(message.key, None)
        elif isinstance(message, Broken):
            self._broken = message
            self._waiting.clear()
            pool.stop(now=False)
        elif isinstance(message, Died):
            for place in [place for place, one in enumerate(idle) if one == number][::-1]:
                del idle[place]
            self._revive(message)
        elif isinstance(message, Watching):
            self._appear(message.source)

    def _end(self, key: str, outcome: Outcome) -> None:
        self._active.pop(key, None)
        self._state.end(key, outcome)
        job = self._jobs[key]
        if key in self._splits:
            self._report(JobEnded(key, job.source, outcome, job.part))
            self._step_over(key, outcome)
            return
        if job.split is not None and (outcome.state == "done" or outcome.code == NothingFoundError.exit_code):
            forget_parts(job)
        self._outcomes.end(key, outcome)
        self._report(JobEnded(key, job.source, outcome))

    def _revive(self, died: Died) -> None:
        """Gives the jobs of a process that is gone to another; one that kills them every time has failed."""
        for key in died.keys:
            task = self._active.pop(key, None)
            if task is None:
                continue
            if self._attempts[key] >= ATTEMPTS:
                error = f"its worker died {ATTEMPTS} times ({died.cause}); is there enough memory?"
                self._end(key, Outcome("failed", 1, error))
            else:
                self._report(
                    Notice(f"{task.job.source}: its worker died ({died.cause}); going on", "warning")
                )
                existing = "skip" if task.existing == "refuse" else task.existing
                self._waiting.appendleft(Task(task.job, existing))

    def _appear(self, source: Source) -> None:
        """A file has appeared in the folder that is watched."""
        if file_of(os.path.normpath(source.path)) in self._written:
            return
        job = made_of(source, self._plan.request, len(self._jobs) + 1)
        at_it = job.key in self._active or self._splits.is_doing(job.key)
        if at_it or any(task.job.key == job.key for task in self._waiting):
            return
        row = self._state.add(job)
        taken = set(map(file_of, job.names))
        new = job.key not in self._jobs
        self._jobs[job.key] = job
        if new and taken & self._written:
            name = next(name for name in job.names if file_of(name) in self._written)
            error = f"another job writes {name}; add {{relative}} to -o, or use --mirror"
            self._end(job.key, Outcome("failed", OutputError.exit_code, error))
            return
        self._written |= taken
        if self._take(job, row):
            if row is not None and row.state != "running":
                self._state.await_again([job.key])
            self._report(self._counted())


def _tidy(job: BatchJob) -> None:
    """Removes what a killed batch left beside outputs of a job, finished ones included."""
    for path in job.outputs:
        if path.parent.is_dir():
            clear(leftovers_of(path))
            remove_abandoned(lock_name(path))


_STOPPING = {
    1: "ending after the next checkpoints; once more ends it now",
    2: "ending now; the same command goes on from the last checkpoints",
}
