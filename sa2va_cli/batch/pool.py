"""Workers side by side: one in this process, or several in processes of their own, on one device or many.

What workers tell comes in one queue. A process that dies gives its jobs back, and another takes its place.
"""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Protocol, Self

from sa2va_cli.batch.messages import Begun, Broken, Ended, Message, Returned, Setup, Stop, Task
from sa2va_cli.batch.worker import Worker
from sa2va_cli.errors import UsageError

DEATHS = 9
"""How many processes of one worker may die without ending a job before it is given up."""


@dataclass(frozen=True)
class Died:
    """A worker's process has gone.

    Attributes:
        keys: of the jobs it was at.
        code: its exit code, negative for a signal; None where it is not known.
        why: what is known instead.
    """

    keys: tuple[str, ...]
    code: int | None
    why: str = ""

    @property
    def cause(self) -> str:
        """What it died of."""
        if self.why:
            return self.why
        if self.code is not None and self.code < 0:
            return f"signal {-self.code}"
        return f"exit code {self.code}"


Said = tuple[int, Message | Died]
"""The number of a worker, and what it tells."""


class AnyWorker(Protocol):
    """What a pool asks of a worker, wherever that is."""

    def hand_over(self, task: Task) -> None:
        """Gives it a job."""

    def stop(self, *, now: bool) -> None:
        """Ends it: after its checkpoints, or now."""

    def close(self) -> None:
        """Waits until it has ended."""


Start = Callable[[int, Setup, "queue.Queue[Said]"], AnyWorker]
"""Makes a worker of its number, what it works with, and where it tells what happens."""


def setups(setup: Setup, jobs: int, gpus: Sequence[int]) -> list[Setup]:
    """What each worker works with.

    Args:
        setup: of one.
        jobs: how many on each device.
        gpus: numbers of devices; none for the one that the setup names.

    Raises:
        UsageError: a device is named twice over.
    """
    if gpus and setup.model.device != "auto":
        raise UsageError("--gpus and --device both say where the model runs; give one of them")
    if len(set(gpus)) != len(gpus):
        raise UsageError(
            f"--gpus {','.join(map(str, gpus))} names one GPU twice; use --jobs for several on one"
        )
    places = [replace(setup.model, device=f"cuda:{gpu}") for gpu in gpus] or [setup.model]
    return [replace(setup, model=place, share=jobs) for place in places for _ in range(jobs)]


class LocalWorker:
    """A worker in this process.

    Args:
        number: of the worker.
        setup: what it works with.
        said: where it tells what happens.
    """

    def __init__(self, number: int, setup: Setup, said: "queue.Queue[Said]") -> None:
        self._stop = Stop()
        self._worker = Worker(setup, lambda message: said.put((number, message)), self._stop)
        self._worker.__enter__()

    def hand_over(self, task: Task) -> None:
        """Gives it a job."""
        self._worker.hand_over(task)

    def stop(self, *, now: bool) -> None:
        """Ends it."""
        self._stop.ask(now=now)

    def close(self) -> None:
        """Waits until it has ended."""
        self._worker.__exit__()


class Charges:
    """The jobs that a worker which may die is at; given back when it does.

    Args:
        number: of the worker.
        said: where it tells what happens.
    """

    def __init__(self, number: int, said: "queue.Queue[Said]") -> None:
        self._number, self._said = number, said
        self._keys: set[str] = set()
        self._deaths = 0

    def take(self, key: str) -> None:
        """It is handed a job."""
        self._keys.add(key)

    def tell(self, message: Message) -> None:
        """Tells on what it tells."""
        if isinstance(message, Begun):
            self._keys.add(message.key)
        elif isinstance(message, Ended | Returned):
            self._keys.discard(message.key)
            self._deaths = 0
        self._said.put((self._number, message))

    def give_back(self, code: int | None, why: str = "", *, ending: bool) -> bool:
        """It has died, which is told before its successor asks for work.

        Args:
            code: see ``Died``.
            why: see ``Died``.
            ending: whether it was to end, so that nobody takes its place.

        Returns:
            Whether it is to have a successor.
        """
        keys = tuple(sorted(self._keys))
        self._keys.clear()
        if ending:
            for key in keys:
                self._said.put((self._number, Returned(key)))
            return False
        self._deaths += 1
        self._said.put((self._number, Died(keys, code, why)))
        return True

    @property
    def are_hopeless(self) -> bool:
        """Whether it has died too often."""
        return self._deaths > DEATHS


@dataclass
class _Child:
    """A process and our end of the pipe to it."""

    process: Any
    pipe: Connection


class ProcessWorker:
    """A worker in a process of its own, which is started again when it dies.

    Args:
        number: of the worker.
        setup: what it works with.
        said: where it tells what happens.
    """

    def __init__(self, number: int, setup: Setup, said: "queue.Queue[Said]") -> None:
        self._setup, self._charges = setup, Charges(number, said)
        self._sending = threading.Lock()
        self._ending = False
        self._child = self._started()

    def _started(self) -> _Child:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_serve, args=(theirs, self._setup), daemon=True)
        process.start()
        theirs.close()
        child = _Child(process, ours)
        threading.Thread(target=self._listen, args=(child,), name="sa2va-listen", daemon=True).start()
        return child

    def _listen(self, child: _Child) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._charges.tell(child.pipe.recv())
        child.process.join()
        code = child.process.exitcode
        with self._sending:  # nothing is handed to the one that is gone
            if not self._charges.give_back(code, ending=self._ending):
                return
            if self._charges.are_hopeless:
                error = f"processes of workers die one after the other (exit code {code})"
                self._charges.tell(Broken(1, error))
            else:
                self._child = self._started()

    def hand_over(self, task: Task) -> None:
        """Gives it a job; one that is handed to a dying process is told as such."""
        with self._sending:
            self._charges.take(task.job.key)
            with suppress(OSError):
                self._child.pipe.send(task)

    def stop(self, *, now: bool) -> None:
        """Ends it."""
        with self._sending, suppress(OSError):
            self._ending = True
            self._child.pipe.send("now" if now else "soon")

    def close(self) -> None:
        """Waits until it has ended."""
        with self._sending, suppress(OSError):
            self._ending = True
            self._child.pipe.send(None)
        self._child.process.join()
        self._child.pipe.close()


def _serve(pipe: Connection, setup: Setup) -> None:
    """What the process of a worker does, until there is nobody who could hand it anything."""
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):  # the parent is told as well, and says what to do
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    sending, stop = threading.Lock(), Stop()

    def emit(message: Message) -> None:
        with sending, suppress(OSError):
            pipe.send(message)

    hush()
    with Worker(setup, emit, stop) as worker:
        while True:
            try:
                order: Task | str | None = pipe.recv()
            except (EOFError, OSError):
                # The parent was killed, and so are we: somebody may be at these jobs again in a moment.
                os._exit(1)
            if order is None:
                break
            if isinstance(order, Task):
                worker.hand_over(order)
            else:
                stop.ask(now=order == "now")


def hush() -> None:
    """Keeps libraries quiet in processes, which have no console."""
    import warnings

    warnings.simplefilter("ignore")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


class Pool:
    """Workers; a context manager that waits for what they have begun.

    Args:
        wanted: what each works with; a single one works in this process.
        apart: whether a single one has a process of its own, too.
        start: makes each of them; None for workers on this computer.
    """

    def __init__(self, wanted: Sequence[Setup], *, apart: bool = False, start: Start | None = None) -> None:
        self.said: queue.Queue[Said] = queue.Queue()
        self._wanted, self._apart = wanted, apart or len(wanted) > 1
        self._start = start
        self._workers: list[AnyWorker] = []

    def __enter__(self) -> Self:
        """Starts them."""
        start: Start = self._start or (ProcessWorker if self._apart else LocalWorker)
        self._workers = [start(number, setup, self.said) for number, setup in enumerate(self._wanted)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for them; after an error they end at once."""
        if kind is not None:
            self.stop(now=True)
        for worker in self._workers:
            worker.close()

    def hand_over(self, number: int, task: Task) -> None:
        """Gives a worker a job."""
        self._workers[number].hand_over(task)

    def stop(self, *, now: bool) -> None:
        """Ends all: after their checkpoints, or now."""
        for worker in self._workers:
            worker.stop(now=now)
