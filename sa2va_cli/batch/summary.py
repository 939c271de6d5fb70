"""The state of a batch as anybody may read it, while it is at work too.

Leaves nothing behind. Knows nothing about how it is written.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.batch.job import STATES, State
from sa2va_cli.batch.state_format import COLUMNS, SCHEMA, Row, last_run, of_another_version, row_of
from sa2va_cli.errors import InputError, OutputError
from sa2va_cli.outputs.locks import check_unlocked


@dataclass(frozen=True)
class Summary:
    """The jobs of the last run, counted.

    Attributes:
        path: the state file.
        counts: of jobs, by state.
        frames: made in all.
        seconds: of work in all, side by side or not.
        clip_seconds: of the inputs that are done.
        active: whether a batch is at work now.
        rows: those that were asked for.
    """

    path: Path
    counts: Mapping[State, int]
    frames: int
    seconds: float
    clip_seconds: float
    active: bool
    rows: tuple[Row, ...]

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return sum(self.counts.values())


def read_state(path: Path, states: Sequence[State] = STATES) -> Summary:
    """Reads the state of a batch, which may be at work.

    Args:
        path: the file.
        states: jobs in one of these are read one by one.

    Raises:
        InputError: there is no state file, or it is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no state of a batch; name its file or its folder")
    try:
        with closing(_opened_to_read(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version and version != SCHEMA:
                raise InputError(f"{of_another_version(path, version)}; ask that version")
            run = last_run(connection)
            sums = connection.execute(
                "SELECT state, count(*), sum(frames), sum(seconds), "
                "sum(CASE state WHEN 'done' THEN clip_seconds ELSE 0 END) "
                "FROM jobs WHERE run = ? GROUP BY state",
                (run,),
            ).fetchall()
            marks = ", ".join("?" * len(states))
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE run = ? AND state IN ({marks}) ORDER BY place",  # noqa: S608
                (run, *states),
            ).fetchall()
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path}: {_unreadable(path, error)}") from error
    try:
        check_unlocked(path)
        active = False
    except OutputError:
        active = True
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    counts |= {row[0]: row[1] for row in sums}
    totals = [sum(row[place] for row in sums) for place in (2, 3, 4)]
    return Summary(path, counts, int(totals[0]), totals[1], totals[2], active, tuple(map(row_of, rows)))


def _opened_to_read(path: Path) -> sqlite3.Connection:
    """Leaves nothing beside a file that no batch is at, and so needs no permission to write there."""
    log, journal = (path.with_name(path.name + ending) for ending in ("-wal", "-journal"))
    at_work = journal.exists() or (log.exists() and log.stat().st_size > 0)
    how = "mode=ro" if at_work else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10)


def _unreadable(path: Path, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_BUSY"):
        return "another program has locked it; end that, or try again later"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
        return f"no permission to read it or, where a batch was cut off, to write into {path.parent}"
    return f"not the state of a batch, or damaged ({error})"
