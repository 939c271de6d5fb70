"""Work that takes its time: jobs with progress, which can be cancelled, done by one thread a step at a time.

A job is a generator: each value it yields is how far it is. Between two steps another one may have its turn:
what somebody waits for first, then what came last. Knows nothing about what jobs do.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sa2va_cli.events import Event, Progress, Report
from sa2va_cli.review.messages import problem_of

Steps = Generator[float, None, tuple[Path, ...]]
"""Yields how far a job is, 0..1, and returns the files that it made. The first value ends its urgency."""

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
MOST_KEPT = 200
"""Jobs that are remembered after they have ended."""

MOST_WAITING = 100
"""Jobs that wait at once."""

_TOLD_SECONDS = 0.2


class Cancelled(Exception):  # noqa: N818  (not an error: somebody wanted it)
    """A job is to end."""


@dataclass(eq=False)
class Job:
    """One piece of work.

    Attributes:
        id: number of the job.
        clip: id of the clip.
        kind: what it is.
        about: what it is about: names of things, for people.
        key: what it works on; there is one job for each at most.
        urgent: whether somebody waits for its first step.
        state: where it is.
        progress: 0..1.
        problem: what went wrong; see ``messages.problem_of``.
        files: what it made.
        notes: what a person should know of it.
        when_ended: is called when it has ended, however that was.
    """

    id: str
    clip: str
    kind: str
    about: str
    key: str = ""
    urgent: bool = False
    state: JobState = "waiting"
    progress: float = 0.0
    problem: Mapping[str, Any] | None = None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    when_ended: Callable[[], None] | None = field(default=None, repr=False)
    steps: Steps | None = field(default=None, repr=False)
    begun: float | None = field(default=None, repr=False)
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("waiting", "running")

    @property
    def remaining(self) -> float | None:
        """Seconds that it will still take; None where that is not known."""
        if self.state != "running" or self.begun is None or self.progress < 0.02:
            return None
        return (time.monotonic() - self.begun) * (1 - self.progress) / self.progress

    def document(self) -> dict[str, Any]:
        """The job as JSON has it."""
        remaining = self.remaining
        return {
            "id": self.id,
            "clip": self.clip,
            "kind": self.kind,
            "about": self.about,
            "state": self.state,
            "progress": round(self.progress, 4),
            "remaining": None if remaining is None else round(remaining, 1),
            "error": self.problem and self.problem["error"],
            "problem": self.problem,
            "notes": list(self.notes),
            "files": [str(path.absolute()) for path in self.files],
        }

    def check(self) -> None:
        """Ends the job here if somebody wants that.

        Raises:
            Cancelled: they do.
        """
        if self.cancelled.is_set():
            raise Cancelled

    def reporting(self, tell: Callable[["Job"], None]) -> Report:
        """A ``report`` for a story that is run as one step: it tells of progress, and ends it."""

        def report(event: Event) -> None:
            self.check()
            if isinstance(event, Progress) and event.total:
                self.progress = min(1.0, (event.done or 0) / event.total)
                tell(self)

        return report


Make = Callable[[Job], Steps]


class Worker:
    """A thread that does jobs.

    Args:
        name: of the thread.
        tell: is called with a job when there is news of it.
    """

    def __init__(self, name: str, tell: Callable[[Job], None]) -> None:
        self._name = name
        self._tell = tell
        self._changed = threading.Condition()
        self._active: list[Job] = []
        self._told: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Job, make: Make) -> None:
        """Adds a job."""
        job.steps = make(job)
        with self._changed:
            self._active.append(job)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()
        self._tell(job)

    def cancel(self, job: Job) -> None:
        """Ends a job at its next step."""
        job.cancelled.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Ends all jobs and the thread."""
        with self._changed:
            self._closed = True
            thread = self._thread
            for job in self._active:
                job.cancelled.set()
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    @property
    def waiting(self) -> int:
        """How many jobs have not ended."""
        with self._changed:
            return len(self._active)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._step(job)

    def _next(self) -> Job | None:
        """The job whose turn it is; None at the end."""
        with self._changed:
            while not self._active:
                if self._closed:
                    return None
                self._changed.wait()
            cancelled = [one for one in self._active if one.cancelled.is_set()]
            urgent = [one for one in self._active if one.urgent]
            return (cancelled or urgent[:1] or self._active)[-1]

    def _step(self, job: Job) -> None:
        assert job.steps is not None  # noqa: S101  (submit has set it)
        if job.begun is None:
            job.state, job.begun = "running", time.monotonic()
            self._tell(job)  # its first step may take long: a model is loaded
        try:
            job.check()
            job.progress = next(job.steps)
            job.urgent = False
            self.tell_soon(job)
        except StopIteration as end:
            self._end(job, "done", files=end.value or ())
        except Cancelled:
            self._end(job, "cancelled")
        except Exception as error:
            self._end(job, "failed", problem=problem_of(error))

    def _end(
        self,
        job: Job,
        state: JobState,
        *,
        problem: Mapping[str, Any] | None = None,
        files: tuple[Path, ...] = (),
    ) -> None:
        assert job.steps is not None  # noqa: S101  (submit has set it)
        job.steps.close()
        job.steps = None
        job.problem, job.files, job.state = problem, tuple(files), state
        if state == "done":
            job.progress = 1.0
        with self._changed:
            self._active.remove(job)
            self._told.pop(job.id, None)
        self._tell(job)
        if job.when_ended is not None:
            job.when_ended()

    def tell_soon(self, job: Job) -> None:
        """Tells of a job, but not more than a few times a second."""
        now = time.monotonic()
        if now - self._told.get(job.id, 0.0) >= _TOLD_SECONDS:
            self._told[job.id] = now
            self._tell(job)


class Jobs:
    """All jobs, those that have ended too, for a while."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._last = 0

    def new(self, clip: str, kind: str, about: str, *, key: str = "", urgent: bool = False) -> Job:
        """Makes a job."""
        with self._lock:
            self._last += 1
            job = Job(str(self._last), clip, kind, about, key, urgent)
            self._jobs[job.id] = job
            ended = [one.id for one in self._jobs.values() if not one.active]
            for number in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
                del self._jobs[number]
            return job

    def get(self, number: str) -> Job | None:
        """A job; None where there is none of this number."""
        with self._lock:
            return self._jobs.get(number)

    def latest(self, clip: str, key: str) -> Job | None:
        """The last job that works on something, even if it has ended; None for none."""
        with self._lock:
            found = [one for one in self._jobs.values() if (one.clip, one.key) == (clip, key)]
            return found[-1] if found else None

    def active(self, clip: str | None = None) -> list[Job]:
        """The jobs that have not ended."""
        with self._lock:
            return [one for one in self._jobs.values() if one.active and clip in (None, one.clip)]
