"""Files and folders that appear under their name only when they are complete.

They grow under a hidden name beside the final one, on the same disk, so that the last step is a rename.
Knows nothing about what is written into them.
"""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sa2va_cli.errors import OutputError


def staged(path: Path) -> Path:
    """Returns a hidden, unused name beside ``path``.

    It keeps the ending, so that programs which look at endings treat it alike, and stays within the 255 bytes
    that common file systems allow.
    """
    return path.with_name(f".{path.stem[:60]}.tmp-{secrets.token_hex(4)}{path.suffix}")


def reserve_beside(path: Path) -> Path:
    """Creates an empty hidden file beside ``path`` and returns its name; missing folders are made.

    Raises:
        OutputError: when the folder cannot be made or written to.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    hidden = staged(path)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden.open("xb").close()
    return hidden


def check_free(path: Path, *, folder: bool, overwrite: bool) -> None:
    """Checks that an output may appear at ``path``.

    Args:
        path: the final name.
        folder: whether the output is a folder, not a file.
        overwrite: whether an earlier output there may be replaced.

    Raises:
        OutputError: its folder does not exist, or something is there that must not be replaced.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    if not path.exists():
        return
    if path.is_dir() != folder:
        kinds = ("a file", "a folder")
        raise OutputError(
            f"{path} is {kinds[not folder]}, and the output is {kinds[folder]}; choose another name"
        )
    waits_empty = folder and not any(path.iterdir())
    if not overwrite and not waits_empty:
        raise OutputError(f"{path} exists already; choose another name or allow overwriting")


def publish(part: Path, path: Path) -> None:
    """Gives a finished file or folder its final name; what was there before goes only when that worked.

    Raises:
        OutputError: when the file system refuses.
    """
    with output_errors(path):
        if not path.is_dir():
            part.replace(path)
            return
        old = staged(path)
        path.rename(old)
        try:
            part.rename(path)
        except OSError:
            old.rename(path)
            raise
        discard(old)


def discard(path: Path) -> None:
    """Removes a file or a folder, if it is there; never raises, as it runs while an error is on its way."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a hidden file to write to; renames it on success and removes it on any exception."""
    hidden = reserve_beside(path)
    try:
        yield hidden
        publish(hidden, path)
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
