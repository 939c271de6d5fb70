"""One run for one output: a lock beside it that says which process writes it.

The lock is the operating system's (``flock``), so it ends with the process however that ends; what a killed
one leaves is an empty claim, which the next run takes over. Knows nothing about what is written.
"""

import errno
import hashlib
import json
import os
import platform
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sa2va_cli.errors import OutputError
from sa2va_cli.processes import Process
from sa2va_cli.staging import output_errors

try:
    import fcntl
except ImportError:  # not on Windows; there the process that the lock names is asked after
    fcntl = None  # type: ignore[assignment]

ENDING = ".sa2va-lock"
_NAME_BYTES = 100
_TRIES = 20
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems say that have no locks."""


def lock_name(path: Path) -> Path:
    """Where the lock of an output lies: hidden, beside it."""
    name = os.fsencode(path.name)
    cut = name[:_NAME_BYTES].decode("utf-8", "ignore")
    more = "" if cut == path.name else "-" + hashlib.sha256(name).hexdigest()[:8]
    return path.with_name(f".{cut}{more}{ENDING}")


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Keeps other runs away from an output; missing folders are made.

    Raises:
        OutputError: another run writes it, or nothing can be written there.
    """
    place = lock_name(path)
    with output_errors(path):
        handle = _take(place, path)
    try:
        yield
    finally:
        _release(handle, place)


def check_unlocked(path: Path) -> None:
    """Makes sure that no other run writes an output, without claiming it.

    Raises:
        OutputError: one does; says which process that is.
    """
    try:
        handle = os.open(lock_name(path), os.O_RDONLY)
    except OSError:  # there is none
        return
    try:
        if not _seize(handle):
            raise OutputError(_held(handle, path))
    finally:
        os.close(handle)


def is_abandoned(place: Path) -> bool:
    """Whether a lock is one that a killed run left."""
    try:
        handle = os.open(place, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _seize(handle)
    finally:
        os.close(handle)


def remove_abandoned(place: Path) -> None:
    """Takes a lock away that a killed run left; while it is looked at, no run can take it over."""
    with suppress(OSError):
        handle = os.open(place, os.O_RDONLY)
        try:
            if _seize(handle) and _is_at(handle, place):
                place.unlink()
        finally:
            os.close(handle)


def _take(place: Path, path: Path) -> int:
    """Opens and locks the file of a lock; a run that ends meanwhile takes it away, hence several tries."""
    for left in reversed(range(_TRIES)):
        try:
            handle = _open(place)
        except FileNotFoundError:
            if not left:
                raise
            place.parent.mkdir(parents=True, exist_ok=True)
            continue
        if not _seize(handle):
            held = _held(handle, path)
            os.close(handle)
            raise OutputError(held)
        try:
            if _is_at(handle, place):
                if _sign(handle):
                    return handle
                place.unlink()  # a killed run of somebody else left it
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    raise OutputError(f"{path}: other runs keep writing it; wait for them, or choose another -o")


def _open(place: Path) -> int:
    flags = getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(place, flags | os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not place.exists():
            raise
        return os.open(place, flags | os.O_RDONLY)


def _seize(handle: int) -> bool:
    """Locks an open file unless another process has it."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                return False
        else:
            return True
    process = Process.parse(str(_read(handle).get("process", "")))
    return process is None or process.is_gone


def _is_at(handle: int, place: Path) -> bool:
    """Whether an open file is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(handle), place.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _sign(handle: int) -> bool:
    """Writes into a lock whose it is; False where the file takes nothing."""
    owner = {"process": str(Process.current()), "id": os.getpid(), "host": platform.node()}
    try:
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, json.dumps(owner).encode())
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # then it is a lock without a name
    return True


def _held(handle: int, path: Path) -> str:
    owner = _read(handle)
    if owner.get("process") == str(Process.current()):
        return f"{path} is being written already by this run; give each output a name of its own with -o"
    who = f"process {owner['id']} on {owner['host']}" if {"id", "host"} <= owner.keys() else "another run"
    return f"{path} is being written by {who}; wait for it, end it, or choose another -o"


def _read(handle: int) -> dict[str, object]:
    with suppress(OSError, ValueError):
        os.lseek(handle, 0, os.SEEK_SET)
        owner = json.loads(os.read(handle, 4096))
        if isinstance(owner, dict):
            return owner
    return {}


def _release(handle: int, place: Path) -> None:
    """Removes a lock, if it is still there; never raises, as it may run while an error is on its way."""
    with suppress(OSError):
        if _is_at(handle, place):
            place.unlink()
    with suppress(OSError):
        os.close(handle)
