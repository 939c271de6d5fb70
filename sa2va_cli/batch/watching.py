"""A folder whose new files become jobs, once they have stopped growing and open cleanly.

Needs watchfiles, which the extra ``watch`` brings. Knows nothing about what is done with the files.
"""

import os
import stat
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.batch.kinds import kind_of
from sa2va_cli.batch.sources import Source, sources
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.runtime.extras import WATCH, require

if TYPE_CHECKING:
    import queue

SETTLED_SECONDS = 2.0
"""A file that has not changed for so long has stopped growing, if it opens as well."""

PATIENCE_SECONDS = 60.0
"""A file that does not open is taken after so long without a change all the same, so that it is told of."""

_LOOK_SECONDS = 1.0
"""How often a folder is looked at while a file may still grow, or if the system does not watch it."""


@dataclass(frozen=True)
class Watching:
    """A file is ready."""

    source: Source


@dataclass
class _Growing:
    """A file that is looked at until it is ready.

    Attributes:
        state: its size and the time of its last change.
        since: when it was seen like this first, on the computer's steady clock.
    """

    state: tuple[int, int] = (-1, -1)
    since: float = 0.0


@dataclass
class Nursery:
    """Files that may still grow.

    Attributes:
        settled_seconds: see ``SETTLED_SECONDS``.
        patience_seconds: see ``PATIENCE_SECONDS``.
    """

    settled_seconds: float = SETTLED_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    _files: dict[str, _Growing] = field(default_factory=dict)
    _ready: dict[str, tuple[int, int]] = field(default_factory=dict)

    def look(self, paths: Iterator[str], now: float) -> list[str]:
        """Looks at all files there are.

        Args:
            paths: of the files.
            now: seconds on a clock that only goes forward.

        Returns:
            Those that are ready, and were not so before in this state.
        """
        ready = []
        seen = set()
        for path in paths:
            try:
                found = Path(path).stat()
            except OSError:
                continue
            if not stat.S_ISREG(found.st_mode):
                continue
            seen.add(path)
            state = found.st_size, found.st_mtime_ns
            growing = self._files.setdefault(path, _Growing())
            if growing.state != state:
                growing.state, growing.since = state, now
            elif self._ready.get(path) != state and self._is_ready(path, now - growing.since):
                self._ready[path] = state
                ready.append(path)
        for gone in self._files.keys() - seen:
            del self._files[gone]
        return ready

    def _is_ready(self, path: str, quiet_seconds: float) -> bool:
        if quiet_seconds < self.settled_seconds:
            return False
        return quiet_seconds >= self.patience_seconds or _opens(path)

    @property
    def is_waiting(self) -> bool:
        """Whether a file is not ready yet."""
        return any(self._ready.get(path) != growing.state for path, growing in self._files.items())


def _opens(path: str) -> bool:
    """Whether a file is a whole one, as far as can be told without decoding it."""
    from sa2va_cli.media.probe import find_source
    from sa2va_cli.tracks.log import Tracks

    try:
        if path.endswith(".sa2va"):
            return Tracks(Path(path)).condition.complete
        return not find_source(Path(path)).warnings
    except (InputError, UsageError):
        return False


@contextmanager
def watched(folder: Path, kind: str, said: "queue.Queue[Any]") -> Generator[None, None, None]:
    """Watches a folder and those below it; what is there already counts as new.

    Args:
        folder: the folder.
        kind: of the jobs, which says what endings files have.
        said: gets ``(-1, Watching)`` for each file that is ready.

    Raises:
        InputError: there is no such folder.
        UsageError: watchfiles is not installed.
    """
    require(WATCH, "--watch")
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder that can be watched")
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(folder, kind, said, stop), name="sa2va-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch(folder: Path, kind: str, said: "queue.Queue[Any]", stop: threading.Event) -> None:
    """Looks at the folder whenever something changes in it, and every second while a file may still grow."""
    endings = kind_of(kind).endings
    nursery = Nursery(SETTLED_SECONDS, PATIENCE_SECONDS)

    def look() -> None:
        found = {source.path: source for source in _present(folder, endings)}
        for path in nursery.look(iter(found), time.monotonic()):
            said.put((-1, Watching(found[path])))

    while not stop.is_set():
        place = _place(folder)
        if place is None:  # it is gone, perhaps with its disk, and may come back
            stop.wait(_LOOK_SECONDS)
            continue
        try:
            first = True
            for changed in _changes(folder, place, stop):
                if first or changed or nursery.is_waiting:
                    first = False  # only now nothing can appear unseen between a look and the next change
                    look()
        except OSError:  # it went before it was watched; or it has folders that cannot be, or too many
            look()
            stop.wait(_LOOK_SECONDS)


def _changes(folder: Path, place: tuple[int, int], stop: threading.Event) -> Generator[bool, None, None]:
    """Whether something has changed, again and again for as long as the folder is the one that it was."""
    from watchfiles import watch

    changes = watch(
        folder,
        stop_event=stop,
        rust_timeout=round(1000 * _LOOK_SECONDS),
        yield_on_timeout=True,
        debounce=400,
        raise_interrupt=False,
    )
    for change in changes:
        yield bool(change)
        if _place(folder) != place:  # the system watches a folder, and not its name
            return


def _place(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of its name; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _present(folder: Path, endings: frozenset[str]) -> list[Source]:
    try:
        return list(sources([os.fspath(folder)], endings))
    except (InputError, OSError):  # it is empty, or cannot be looked into now
        return []
