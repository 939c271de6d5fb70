"""Files and folders that appear under their final name only when they are complete.

They grow under a hidden name beside the final one, so that the last step is a rename within one file system.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from sa2va_cli.errors import OutputError


def staged(path: Path) -> Path:
    """Returns a hidden, unused name beside ``path``, of a length that any file system takes."""
    return path.with_name(f".sa2va-{uuid4().hex[:12]}.part")


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
    """Gives a finished file or folder its final name; what was there before goes only when that worked."""
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
    """Removes a file or a folder, if it is there; never raises."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says about writing ``path`` into an error for the user.

    Raises:
        OutputError: an OSError happened inside.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(
            f"cannot write {path}: {reason}; check the folder's rights and free space"
        ) from error
