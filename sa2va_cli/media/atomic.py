"""Files that appear under their name only when they are complete.

Knows nothing about what is written into them.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sa2va_cli.errors import OutputError


def reserve_beside(path: Path) -> Path:
    """Creates an empty hidden file in the folder of ``path`` and returns its name.

    It keeps the ending of ``path``, so that programs which look at endings treat it alike, and lies on the
    same disk, so that it can be renamed into place in one step. Missing folders are made.

    Raises:
        OutputError: when the folder cannot be made or written to.
    """
    try:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; give a file name")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names are limited to 255 bytes on common file systems: the hidden name must not be the longer one.
        hidden = path.with_name(f".{path.stem[:60]}.tmp-{secrets.token_hex(4)}{path.suffix}")
        hidden.open("xb").close()
    except OSError as error:
        raise output_error(path, error) from error
    return hidden


def publish(hidden: Path, path: Path) -> None:
    """Renames a complete hidden file into place, replacing what was there.

    Raises:
        OutputError: when the file system refuses.
    """
    try:
        hidden.replace(path)
    except OSError as error:
        raise output_error(path, error) from error


def discard(hidden: Path) -> None:
    """Removes a hidden file; never raises, as it runs while another error is on its way."""
    with suppress(OSError):
        hidden.unlink(missing_ok=True)


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
