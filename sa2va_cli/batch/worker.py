"""Does jobs with one loaded model: the next clip is opened and asked about while others are followed.

Each job has a thread. Few of them are at work at once, so memory is bounded: those that are followed, one
that is opened and asked about, one whose files are finished. Knows nothing about the state file.
"""

import stat
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.kinds import Tools, kind_of
from sa2va_cli.batch.kinds.steps import STEPS
from sa2va_cli.batch.marks import Mark, output_mark
from sa2va_cli.batch.messages import Begun, Broken, Emit, Ended, Idle, Returned, Setup, Stop, Task, Told
from sa2va_cli.editing.remarks import EXPOSING, remarked_ranges
from sa2va_cli.errors import InputError, LookAtTheseError, Sa2VAError
from sa2va_cli.events import Event, Progress, Report
from sa2va_cli.pipeline.job import Resuming, Stopped
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.queues import Channel

_PROGRESS_SECONDS = 0.5
"""How often progress of one job is told at most."""

BUG = 1

_FOLLOWED = 1
"""Clips that are followed at once, unless the network is small and on a processor."""

_BESIDE = 2
"""Jobs besides: one that is opened and asked about, one whose files are finished."""

_CALLS = 4
"""Calls of a small network at once, as far as there are cores; more would mostly wait for Python."""

_MOST_FOLLOWED = 8
"""Clips that are followed at once at most: each holds some pictures."""

Use = Literal["open", "answer_all"]
"""What a job does with the model: opens sessions in which things are followed, or asks questions."""


class BrokenWorker(Exception):  # noqa: N818  (a signal: the error it carries is the model's)
    """The model cannot be loaded."""


class Worker:
    """Does jobs; a context manager, which ends when all that were handed over are done.

    Args:
        setup: what it works with.
        emit: is told what happens, from several threads.
        stop: says when to end.
    """

    def __init__(self, setup: Setup, emit: Emit, stop: Stop) -> None:
        self._setup, self._emit, self._stop = setup, emit, stop
        self._tasks: Channel[Task] = Channel(room=1)
        self._model: Any = None
        self._loading = threading.Lock()
        self._followed = _Turns(_FOLLOWED)
        self._threads = [self._thread(number) for number in range(_FOLLOWED + _BESIDE)]
        self._torch_threads: int | None = None

    def __enter__(self) -> "Worker":
        """Starts the threads; each says once for each job that it wants one."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for the jobs that were begun."""
        self._tasks.finish()
        for thread in self._threads:
            thread.join()
        if self._torch_threads is not None:
            import torch

            torch.set_num_threads(self._torch_threads)

    def _thread(self, number: int) -> threading.Thread:
        return threading.Thread(target=self._serve, name=f"sa2va-job-{number}", daemon=True)

    def hand_over(self, task: Task) -> None:
        """Gives it a job; to be called once for each ``Idle``."""
        self._tasks.put(task)

    def _serve(self) -> None:
        self._emit(Idle())
        for task in self._tasks:
            if self._stop.soon.is_set():
                self._emit(Returned(task.job.key))
            else:
                self._do(task)
            self._emit(Idle())

    def _do(self, task: Task) -> None:
        key = task.job.key
        self._emit(Begun(key))
        try:
            outcome = self._outcome(task)
        except BrokenWorker as broken:
            self._emit(Ended(key, Outcome("pending")))
            cause = broken.__cause__
            text = cause.command_line if isinstance(cause, Sa2VAError) else f"{type(cause).__name__}: {cause}"
            self._emit(Broken(cause.exit_code if isinstance(cause, Sa2VAError) else BUG, text))
            return
        self._emit(Ended(key, outcome))

    def _outcome(self, task: Task) -> Outcome:
        """Runs a job; whatever goes wrong in it is its own affair."""
        mark = Mark.of_source(task.job.source, task.job.reads)
        known = None if mark is None else mark.as_json()
        started = time.perf_counter()
        try:
            outcome = self._outcome_of(task, mark)
        except Stopped:
            return Outcome("pending")
        except BrokenWorker:
            raise
        except Sa2VAError as error:
            outcome = Outcome("failed", error.exit_code, error.command_line)
        except BaseException as error:  # also what would end a program: this thread must not end, unheard
            outcome = Outcome("failed", BUG, f"internal error: {type(error).__name__}: {error}")
        return replace(outcome, seconds=time.perf_counter() - started, source=known)

    def _outcome_of(self, task: Task, mark: Mark | None) -> Outcome:
        """Runs a job, and sends what it has made where that goes elsewhere."""
        job = task.job
        _check_lasting(job.source)
        if job.url is None:
            return _done(self._run(task), mark, job)
        from sa2va_cli.batch.remote import all_kept, begun, kept, sent

        ready = begun(job, task.existing, mark)
        if all_kept(job, ready):
            return kept(ready)
        result = self._run(replace(task, existing=ready.existing))
        self._emit(Told(job.key, Progress(f"sending to {job.url}")))
        return sent(job, ready, result, _done(result, mark, job))

    def _run(self, task: Task) -> SegmentResult:
        kind = STEPS.get(task.job.kind) or kind_of(task.job.kind)
        turn = self._followed.turn()
        tools = Tools(
            partial(self._loaded, "open"),
            partial(self._loaded, "answer_all"),
            turn.taken,
            self._reporting(task, kind.resumes(task.job.work), turn),
            Resuming(
                resume=self._setup.checkpoint is not None,
                checkpoint=self._setup.checkpoint or "10s",
                stop=self._stop.soon.is_set,
            ),
        )
        try:
            return kind.run(kind.with_existing(task.job.work, task.existing), tools)
        finally:
            turn.give_back()

    def _reporting(self, task: Task, resumable: bool, turn: "_Turn") -> Report:  # noqa: FBT001
        """Tells on what a job reports, not too often, and stops the job when that is asked for."""
        last, stage = 0.0, ""
        kept = resumable and self._setup.checkpoint is not None

        def report(event: Event) -> None:
            nonlocal last, stage
            if not isinstance(event, Progress):
                self._emit(Told(task.job.key, event))
                return
            new = event.stage != stage
            stage = event.stage
            if event.finishes:
                turn.give_back()
            waits = event.finishes or (kept and event.done > 0 and not event.looks_ahead)
            if self._stop.now.is_set() or (self._stop.soon.is_set() and not waits):
                raise Stopped
            now = time.monotonic()
            if new or now - last >= _PROGRESS_SECONDS or event.done == event.total > 0:
                last = now
                self._emit(Told(task.job.key, event))

        return report

    def _loaded(self, use: Use) -> Any:
        """The model, which the first job that needs it loads; a chat model serves questions alone."""
        with self._loading:
            if self._model is None or not hasattr(self._model, use):
                try:
                    self._model = self._load(use)
                except BaseException as error:
                    self._stop.soon.set()
                    raise BrokenWorker from error
        return self._model

    def _load(self, use: Use) -> Any:
        from sa2va_cli.runtime.loading import load_chat, load_segmenter, memory_errors_explained

        choice = self._setup.model
        placement = choice.placed()
        with memory_errors_explained(choice.name_on(placement), placement):
            load: Any = self._setup.load or (load_segmenter if use == "open" else load_chat)
            segmenter = load(choice, placement)
        if getattr(segmenter, "is_small_on_processor", False):
            import torch

            from sa2va_cli.model.step_batching import IN_STEP

            # Short operations are not worth dividing: each core does something else instead.
            self._torch_threads = torch.get_num_threads()
            torch.set_num_threads(1)
            cores = max(1, self._torch_threads // self._setup.share)
            calls = min(_CALLS, cores)
            segmenter = segmenter.in_step(calls)
            self._widen(cores if segmenter.batcher is None else min(_MOST_FOLLOWED, calls * IN_STEP))
        return segmenter

    def _widen(self, room: int) -> None:
        """Lets so many clips be followed at once, each in a thread of its own."""
        self._followed.widen(room)
        for number in range(len(self._threads), room + _BESIDE):
            self._threads.append(thread := self._thread(number))
            thread.start()


class _Turns:
    """How many clips are followed at once.

    Args:
        room: so many.
    """

    def __init__(self, room: int) -> None:
        self._free = threading.Semaphore(room)
        self._room = room

    def widen(self, room: int) -> None:
        """Lets more clips in; never fewer."""
        for _ in range(room - self._room):
            self._free.release()
        self._room = max(room, self._room)

    def turn(self) -> "_Turn":
        """One clip's turn, not yet taken."""
        return _Turn(self._free)


class _Turn:
    """A turn that is given back once, as soon as nothing is followed any more."""

    def __init__(self, free: threading.Semaphore) -> None:
        self._free = free
        self._taken = False

    @contextmanager
    def taken(self, _: object) -> Generator[int, None, None]:
        """Waits for a turn; entered while objects are followed."""
        self._free.acquire()
        self._taken = True
        try:
            yield 1
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Lets another clip in."""
        if self._taken:
            self._taken = False
            self._free.release()


def _check_lasting(source: str) -> None:
    """Refuses a pipe or a device, which would be waited for, and is not there twice."""
    with suppress(OSError, ValueError):
        mode = Path(source).stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(
                f"{source}: neither a file nor a folder, and a batch reads each input more than once"
            )


def _done(result: SegmentResult, mark: Mark | None, job: BatchJob) -> Outcome:
    """What came of a job that ended well, unless its input is another one by now."""
    made = {str(path): output_mark(Path(path)) for path in (*result.files, *result.skipped)}
    info = result.info
    remarked = remarked_ranges(result.remarks)
    exposed = any(one.what in EXPOSING for one in remarked)
    outcome = Outcome(
        "done",
        LookAtTheseError.exit_code if exposed else 0,
        frames=result.frames,
        clip_seconds=_clip_seconds(result),
        outputs=made,
        warnings=tuple(str(text) for text in result.warnings),
        look_at=(*(one.text for one in remarked), *(one.text for one in result.look_at)),
        model=result.model or "",
    )
    if mark is None or info is None:
        return outcome
    holds = mark.holds_for(job.source, job.reads)
    if holds is False:
        error = InputError(
            f"{job.source}: it was replaced while it was read, so its outputs cannot be trusted; "
            "give the same command again"
        )
        return replace(outcome, state="failed", code=error.exit_code, error=error.command_line)
    if holds is None:
        gone = f"{job.source}: it was removed while it was read; the outputs are of what was there"
        return replace(outcome, warnings=(*outcome.warnings, gone))
    return outcome


def _clip_seconds(result: SegmentResult) -> float:
    """How much of a video was worked on; a still picture takes no time."""
    info: Any = result.info
    if info is None or info.kind == "image":
        return 0.0
    with suppress(ZeroDivisionError):
        return float(result.frames / info.rate)
    return 0.0
