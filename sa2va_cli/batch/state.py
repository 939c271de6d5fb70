"""What is known of the jobs of a batch, in one SQLite file beside the outputs.

One process writes it, which holds its lock; others may read at any time (write-ahead log; ``summary``). A
file that is damaged is moved aside. Knows nothing about how jobs are run.
"""

import errno
import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.state_format import (
    COLUMNS,
    NAME,
    SCHEMA,
    TABLES,
    Row,
    last_run,
    of_another_version,
    row_of,
)
from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.locks import locked
from sa2va_cli.staging import output_errors
from sa2va_cli.version import VERSION

_LOCKED_SECONDS = 60.0
"""How long another program, such as one that copies the file, may keep a batch at work from writing it."""


class StateFile:
    """The file, open for the one process that writes it; ``opened`` makes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, moved: Path | None) -> None:
        self.path = path
        self.moved_aside = moved
        self._connection = connection
        self._run = 0

    def enter(self, jobs: Sequence[BatchJob]) -> dict[str, Row]:
        """Writes down the jobs of this run, in their order; what is known of them stays.

        Returns:
            What was known of each before, by its key.

        Raises:
            OutputError: the file cannot be written.
        """
        with self._writing() as run:
            self._run = last_run(self._connection) + 1
            run("INSERT OR REPLACE INTO batch VALUES ('run', ?)", (str(self._run),))
            before = self._rows_of(jobs)
            self._list(jobs, 0)
        return before

    def add(self, job: BatchJob) -> Row | None:
        """Writes down one more job of this run; returns what was known of it before."""
        with self._writing():
            before = self._rows_of([job])
            (count,) = self._connection.execute(
                "SELECT count(*) FROM jobs WHERE run = ?", (self._run,)
            ).fetchone()
            self._list([job], count)
        return before.get(job.key)

    def _list(self, jobs: Sequence[BatchJob], place: int) -> None:
        self._connection.executemany(
            "INSERT INTO jobs (key, kind, source, run, place, state) VALUES (?, ?, ?, ?, ?, 'pending') "
            "ON CONFLICT (key) DO UPDATE SET run = excluded.run, place = excluded.place, "
            "source = excluded.source",
            [
                (job.key, job.kind, _name(job.source), self._run, number)
                for number, job in enumerate(jobs, place)
            ],
        )

    def _rows_of(self, jobs: Sequence[BatchJob]) -> dict[str, Row]:
        wanted = {job.key for job in jobs}
        if len(wanted) < 100:
            marks = ", ".join("?" * len(wanted))
            where, values = f" WHERE key IN ({marks})", tuple(wanted)
        else:
            where, values = "", ()
        found = self._connection.execute(f"SELECT {COLUMNS} FROM jobs{where}", values)  # noqa: S608
        return {row.key: row for row in map(row_of, found) if row.key in wanted}

    def await_again(self, keys: Iterable[str]) -> None:
        """Sets jobs back to what waits for its turn."""
        with self._writing():
            self._connection.executemany(
                "UPDATE jobs SET state = 'pending', error = '', code = 0 WHERE key = ?",
                [(key,) for key in keys],
            )

    def begin(self, key: str) -> None:
        """A job has been begun."""
        with self._writing() as run:
            run(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?, program = ? "
                "WHERE key = ?",
                (time.time(), VERSION, key),
            )

    def end(self, key: str, outcome: Outcome) -> None:
        """A job has ended; one that was stopped counts as running, so that it is gone on with.

        What an earlier attempt has made is forgotten only for what the last one made.
        """
        with self._writing() as run:
            if outcome.state == "pending":
                run("UPDATE jobs SET state = 'running', finished = ? WHERE key = ?", (time.time(), key))
                return
            run(
                "UPDATE jobs SET state = ?, code = ?, error = ?, finished = ?, seconds = ?, frames = ?, "
                "clip_seconds = ?, model = ?, mark = ?, outputs = coalesce(?, outputs), "
                "warnings = ?, look_at = ? WHERE key = ?",
                (
                    outcome.state,
                    outcome.code,
                    _writable(outcome.error),
                    time.time(),
                    outcome.seconds,
                    outcome.frames,
                    outcome.clip_seconds,
                    outcome.model,
                    json.dumps(outcome.source) if outcome.source else None,
                    json.dumps(outcome.outputs) if outcome.outputs else None,
                    json.dumps(outcome.warnings),
                    json.dumps(outcome.look_at),
                    key,
                ),
            )

    def finish(self) -> None:
        """The run is over.

        Raises:
            OutputError: the file cannot be written, or is another one by now.
        """
        with self._writing() as run:
            run("INSERT OR REPLACE INTO batch VALUES ('ended', ?)", (str(time.time()),))
        if not self.path.exists():
            raise OutputError(
                f"{self.path} was removed while the batch was at work, so what was done is not known next "
                "time; give the same command with --skip-existing"
            )

    @contextmanager
    def _writing(self) -> Generator[Any, None, None]:
        """One transaction."""
        try:
            with self._connection:
                yield self._connection.execute
        except sqlite3.Error as error:
            raise _unwritable(self.path, error) from error


def _name(source: str) -> str | bytes:
    """A name as SQLite takes it: the bytes of one that is no UTF-8."""
    try:
        source.encode()
    except UnicodeEncodeError:
        return os.fsencode(source)
    return source


def _writable(text: str) -> str:
    """A text that SQLite takes: bytes of names in it that are no UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _unwritable(path: Path, error: sqlite3.Error) -> OutputError:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        reason = "no space left on the disk; free some and give the same command again"
    elif name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")):
        reason = "no permission to write it; choose another place with --state"
    elif name.startswith("SQLITE_BUSY"):
        reason = "another program has locked it; end that, and give the same command again"
    else:
        reason = f"{error}; give the same command again"
    return OutputError(f"cannot write the state of the batch, {path}: {reason}")


@contextmanager
def opened(path: Path) -> Generator[StateFile, None, None]:
    """Opens the state of a batch for writing, and makes it where there is none.

    What is there and is no state, or a damaged one, is moved aside: ``moved_aside`` says where.

    Raises:
        OutputError: another batch has it, or it cannot be written.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        moved = None if _is_whole(path) else _move_aside(path)
        try:
            connection = _connected(path)
        except sqlite3.Error as error:
            raise _unwritable(path, error) from error
        with closing(connection):
            yield StateFile(path, connection, moved)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level="IMMEDIATE", timeout=_LOCKED_SECONDS)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


_MAGIC = b"SQLite format 3\0"
"""How databases begin (SQLite's file format, 1.3.1)."""


def _is_whole(path: Path) -> bool:
    """Whether a file can be gone on with; True where there is none."""
    if path.is_dir():
        raise OutputError(
            f"{path} is a folder, and the state of a batch is a file; choose another with --state"
        )
    if not path.exists() or path.stat().st_size == 0:
        return True
    if path.name != NAME and not _is_database(path):
        raise _strange(path)
    try:
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if version and version != SCHEMA:
                raise OutputError(f"{of_another_version(path, version)}; choose another with --state")
            connection.execute(f"SELECT {COLUMNS} FROM jobs LIMIT 1").fetchone()  # noqa: S608
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(
            ("SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_IOERR")
        ):
            raise _unwritable(path, error) from error
        if str(error).startswith(("no such table", "no such column")):
            raise _strange(path) from error
        return False
    return bool(verdict == "ok")


def _is_database(path: Path) -> bool:
    """Whether a file begins as those of SQLite do, damaged ones too."""
    with output_errors(path), path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _strange(path: Path) -> OutputError:
    """What is said of a file that this program did not make: it is never moved."""
    return OutputError(f"{path} is no state of a batch, and stays as it is; choose another file with --state")


def _move_aside(path: Path) -> Path:
    """Gives a damaged file and its companions another name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    with output_errors(path):
        path.rename(aside)
        for ending in ("-wal", "-shm"):
            try:
                path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
    return aside
