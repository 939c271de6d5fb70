"""What a batch and its workers say to each other: orders on the way there, news on the way back.

All of it can travel to another process, but for ``Stop``. Knows nothing about how either works.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.events import Event
from sa2va_cli.outputs.saving import Existing
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from sa2va_cli.runtime.loading import Load


@dataclass(frozen=True)
class Task:
    """A job whose turn has come.

    Attributes:
        job: what is done.
        existing: what is done about outputs that exist.
    """

    job: BatchJob
    existing: Existing


@dataclass(frozen=True)
class Begun:
    """A job was begun."""

    key: str


@dataclass(frozen=True)
class Told:
    """A job tells something."""

    key: str
    event: Event


@dataclass(frozen=True)
class Ended:
    """A job has ended."""

    key: str
    outcome: Outcome


@dataclass(frozen=True)
class Returned:
    """A job was handed over and not begun, because the worker is to end."""

    key: str


@dataclass(frozen=True)
class Broken:
    """A worker cannot go on, whatever the job: the model is not to be had.

    Attributes:
        code: the exit code.
        error: what went wrong.
    """

    code: int
    error: str


@dataclass(frozen=True)
class Idle:
    """A worker takes another job."""


Message = Begun | Told | Ended | Returned | Broken | Idle

Emit = Callable[[Message], None]


@dataclass
class Stop:
    """Whether a worker is to end: ``soon`` after checkpoints, ``now`` at the next event."""

    soon: threading.Event = field(default_factory=threading.Event)
    now: threading.Event = field(default_factory=threading.Event)

    def ask(self, *, now: bool) -> None:
        """Asks it to end: after its checkpoints, or now."""
        self.soon.set()
        if now:
            self.now.set()


@dataclass(frozen=True)
class Setup:
    """What a worker is told when it starts.

    Attributes:
        model: which model, and where it runs.
        checkpoint: how often checkpoints are kept; None for never.
        share: how many workers share the processor.
        load: makes the segmenter; None for the real one.
    """

    model: ModelChoice
    checkpoint: str | None = "10s"
    share: int = 1
    load: "Load | None" = None
