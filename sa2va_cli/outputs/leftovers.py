"""What killed runs leave behind: hidden files and folders whose process is gone, and their locks.

Knows nothing about what is in them. What belongs to a process that may still run is never touched.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.locks import ENDING, is_abandoned, remove_abandoned
from sa2va_cli.staging import Hidden, discard, output_errors, require_temporary_folder, short_name


@dataclass(frozen=True)
class Leftover:
    """One thing that a run left, or is still writing.

    Attributes:
        path: the hidden file or folder.
        size: bytes, of a folder all that is in it.
        state: ``unfinished`` for what nobody will complete; ``replaced`` for an earlier output that was about
            to be replaced, and has been; ``wanted`` for one that has not, so that it gets its name back;
            ``lock``; ``running`` and ``elsewhere`` for what belongs to a process that runs, or to another
            computer or container: these two are left alone.
    """

    path: Path
    size: int
    state: str

    @property
    def is_dead(self) -> bool:
        """Whether it may go."""
        return self.state not in ("running", "elsewhere")


def find_leftovers(folder: Path, *, recursive: bool = False) -> Iterator[Leftover]:
    """Looks for what runs left in a folder; links are not followed.

    Raises:
        OutputError: the folder is not there, or cannot be looked into.
    """
    with output_errors(folder):
        entries = sorted(folder.iterdir())
    for path in entries:
        state = _state(path)
        if state is not None:
            yield Leftover(path, _size(path), state)
        elif recursive and path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK | os.X_OK):
            yield from find_leftovers(path, recursive=True)


def find_temporary() -> Iterator[Leftover]:
    """Looks for what this user's runs left in the folder for temporary files: streams that came in, and logs.

    There is nothing where no such folder can be written to.
    """
    with suppress(OutputError, OSError):
        for path in sorted(Path(require_temporary_folder()).glob(".*")):
            state = _state(path) if Hidden.parse(path.name) else None
            if state is not None and _is_own(path):
                yield Leftover(path, _size(path), state)


def _is_own(path: Path) -> bool:
    """Whether it belongs to whoever runs this; others share the folder."""
    with suppress(OSError, AttributeError):  # not every system has users by number
        return path.lstat().st_uid == os.getuid()
    return False


def leftovers_of(path: Path) -> list[Leftover]:
    """What killed runs left of one output."""
    name = short_name(path)
    found = []
    for entry in path.parent.glob(".*"):
        hidden = Hidden.parse(entry.name)
        state = _state(entry) if hidden and hidden.name == name else None
        if state in ("unfinished", "replaced", "wanted"):
            found.append(Leftover(entry, _size(entry), state))
    return found


def clear(leftovers: Iterable[Leftover]) -> list[Leftover]:
    """Removes what is dead, and gives an earlier output that was not replaced its name back.

    Returns:
        What is gone.
    """
    gone = []
    for leftover in leftovers:
        if leftover.state == "wanted":
            hidden = Hidden.parse(leftover.path.name)
            assert hidden is not None  # noqa: S101  (so it was found)
            with output_errors(leftover.path):
                leftover.path.rename(leftover.path.with_name(hidden.name))
        elif leftover.state == "lock":
            remove_abandoned(leftover.path)
        elif leftover.is_dead:
            discard(leftover.path)
        if not os.path.lexists(leftover.path):
            gone.append(leftover)
    return gone


def _state(path: Path) -> str | None:
    """What something is to us; None for what no run left."""
    if path.name.startswith(".") and path.name.endswith(ENDING):
        return "lock" if is_abandoned(path) else "running"
    hidden = Hidden.parse(path.name)
    if hidden is None:
        return None
    if not hidden.process.is_gone:
        return "running" if hidden.process.is_local else "elsewhere"
    if hidden.use == "tmp":
        return "unfinished"
    return "replaced" if os.path.lexists(path.with_name(hidden.name)) else "wanted"


def _size(path: Path) -> int:
    """Bytes of a file, or of everything in a folder; 0 for what vanishes meanwhile."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(map(_size, path.iterdir()))
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
