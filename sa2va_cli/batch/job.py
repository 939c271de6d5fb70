"""One job of a batch as a value, and what came of it.

Knows nothing about how jobs are run or remembered.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sa2va_cli.pipeline.split import Split

State = Literal["pending", "running", "done", "failed"]
STATES: tuple[State, ...] = ("pending", "running", "done", "failed")


@dataclass(frozen=True)
class BatchJob:
    """One input and everything that is to be made of it.

    Attributes:
        key: what it is known by in the state file: the same input with the same options.
        kind: its name in ``kinds.KINDS``.
        source: the input, as a command would be given it.
        work: the value that its kind runs.
        outputs: what it will most likely make, by the input's name alone; nothing was opened.
        reads: files besides the input that decide about that, such as one of questions.
        split: how its input is cut into parts; None for not at all.
        url: the folder on storage that outputs go to in the end; None for where they are made.
        place: the folder on this computer that ``url`` stands for.
        part: which step of a job it is that is done in several, for people; empty for a whole one.
    """

    key: str
    kind: str
    source: str
    work: Any = field(repr=False)
    outputs: tuple[Path, ...] = field(default=(), repr=False)
    reads: tuple[Path, ...] = field(default=(), repr=False)
    split: "Split | None" = None
    url: str | None = None
    place: Path = field(default=Path(), repr=False)
    part: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What its outputs are called in the end: paths, or URLs."""
        return tuple(self.url_of(path) for path in self.outputs)

    def url_of(self, path: Path) -> str:
        """What an output is called in the end that is made here."""
        if self.url is None:
            return os.path.normpath(path)
        return f"{self.url}{path.relative_to(self.place).as_posix()}"


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        state: ``done`` or ``failed``; ``pending`` for one that was stopped and will be gone on with.
        code: the exit code that the command would have had; of one that is done it is 9 where something that
            should be hidden may be seen.
        error: what went wrong, on one line.
        frames: how many were made.
        seconds: of work.
        clip_seconds: how long the input is.
        outputs: marks of everything that was made, by path.
        source: mark of the input before it was opened.
        warnings: what was odd.
        look_at: ranges worth a look, one line each.
        model: name and weights of the model.
    """

    state: State
    code: int = 0
    error: str = ""
    frames: int = 0
    seconds: float = 0.0
    clip_seconds: float = 0.0
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    look_at: tuple[str, ...] = ()
    model: str = ""
