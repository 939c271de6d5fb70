"""Which worker works where, and what it is handed."""

import multiprocessing
import os
import queue
import signal
import threading
from pathlib import Path

import pytest
from fakes import load_remembering

from sa2va_cli.batch import pool
from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.listing import Request
from sa2va_cli.batch.messages import Begun, Ended, Idle, Returned, Setup, Task
from sa2va_cli.batch.options import Options, SharedSearch
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.pool import Died, Pool, ProcessWorker, setups
from sa2va_cli.batch.running import Interrupts, run_batch
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.runtime.choice import ModelChoice


class RecordingWorker:
    """Stands in for a process: takes one job at a time, and says that it is done."""

    made: list["RecordingWorker"]

    def __init__(self, number, setup, said):
        self.number, self.setup, self.said = number, setup, said
        self.sources: list[str] = []
        self.closed = False
        self.made.append(self)
        said.put((number, Idle()))

    def hand_over(self, task):
        self.sources.append(task.job.source)
        for message in (Begun(task.job.key), Ended(task.job.key, Outcome("done")), Idle()):
            self.said.put((self.number, message))

    def stop(self, *, now):
        raise AssertionError("nobody asked for that")

    def close(self):
        self.closed = True


@pytest.fixture
def workers(monkeypatch):
    """Every worker that is made; none is a process."""
    monkeypatch.setattr(RecordingWorker, "made", [], raising=False)
    for kind in ("ProcessWorker", "LocalWorker"):
        monkeypatch.setattr(pool, kind, RecordingWorker)
    return RecordingWorker.made


@pytest.mark.parametrize(
    ("jobs", "gpus", "devices"),
    [
        (1, (), ["auto"]),
        (3, (), ["auto"] * 3),
        (1, (0, 1), ["cuda:0", "cuda:1"]),
        (2, (3, 1), ["cuda:3", "cuda:3", "cuda:1", "cuda:1"]),
    ],
)
def test_each_device_has_its_workers(jobs, gpus, devices):
    made = setups(Setup(ModelChoice("demo"), "5s"), jobs, gpus)
    assert [one.model.device for one in made] == devices
    assert {(one.share, one.checkpoint, one.model.name) for one in made} == {(jobs, "5s", "demo")}


def test_a_device_is_named_once():
    with pytest.raises(UsageError, match="give one of them"):
        setups(Setup(ModelChoice("demo", "cpu")), 1, (0,))
    with pytest.raises(UsageError, match="names one GPU twice"):
        setups(Setup(ModelChoice("demo")), 1, (0, 0))


def test_jobs_are_handed_to_a_worker_on_each_gpu_and_each_is_done_once(folder, workers):
    (folder / "shots").mkdir()
    for number in range(7):
        (folder / f"shots/{number}.mp4").write_bytes(b"x")
    options = Options(SharedSearch(("red",)), Saving(("mask",), "out/"), model=ModelChoice("demo"))
    result = run_batch(Plan(Request(("shots",), options=options), jobs=2, gpus=(0, 1)), lambda _: None)
    assert result.done == 7
    assert [one.setup.model.device for one in workers] == ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]
    handed = [source for one in workers for source in one.sources]
    assert sorted(handed) == [str(Path("shots", f"{number}.mp4")) for number in range(7)]
    assert all(one.sources and one.closed for one in workers)


def test_a_single_worker_works_in_this_process_unless_it_is_wanted_apart(monkeypatch):
    made = []

    def kind(name):
        return lambda *_: made.append(name) or RecordingWorker.__new__(RecordingWorker)

    for name in ("ProcessWorker", "LocalWorker"):
        monkeypatch.setattr(pool, name, kind(name))
    for wanted, apart in ((1, False), (1, True), (2, False)):
        with Pool([Setup(ModelChoice("demo"))] * wanted, apart=apart):
            pass
    assert made == ["LocalWorker", "ProcessWorker", "ProcessWorker", "ProcessWorker"]


PATIENCE_SECONDS = 300
"""A test that passes does not wait."""


class DyingProcess:
    """Stands in for the process of a worker: has a pipe, and dies when it is told to."""

    exitcode = -9

    def __init__(self, pipe):
        self._pipe = pipe
        self._gone = threading.Event()

    def start(self):
        pass

    def join(self):
        assert self._gone.wait(PATIENCE_SECONDS)

    def die(self):
        if not self._pipe.closed:
            self._pipe.close()
        self._gone.set()


@pytest.fixture
def processes(monkeypatch):
    """Every process that is started, the newest last; each says that it is idle."""
    made = []

    class Context:
        def Process(self, *, target, args, daemon):  # noqa: N802  (the name of multiprocessing)
            pipe, _ = args
            theirs = pipe.__class__(os.dup(pipe.fileno()))  # the parent closes its own
            made.append(DyingProcess(theirs))
            theirs.send(Idle())
            return made[-1]

    monkeypatch.setattr(pool.multiprocessing, "get_context", lambda _: Context())
    return made


@pytest.mark.parametrize("ended", [False, True])
def test_a_process_that_dies_gives_its_job_back_also_when_it_is_to_end(processes, ended):
    said = queue.Queue()
    worker = ProcessWorker(0, Setup(ModelChoice("demo")), said)
    assert said.get(timeout=PATIENCE_SECONDS) == (0, Idle())
    worker.hand_over(Task(BatchJob("a", "segment", "a.mp4", None), "refuse"))
    if ended:
        worker.stop(now=False)
    processes[0].die()
    told = [said.get(timeout=PATIENCE_SECONDS) for _ in range(1 if ended else 2)]
    assert told == ([(0, Returned("a"))] if ended else [(0, Died(("a",), -9)), (0, Idle())])
    assert len(processes) == (1 if ended else 2)
    worker.stop(now=False)
    processes[-1].die()
    worker.close()
    assert said.empty()


class FatalWorker(RecordingWorker):
    """Dies in its first job, while somebody asks the batch to end."""

    interrupts = Interrupts()

    def hand_over(self, task):
        self.said.put((self.number, Begun(task.job.key)))
        self.interrupts.count = 1
        self.said.put((self.number, Died((task.job.key,), -9)))
        self.said.put((self.number, Idle()))

    def stop(self, *, now):
        assert not now


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_that_is_to_end_does_not_wait_for_the_job_of_a_dead_worker(folder, monkeypatch, count):
    monkeypatch.setattr(RecordingWorker, "made", [], raising=False)
    monkeypatch.setattr(FatalWorker, "interrupts", Interrupts())
    monkeypatch.setattr(pool, "LocalWorker", FatalWorker)
    for number in range(count):
        (folder / f"{number}.mp4").write_bytes(b"x")
    options = Options(SharedSearch(("red",)), Saving(("mask",), "out/"), model=ModelChoice("demo"))
    patience = threading.Timer(20, lambda: setattr(FatalWorker.interrupts, "count", 2))
    patience.start()
    plan = Plan(Request(("*.mp4",), options=options))
    result = run_batch(plan, lambda _: None, FatalWorker.interrupts)
    patience.cancel()
    assert (result.left, result.interrupted) == (count, True)
    assert FatalWorker.interrupts.count == 1


def test_a_worker_ends_at_once_when_the_process_that_started_it_was_killed(monkeypatch):
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    codes = []

    def leave(code):
        codes.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        pool._serve(theirs, Setup(ModelChoice("demo"), load=load_remembering))
    assert codes == [1]
