"""Files and folders that appear under their name only when they are complete, and never take another's place.

They grow under a hidden name beside the final one, on the same disk, so that the last step is a rename. The
hidden name says which process made it, so that what a killed one leaves is told from what is being written.
Knows nothing about what is written into them.
"""

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, Self

from sa2va_cli.authorship import stranger_in
from sa2va_cli.datatypes import Publication
from sa2va_cli.errors import OutputError
from sa2va_cli.processes import Process

_STEM_BYTES, _ENDING_BYTES = 60, 16
"""What a hidden name keeps of the final one: with all else it stays within the 143 bytes that the strictest
file system in use (eCryptfs) allows; others allow 255."""

_HIDDEN = re.compile(
    r"\.(?P<stem>.*)\.(?P<use>tmp|old)-(?P<process>[0-9a-f]{8}-[0-9a-f]{8}-\d+-\d+)-[0-9a-f]{8}"
    r"(?P<ending>\.[^.]*)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Hidden:
    """What the name of a hidden file or folder says.

    Attributes:
        name: what it is hidden from: the final name, cut where that is long.
        use: ``tmp`` for what is being written, ``old`` for what is about to be replaced.
        process: who made it.
    """

    name: str
    use: Literal["tmp", "old"]
    process: Process

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Reads a name that ``staged`` made; None for any other."""
        match = _HIDDEN.fullmatch(name)
        process = match and Process.parse(match["process"])
        if match is None or process is None:
            return None
        return cls(
            match["stem"] + (match["ending"] or ""), "tmp" if match["use"] == "tmp" else "old", process
        )


def staged(path: Path, use: Literal["tmp", "old"] = "tmp") -> Path:
    """Returns a hidden, unused name beside ``path``.

    It keeps the ending, so that programs which look at endings treat it alike.
    """
    stem, ending = _cut(path.name)
    return path.with_name(f".{stem}.{use}-{Process.current()}-{secrets.token_hex(4)}{ending}")


def short_name(path: Path) -> str:
    """The part of a final name that its hidden names keep: ``Hidden.name``."""
    return "".join(_cut(path.name))


def _cut(name: str) -> tuple[str, str]:
    path = Path(name)
    ending = path.suffix if len(os.fsencode(path.suffix)) <= _ENDING_BYTES else ""
    # A letter takes several bytes, and none is cut in two.
    return os.fsencode(path.stem)[:_STEM_BYTES].decode("utf-8", "ignore"), ending


def reserve_beside(path: Path) -> Path:
    """Creates an empty hidden file beside ``path`` and returns its name; missing folders are made.

    Raises:
        OutputError: when the folder cannot be made or written to.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    hidden = staged(path)
    with output_errors(path):
        _make_folders(path.parent)
        hidden.open("xb").close()
    return hidden


def _make_folders(folder: Path) -> None:
    """Makes a folder and those above it, but never again a hidden one, with which its files have vanished."""
    if Hidden.parse(folder.name) is None and not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True)


def check_replaceable(
    path: Path, *, folder: bool, stranger: Callable[[Path], Path | None] = stranger_in
) -> None:
    """Checks that an output may take the place of what is at ``path``, if there is anything.

    A file may be replaced by a file. A folder goes as a whole, so it must hold nothing but what this program
    made.

    Args:
        path: the final name.
        folder: whether the output is a folder, not a file.
        stranger: finds something in a folder that must not be lost.

    Raises:
        OutputError: something is there that is never replaced, or it cannot be looked at.
    """
    with output_errors(path):
        if not path.exists():
            return
        if path.is_dir() != folder:
            kinds = ("a file", "a folder")
            raise OutputError(
                f"{path} is {kinds[not folder]}, and the output is {kinds[folder]}; choose another name"
            )
        if not folder:
            if not path.is_file():
                raise OutputError(f"{path} is neither a file nor a folder; choose another name")
            return
        if path.is_symlink():
            raise OutputError(f"{path} is a link to a folder; give the name of that folder, {path.resolve()}")
        found = stranger(path)
        if found is not None:
            raise OutputError(
                f"{path} holds {found.relative_to(path)}, which this program did not make, or which was "
                "changed since; such a folder is never replaced: move it away, or choose another -o"
            )


def publish(
    part: Path,
    path: Path,
    how: Publication | None = None,
    *,
    stranger: Callable[[Path], Path | None] = stranger_in,
) -> None:
    """Gives a finished file or folder its final name; what was there before goes only when that worked.

    Args:
        part: what is finished.
        path: its final name.
        how: whether what is there may be replaced, as it may where nothing is said, and who looks at ``part``
            before.
        stranger: see ``check_replaceable``, which has the last word.

    Raises:
        OutputError: when the file system refuses, or what is there is not to be replaced; then ``part`` keeps
            a name beside it that the message tells.
    """
    how = how or Publication()
    with output_errors(path):
        folder = stat.S_ISDIR(part.stat().st_mode)  # it may have vanished
        if how.inspect is not None:
            how.inspect(part)
        if not how.replaces:
            if not _named_anew(part, path):
                raise _kept_beside(part, path)
            return
        check_replaceable(path, folder=folder, stranger=stranger)
        if not path.is_dir():
            part.replace(path)
            return
        old = staged(path, "old")
        path.rename(old)
        try:
            part.rename(path)
        except OSError:
            old.rename(path)
            raise
        discard(old)


def _named_anew(part: Path, path: Path) -> bool:
    """Gives something a name unless that is taken, and says whether it did."""
    if os.path.lexists(path):
        return False
    if part.is_dir():
        part.rename(path)  # fails where a folder has come meanwhile, unless that is empty
        return True
    try:
        path.hardlink_to(part)  # a rename would replace what comes meanwhile
    except FileExistsError:
        return False
    except OSError:  # not every file system has links
        part.rename(path)
    else:
        part.unlink()
    return True


def _kept_beside(part: Path, path: Path) -> OutputError:
    """Gives what would have replaced something a free name like it, and returns the error that tells it."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    kept = next(name for name in names if _named_anew(part, name))
    return OutputError(
        f"{path} was made by another program during the run, and is left as it is; what this run made is "
        f"kept as {kept}"
    )


def discard(path: Path) -> None:
    """Removes a file or a folder, if it is there; never raises, as it runs while an error is on its way."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def atomic(path: Path, how: Publication | None = None) -> Iterator[Path]:
    """Yields a hidden file to write to; renames it on success and removes it on any exception.

    Args:
        path: its final name.
        how: see ``publish``.
    """
    hidden = reserve_beside(path)
    try:
        yield hidden
        publish(hidden, path, how)
    except BaseException:
        discard(hidden)
        raise


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says about writing ``path`` into an error for the user.

    Raises:
        OutputError: an OSError happened inside.
    """
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def require_temporary_folder() -> str:
    """Where temporary files go.

    Raises:
        OutputError: nowhere can one be written.
    """
    try:
        return tempfile.gettempdir()
    except OSError as error:
        raise OutputError(
            f"there is no folder for temporary files: {error.strerror or error}; "
            "set TMPDIR to one that can be written to"
        ) from error


def output_error(path: Path, error: BaseException) -> OutputError:
    """Puts what went wrong while writing ``path`` into one line for the user."""
    number = getattr(error, "errno", None)
    if number == errno.ENOSPC:
        return OutputError(f"cannot write {path}: no space left on the disk; free some or choose another -o")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(
            f"cannot write {path}: no permission to write into {path.parent}; choose another -o"
        )
    if number == errno.EFBIG:
        return OutputError(f"cannot write {path}: the file grew larger than the disk or a limit allows")
    if number in (errno.ENOTDIR, errno.EEXIST):
        return OutputError(f"cannot write {path}: a part of {path.parent} is a file, not a folder")
    if isinstance(number, int) and number > 0:
        return OutputError(f"cannot write {path}: {os.strerror(number)}")
    text = " ".join(str(error).split()) or type(error).__name__
    return OutputError(f"cannot write {path}: {text}")
