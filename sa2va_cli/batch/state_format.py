"""The format of a batch's state file: what it is called, its tables, and a row of them as a value.

Knows nothing about who writes or reads it.
"""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.batch.job import State
from sa2va_cli.tracks.decisions import TRACKS_ENDING, Decision, decision_on

NAME = "sa2va-batch.db"

SCHEMA = 1

TABLES = """
CREATE TABLE batch (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE jobs (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    run INTEGER NOT NULL,
    place INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    code INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    started REAL,
    finished REAL,
    seconds REAL NOT NULL DEFAULT 0,
    frames INTEGER NOT NULL DEFAULT 0,
    clip_seconds REAL NOT NULL DEFAULT 0,
    program TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    mark TEXT,
    outputs TEXT NOT NULL DEFAULT '{}',
    warnings TEXT NOT NULL DEFAULT '[]',
    look_at TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX jobs_by_run ON jobs (run, state);
"""

COLUMNS = (
    "key, kind, source, state, attempts, code, error, started, finished, seconds, frames, clip_seconds, "
    "program, model, mark, outputs, warnings, look_at"
)


@dataclass(frozen=True)
class Row:
    """What is known of one job; times are seconds since 1970, for people, and nothing is decided by them.

    Attributes:
        key: of the job.
        kind: its name in ``kinds.KINDS``.
        source: the input.
        state: one of ``STATES``; ``running`` is also what a killed batch leaves.
        attempts: how often it was begun.
        code: exit code of the last attempt.
        error: what went wrong in it.
        started: when it was begun last.
        finished: when it ended.
        seconds: of work.
        frames: how many were made.
        clip_seconds: how long the input is.
        program: version that did it.
        model: name and weights.
        mark: of the input; see ``marks.Mark``.
        outputs: marks of what was made, by path.
        warnings: what was odd.
        look_at: ranges worth a look.
    """

    key: str
    kind: str
    source: str
    state: State
    attempts: int = 0
    code: int = 0
    error: str = ""
    started: float | None = None
    finished: float | None = None
    seconds: float = 0.0
    frames: int = 0
    clip_seconds: float = 0.0
    program: str = ""
    model: str = ""
    mark: Mapping[str, Any] | None = None
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    look_at: tuple[str, ...] = ()

    def decision(self, folder: Path) -> Decision | None:
        """What a person decided in ``sa2va review`` about the tracks that were made; None for nothing.

        Args:
            folder: that of the state file, where decisions lie on inputs of which no tracks were made.
        """
        made = next((Path(name) for name in self.outputs if name.endswith(TRACKS_ENDING)), None)
        found = decision_on(made or folder / (Path(self.source).stem + TRACKS_ENDING))
        return None if found is None or found.status in ("new", "tracked") else found


def row_of(values: Sequence[Any]) -> Row:
    """A row of what was asked for by ``COLUMNS``."""
    named = dict(zip(COLUMNS.split(", "), values, strict=True))
    named["source"] = os.fsdecode(named["source"])
    named["mark"] = json.loads(named["mark"]) if named["mark"] else None
    named["outputs"] = json.loads(named["outputs"])
    for name in ("warnings", "look_at"):
        named[name] = tuple(json.loads(named[name]))
    return Row(**named)


def of_another_version(path: Path, version: int) -> str:
    """What is said of a file in another format."""
    return (
        f"{path} is the state of another version of this program (format {version}, and this one has "
        f"{SCHEMA})"
    )


def state_path(given: Path) -> Path:
    """The state file that somebody means who names it, or the folder it lies in."""
    return given / NAME if given.is_dir() else given


def last_run(connection: sqlite3.Connection) -> int:
    """The number of the run that was begun last; 0 before the first."""
    found = connection.execute("SELECT value FROM batch WHERE name = 'run'").fetchone()
    return int(found[0]) if found else 0
