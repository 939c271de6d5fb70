"""Real processes that begin with everything imported: each is forked from one that has imported it once.

A program that a test kills, or that a line of a guide starts, would import torch for seconds first. Only its
beginning is another: its streams, its folder, its environment and its end are its own.
"""

import atexit
import json
import os
import socket
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import chdir, contextmanager
from functools import cache
from multiprocessing import active_children
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.forkserver import ensure_running
from multiprocessing.popen_forkserver import Popen
from multiprocessing.reduction import DupFd
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from threading import Lock, Thread
from typing import Any
from unittest.mock import patch

BEFORE = dict(os.environ)
"""The environment in which everything is imported: none that a test has changed."""

IMPORTED = (
    *("forked", "clips", "fakes", "torch", "platformdirs", "pycocotools.mask", "typer._adapters", "numpy.ma"),
    *("sa2va_cli.commands.app", "sa2va_cli.pipeline.segmentation", "sa2va_cli.pipeline.previewing"),
    *("sa2va_cli.export.coco", "sa2va_cli.media.writer", "sa2va_cli.render.overlay"),
    *("sa2va_cli.batch.kinds", "sa2va_cli.batch.running", "sa2va_cli.commands.batch_progress"),
)
"""What a run of the program would import first; without one of them it is only slower."""

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect({address!r})
    socket.send_fds(there, [b" "], [0, 1, 2])
    there.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    there.shutdown(socket.SHUT_WR)
    raise SystemExit(int(there.recv(20)))
"""


class Ending(Popen):
    """Several threads may ask how a process ended; of itself, only the first of them would be told."""

    def __init__(self, process: Any) -> None:
        self._asking = Lock()
        super().__init__(process)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        if flag != os.WNOHANG:
            wait([self.sentinel])
        with self._asking:
            return super().poll(os.WNOHANG)


class Process(ForkServerProcess):
    """A process with the environment that this one has when it is made."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.variables = dict(os.environ)

    @staticmethod
    def _Popen(process: Any) -> Ending:  # noqa: N802  (the library's name)
        return Ending(process)

    def run(self) -> None:
        os.environ.clear()
        os.environ.update(self.variables)
        super().run()


class Context(ForkServerContext):
    """Makes such processes."""

    Process = Process


@cache
def context() -> Context:
    """Makes processes; the one from which they are forked is gone when this one and all of them are."""
    made = Context()
    made.set_forkserver_preload([*IMPORTED])
    places = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with patch.dict(os.environ, BEFORE | places, clear=True), chdir(Path(__file__).parent):
        ensure_running()
    atexit.register(_end_what_is_left)
    return made


def _end_what_is_left() -> None:
    """Ends what failed tests have left, which would be waited for."""
    for process in active_children():
        if isinstance(process, Process):
            process.kill()


class Streams:
    """Descriptors for standard input, output and error; they come through to another process."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = list(numbers)

    def __getstate__(self) -> list[Any]:
        return [DupFd(number) for number in self.numbers]

    def __setstate__(self, passed: list[Any]) -> None:
        self.numbers = [one.detach() for one in passed]

    def take(self) -> None:
        """Makes them the standard streams of this process."""
        for number, (place, name) in zip(self.numbers, enumerate(("stdin", "stdout", "stderr")), strict=True):
            os.dup2(number, place)
            os.close(number)
            setattr(sys, name, _opened(place))


def _opened(place: int) -> Any:
    """A standard stream as Python opens it: standard error at once, and in any letters."""
    if place == 2:
        return open(place, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    return open(place, "w" if place else "r", encoding="utf-8", closefd=False)


def start(
    program: str,
    *arguments: str,
    stdin: int | None = None,
    stdout: int = 1,
    stderr: int = 2,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Starts a program as ``python -c PROGRAM ARGUMENTS`` would.

    Args:
        program: its text.
        arguments: what it finds in ``sys.argv``.
        stdin: a descriptor of this process; None for the null device.
        stdout: likewise.
        stderr: likewise.
        folder: where it runs; None for the current one.
        environment: its variables; None for those of this process.
    """
    with Path(os.devnull).open() as null:
        streams = Streams([null.fileno() if stdin is None else stdin, stdout, stderr])
        where = folder or str(Path.cwd())
        process = context().Process(target=_run, args=(program, arguments, streams, where))
        if environment is not None:
            process.variables = dict(environment)
        process.start()
    return process


def _run(program: str, arguments: Sequence[str], streams: Streams, folder: str) -> None:
    os.chdir(folder)
    streams.take()
    sys.argv = ["-c", *arguments]
    try:
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()


@contextmanager
def command(path: Path, program: str) -> Generator[None, None, None]:
    """Makes a command for shells at ``path``, each call of which is a process that runs ``program``."""

    class Call(StreamRequestHandler):
        def handle(self) -> None:
            _, streams, _, _ = socket.recv_fds(self.request, 1, 3)
            arguments, folder, variables = json.load(self.rfile)
            stdin, stdout, stderr = streams
            where = {"folder": folder, "environment": variables}
            process = start(program, *arguments, stdin=stdin, stdout=stdout, stderr=stderr, **where)
            for stream in streams:
                os.close(stream)
            process.join()
            self.request.sendall(str(process.exitcode).encode())

    context()  # now, and not in one of the threads
    address = str(path.with_suffix(".socket"))
    path.write_text(CLIENT.format(python=sys.executable, address=address))
    path.chmod(0o755)
    with ThreadingUnixStreamServer(address, Call) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()
