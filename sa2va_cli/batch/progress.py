"""What a running batch tells, and what it came to.

Knows nothing about how it is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.batch.job import Outcome
from sa2va_cli.events import Event, Notice


@dataclass(frozen=True)
class JobBegan:
    """A job was begun.

    Attributes:
        key: of the job.
        source: its input.
        kind: of the job.
        reason: why it is done; see ``choosing.Choice``.
        part: which step of a job it is that is done in several; empty for a whole one.
    """

    key: str
    source: str
    kind: str
    reason: str
    part: str = ""


@dataclass(frozen=True)
class JobTold:
    """A job tells something: ``events.Event``."""

    key: str
    source: str
    event: Event
    part: str = ""


@dataclass(frozen=True)
class JobEnded:
    """A job ended, well or not; ``outcome.state`` is ``pending`` where it was stopped."""

    key: str
    source: str
    outcome: Outcome
    part: str = ""


@dataclass(frozen=True)
class Counted:
    """How many jobs there are, how many of them were done before, and how many wait."""

    total: int
    done_before: int
    waiting: int


BatchEvent = JobBegan | JobTold | JobEnded | Counted | Notice
BatchReport = Callable[[BatchEvent], None]


@dataclass(frozen=True)
class BatchResult:
    """What a batch came to.

    Attributes:
        state: the state file.
        total: jobs in the list.
        done: done now.
        skipped: done before.
        failed: failed, now or before.
        left: not done because the batch was ended.
        frames: made now.
        seconds: from the first job to the last.
        clip_seconds: of the inputs that were done now.
        look_at: ranges worth a look, by input.
        failures: what went wrong, by input.
        exposed: inputs of edits, done now or before, in which something that should be hidden may be seen.
        interrupted: whether somebody ended it.
    """

    state: Path
    total: int
    done: int
    skipped: int
    failed: int
    left: int
    frames: int
    seconds: float
    clip_seconds: float
    look_at: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, str], ...]
    exposed: tuple[str, ...]
    interrupted: bool
