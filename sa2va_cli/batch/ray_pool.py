"""Workers on a Ray cluster: actors with a loaded model each, to which paths travel and never frames.

An actor keeps what it tells until it was heard, so that nothing is lost or heard twice when the network fails
for a while. When it dies, or its node does, its jobs are given back and another takes its place; all nodes
must see the same files. Needs Ray, which the extra ``ray`` brings. Of the state file it knows where it is.
"""

import hashlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.batch.messages import Broken, Ended, Message, Setup, Stop, Task, Told
from sa2va_cli.batch.pool import Charges, Said, hush
from sa2va_cli.batch.ray_choice import RayChoice, Share, model_of, share_of
from sa2va_cli.batch.worker import Worker
from sa2va_cli.errors import InputError, UsageError, parameter
from sa2va_cli.runtime.extras import RAY, require
from sa2va_cli.runtime.threads import let_threads_sleep
from sa2va_cli.version import VERSION

if TYPE_CHECKING:
    import queue

_NAMESPACE = "sa2va-batch"
_CONNECT_SECONDS = 5.0
_LISTEN_SECONDS = 20.0
"""How long a call that listens to an actor waits for something to be told."""
_GATHER_SECONDS = 1.0
"""How long progress may wait for more of it; as often as it is shown."""
_METHODS_AT_ONCE = 4
"""One listens, one is handed a job, one is told to stop, one waits for the end."""


@dataclass(frozen=True)
class Place:
    """What a worker must find where it is.

    Attributes:
        folder: the one from which names of files are seen.
        state: the state file.
        version: of this program.
    """

    folder: str
    state: str
    version: str = VERSION

    def problem(self) -> tuple[int, str] | None:
        """What is wrong here, with its exit code."""
        if self.version != VERSION:
            return (
                UsageError.exit_code,
                f"it has sa2va {VERSION}, and the batch was started with {self.version}",
            )
        for path in (self.folder, self.state):
            if not Path(path).exists():
                return InputError.exit_code, (
                    f"{path} is not there; the current folder, inputs and outputs must lie on storage that "
                    "all nodes see under the same names"
                )
        return None


class Mailbox:
    """What was told and perhaps not heard, numbered from 0; ``None`` is the last."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._first = 0
        self._messages: list[Message | None] = []

    def put(self, message: Message | None) -> None:
        """Adds something."""
        with self._ready:
            self._messages.append(message)
            self._ready.notify_all()

    def after(self, heard: int, seconds: float) -> tuple[int, list[Message | None]]:
        """What was not heard yet, and the number of the first of it; forgets what was.

        Args:
            heard: how many have been.
            seconds: how long to wait for one.
        """
        with self._ready:
            del self._messages[: max(0, heard - self._first)]
            self._first = max(self._first, heard)
            self._ready.wait_for(lambda: bool(self._messages), seconds)
            if self._messages:
                # Progress of a moment is heard in one call: the driver may have many to listen to.
                self._ready.wait_for(
                    lambda: not all(isinstance(one, Told) for one in self._messages), _GATHER_SECONDS
                )
            return self._first, list(self._messages)


class Actor:
    """A worker as Ray runs it; each method is called over the network, several at once.

    Args:
        setup: what it works with.
        place: what it must find.
        node: what people call the node.
    """

    def __init__(self, setup: Setup, place: Place, node: str | None = None) -> None:
        let_threads_sleep()  # Ray starts this process, and not this program
        self._node = node or socket.gethostname()
        self._told = Mailbox()
        self._stop = Stop()
        self._orders: set[int] = set()
        self._ordering = threading.Lock()
        self._worker: Worker | None = None
        self._sources: dict[str, str] = {}
        problem = place.problem()
        if problem is not None:
            self._told.put(Broken(problem[0], f"node {self._node}: {problem[1]}"))
            return
        os.chdir(place.folder)
        hush()
        self._worker = Worker(setup, self._emit, self._stop)
        self._worker.__enter__()

    def _emit(self, message: Message) -> None:
        """Tells on, with the node where that matters."""
        if isinstance(message, Broken):
            message = replace(message, error=f"node {self._node}: {message.error}")
        elif isinstance(message, Ended):
            source = self._sources.pop(message.key, "")
            outcome = message.outcome
            if outcome.code == InputError.exit_code and not Path(source).exists():
                seen = f"{outcome.error} (on node {self._node}; do all nodes see it under this name?)"
                message = replace(message, outcome=replace(outcome, error=seen))
        self._told.put(message)

    def listen(self, heard: int) -> tuple[int, list[Message | None]]:
        """What was told after so many messages; see ``Mailbox.after``."""
        return self._told.after(heard, _LISTEN_SECONDS)

    def hand_over(self, order: int, task: Task) -> None:
        """Gives it a job; an order that comes again, because the network failed, is one order."""
        with self._ordering:
            if order in self._orders or self._worker is None:
                return
            self._orders.add(order)
            self._sources[task.job.key] = task.job.source
        self._worker.hand_over(task)

    def stop(self, *, now: bool) -> None:
        """Ends it: after checkpoints, or now."""
        self._stop.ask(now=now)

    def finish(self) -> None:
        """Waits for what was begun; nothing is told afterwards."""
        if self._worker is not None:
            self._worker.__exit__()
        self._told.put(None)


class RayWorker:
    """A worker somewhere on a cluster, which is started again, perhaps elsewhere, when it dies.

    Args:
        number: of the worker.
        setup: what it works with.
        said: where it tells what happens.
        start: makes an actor.
    """

    def __init__(
        self, number: int, setup: Setup, said: "queue.Queue[Said]", start: Callable[[int, Setup], Any]
    ) -> None:
        self._number, self._setup, self._start = number, setup, start
        self._charges = Charges(number, said)
        self._sending = threading.Lock()
        self._orders = 0
        self._met = self._ending = False
        self._begin()

    def _begin(self) -> None:
        self._met = False
        self._actor = self._start(self._number, self._setup)
        self._listening = threading.Thread(
            target=self._listen, args=(self._actor,), name="sa2va-listen", daemon=True
        )
        self._listening.start()

    def _listen(self, actor: Any) -> None:
        import ray
        from ray.exceptions import RayError

        heard = 0
        while True:
            try:
                first, messages = ray.get(actor.listen.remote(heard))
            except RayError as error:
                self._lose(error)
                return
            self._met = True
            for message in messages[heard - first :]:
                if message is None:
                    return
                self._charges.tell(message)
            heard = first + len(messages)

    def _lose(self, error: Exception) -> None:
        """An actor is gone."""
        why = _in_short(error)
        with self._sending:
            if not self._charges.give_back(None, why, ending=self._ending):
                return
            if getattr(error, "actor_init_failed", False):
                text = f"no worker starts on the cluster ({why}); is sa2va {VERSION} there?"
                self._charges.tell(Broken(UsageError.exit_code, text))
            elif self._charges.are_hopeless:
                self._charges.tell(Broken(1, f"workers on the cluster die one after the other ({why})"))
            else:
                self._begin()

    def hand_over(self, task: Task) -> None:
        """Gives it a job; one that is handed to a dying actor is told as such."""
        with self._sending:
            self._charges.take(task.job.key)
            self._orders += 1
            self._actor.hand_over.remote(self._orders, task)

    def stop(self, *, now: bool) -> None:
        """Ends it."""
        with self._sending:
            self._ending = True
            self._actor.stop.remote(now=now)

    def close(self) -> None:
        """Waits until it has ended; one that never found a place on the cluster is given up."""
        import ray
        from ray.exceptions import RayError

        with self._sending:
            self._ending = True
        if self._met:
            with suppress(RayError):
                ray.get(self._actor.finish.remote())
        ray.kill(self._actor)
        self._listening.join()


@dataclass(frozen=True)
class Joined:
    """A cluster that was connected to.

    Attributes:
        setup: of one worker.
        share: what each gets, and how many there are.
        place: what each must find.
    """

    setup: Setup
    share: Share
    place: Place

    def worker(self, number: int, setup: Setup, said: "queue.Queue[Said]") -> RayWorker:
        """Starts a worker; ``pool.Pool`` calls this."""
        return RayWorker(number, setup, said, self._actor)

    def _actor(self, number: int, setup: Setup) -> Any:
        import ray

        options: dict[str, Any] = {
            "num_cpus": self.share.cpus,
            "num_gpus": self.share.gpus,
            "max_concurrency": _METHODS_AT_ONCE,
            "max_restarts": 0,  # a successor is another actor: it has heard and told nothing
            "max_task_retries": -1,  # while it lives, calls are made again; see Mailbox and hand_over
            "scheduling_strategy": "SPREAD",
            "name": f"{_prefix(self.place)}-{number}-{os.urandom(4).hex()}",
            "namespace": _NAMESPACE,
        }
        return ray.remote(Actor).options(**options).remote(setup, self.place)


@contextmanager
def joined(choice: RayChoice, setup: Setup, state: Path) -> Generator[Joined, None, None]:
    """Connects to a cluster, and leaves it at the end.

    Args:
        choice: which, and how much of it.
        setup: of a worker.
        state: the state file, which is locked: workers that another batch with it left behind are ended.

    Raises:
        UsageError: Ray is not installed, there is no such cluster, or nothing finds a place on it.
    """
    require(RAY, parameter("ray", choice.address))
    import ray

    _connect(choice.address)
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        share = share_of(choice, setup.model, nodes)
        place = Place(str(Path.cwd()), str(state.absolute()))
        _end_left_behind(place)
        yield Joined(replace(setup, model=model_of(setup.model, share)), share, place)
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    import ray

    named = parameter("ray", address)
    hint = "start one with ray start --head; sa2va ray script prints what starts one on Slurm or Kubernetes"
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:  # Ray itself tries for a minute, and tells what it does
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except OSError as error:
            raise UsageError(f"{named}: nothing answers there ({error}); {hint}") from None
    # As Ray will do by itself in time; it warns else.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray prints what it thinks of a lost worker to standard output, which is that of --json, whatever
    # log_to_driver and logging_level say; nothing public switches that off. The module and the variable are
    # private names of Ray 2.60: where they are gone, this line fails loudly, in tests/batch/test_ray.py too.
    ray._private.worker._worker_logs_enabled = False
    ours = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level="error", namespace=_NAMESPACE)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise UsageError(
            f"{named}: there is no cluster that can be joined ({_in_short(error)}); {hint}"
        ) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)


def _prefix(place: Place) -> str:
    return hashlib.sha256(place.state.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _end_left_behind(place: Place) -> None:
    """Ends workers of a batch whose own computer was lost; Ray itself ends them only after a while."""
    import ray

    for one in ray.util.list_named_actors(all_namespaces=True):
        if one["namespace"] == _NAMESPACE and one["name"].startswith(_prefix(place)):
            with suppress(ValueError):  # it is gone meanwhile
                ray.kill(ray.get_actor(one["name"], _NAMESPACE))


def _in_short(error: BaseException) -> str:
    """The line of Ray's long messages that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("The actor died", "ModuleNotFound", "ImportError"))]
    return (told or lines or [type(error).__name__])[-1][:200]
