"""Runs ``sa2va review`` as people do, in a process of its own, for tests that look at it with a browser."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

TOKEN = "a-token-for-tests-only"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """``sa2va review`` of something, with the demo network.

    Args:
        opened: a tracks file, a video or a folder.
    """

    def __init__(self, opened: Path) -> None:
        self._opened = opened
        self._port = free_port()
        self.address = ""
        self.start()

    def start(self) -> None:
        """Starts it, on the same port as before."""
        words = ["review", str(self._opened), "--model", "demo", "--device", "cpu", "--no-open"]
        words += ["--port", str(self._port), "--token", TOKEN]
        quiet = {name: value for name, value in os.environ.items() if not name.startswith("SA2VA_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sa2va_cli", *words],
            stderr=subprocess.PIPE,
            text=True,
            env=quiet | {"OMP_NUM_THREADS": "1"},
        )
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                self.address = found[0]
                return
        raise AssertionError("".join(said))

    def kill(self) -> None:
        """Ends it as a loss of power would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
