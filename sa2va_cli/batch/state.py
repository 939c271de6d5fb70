"""What is known of the jobs of a batch, in one SQLite file beside the outputs.

One process writes it, which holds its lock; others may read at any time (write-ahead log). A file that is
damaged is moved aside. Knows nothing about how jobs are run.
"""

import errno
import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.batch.job import STATES, BatchJob, Outcome, State
from sa2va_cli.errors import InputError, OutputError
from sa2va_cli.outputs.locks import locked
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.decisions import TRACKS_ENDING, Decision, decision_on
from sa2va_cli.version import VERSION

NAME = "sa2va-batch.db"

_LOCKED_SECONDS = 60.0
"""How long another program, such as one that copies the file, may keep a batch at work from writing it."""

_SCHEMA = 1
_TABLES = """
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
_COLUMNS = (
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


def _row(values: Sequence[Any]) -> Row:
    named = dict(zip(_COLUMNS.split(", "), values, strict=True))
    named["source"] = os.fsdecode(named["source"])
    named["mark"] = json.loads(named["mark"]) if named["mark"] else None
    named["outputs"] = json.loads(named["outputs"])
    for name in ("warnings", "look_at"):
        named[name] = tuple(json.loads(named[name]))
    return Row(**named)


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
            run("INSERT OR REPLACE INTO batch VALUES ('run', ?)", (str(self._last_run() + 1),))
            self._run = self._last_run()
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
        found = self._connection.execute(f"SELECT {_COLUMNS} FROM jobs{where}", values)  # noqa: S608
        return {row.key: row for row in map(_row, found) if row.key in wanted}

    def _last_run(self) -> int:
        found = self._connection.execute("SELECT value FROM batch WHERE name = 'run'").fetchone()
        return int(found[0]) if found else 0

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
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_SCHEMA}; COMMIT;")
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
            if version and version != _SCHEMA:
                raise OutputError(f"{_of_another_version(path, version)}; choose another with --state")
            connection.execute(f"SELECT {_COLUMNS} FROM jobs LIMIT 1").fetchone()  # noqa: S608
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(
            ("SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_IOERR")
        ):
            raise _unwritable(path, error) from error
        if str(error).startswith(("no such table", "no such column")):
            raise _strange(path) from error
        return False
    return bool(verdict == "ok")


def _of_another_version(path: Path, version: int) -> str:
    return (
        f"{path} is the state of another version of this program (format {version}, and this one has "
        f"{_SCHEMA})"
    )


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


def state_path(given: Path) -> Path:
    """The state file that somebody means who names it, or the folder it lies in."""
    return given / NAME if given.is_dir() else given


def read_state(path: Path, states: Sequence[State] = STATES) -> Summary:
    """Reads the state of a batch, which may be at work.

    Args:
        path: the file.
        states: jobs in one of these are read one by one.

    Raises:
        InputError: there is no state file, or it is damaged.
    """
    from sa2va_cli.outputs.locks import check_unlocked

    if not path.is_file():
        raise InputError(f"{path}: there is no state of a batch; name its file or its folder")
    try:
        with closing(_opened_to_read(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version and version != _SCHEMA:
                raise InputError(f"{_of_another_version(path, version)}; ask that version")
            found = connection.execute("SELECT value FROM batch WHERE name = 'run'").fetchone()
            run = int(found[0]) if found else 0
            sums = connection.execute(
                "SELECT state, count(*), sum(frames), sum(seconds), "
                "sum(CASE state WHEN 'done' THEN clip_seconds ELSE 0 END) "
                "FROM jobs WHERE run = ? GROUP BY state",
                (run,),
            ).fetchall()
            marks = ", ".join("?" * len(states))
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE run = ? AND state IN ({marks}) ORDER BY place",  # noqa: S608
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
    return Summary(path, counts, int(totals[0]), totals[1], totals[2], active, tuple(map(_row, rows)))
