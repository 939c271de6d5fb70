"""The story of ``sa2va review``: open, listen, say where, and go on until somebody ends it."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.review.project import opened_project
from sa2va_cli.review.security import LOOPBACK, Access
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.extras import REVIEW, require
from sa2va_cli.runtime.loading import Load, load_chat
from sa2va_cli.runtime.threads import divide_cores

if TYPE_CHECKING:
    import uvicorn

    from sa2va_cli.review.desk import Desk


@dataclass(frozen=True)
class ReviewJob:
    """One run of ``sa2va review``.

    Attributes:
        opened: what is looked at.
        tracks: those of the one video; None for those beside it.
        model: which model, and how it runs; loaded when it is first needed.
        host: where the server listens.
        port: the same; 0 for any that is free.
        token: what whoever asks must know; None for a random one.
        opens: whether a browser is opened.
        force: whether a source that is not the one of its log is taken all the same.
    """

    opened: str
    tracks: Path | None = None
    model: ModelChoice = field(default_factory=ModelChoice)
    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = field(default=None, repr=False)
    opens: bool = True
    force: bool = False


def serve(job: ReviewJob, *, say: Callable[[str], None], load: Load | None = None) -> None:
    """Serves until it is interrupted.

    Args:
        job: what to do.
        say: tells a line to people.
        load: makes the segmenter; None for the real one.

    Raises:
        Sa2VAError: it cannot begin.
    """
    require(REVIEW, "review")
    import uvicorn

    from sa2va_cli.review.desk import Desk
    from sa2va_cli.review.engine import Engine
    from sa2va_cli.review.folders import file_manager
    from sa2va_cli.review.server import application

    Access.chosen(job.host, job.port, job.token)  # what cannot be meant is told before anything is read
    project = opened_project(job.opened, job.tracks)
    with _listening(job.host, job.port) as listener:
        access = Access.chosen(job.host, listener.getsockname()[1], job.token)
        engine = Engine(job.model, load or load_chat, divide_cores)
        show = file_manager() if job.host in LOOPBACK else None  # whoever asks sits at this computer
        desk = Desk(project, engine, force=job.force, show=show)
        settings = uvicorn.Config(
            application(desk, access),
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,
            ws="none",
            h11_max_incomplete_event_size=1 << 15,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
        count = len(project.clips)
        say(f"{count} clip{'s' if count > 1 else ''}; open {access.address}")
        say("Ctrl-C ends it")
        if job.opens and _has_screen():
            webbrowser.open(access.address)
        _server(settings, desk).run(sockets=[listener])


def _server(settings: "uvicorn.Config", desk: "Desk") -> "uvicorn.Server":
    """A server that sends those home who listen, as their connections would keep it from ending."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            desk.events.end()
            super().handle_exit(sig, frame)

    return Server(settings)


def _has_screen() -> bool:
    """Whether a browser with windows can be opened: one in the terminal would take it over."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return named or sys.platform in ("win32", "darwin")


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OutputError: the port is taken.
        UsageError: there is no such interface.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except socket.gaierror as error:
        raise UsageError(
            f"--host {host}: no such name; give 127.0.0.1, or an address of this computer"
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port, or none"
        ) from error
