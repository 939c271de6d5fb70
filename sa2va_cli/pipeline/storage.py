"""Inputs and outputs on object storage, named by URLs that fsspec knows: ``s3://bucket/shots/a.mp4``.

An input is read in ranges into a cache on this computer, which is bounded, as video must be read out of
order and more than once. An output is made here and appears under its name only when all of it is there.

A URL may come from a list that somebody else wrote, so it says what is read and nothing else: no host, user,
option, or second URL behind the first. Where a storage is, and who may use it, is told by the settings of
its own library (such as ``AWS_ENDPOINT_URL``). Knows nothing about what is in a file.
"""

import hashlib
import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.events import Notice, Progress, Report
from sa2va_cli.pipeline.fetching import cache_folder
from sa2va_cli.processes import Process
from sa2va_cli.runtime.extras import GCSFS, S3FS, Extra, require
from sa2va_cli.staging import atomic, output_errors

_RANGE_BYTES = 8 << 20
"""What is read in one piece, and between two looks whether somebody wants to stop."""

_PART_BYTES = 16 << 20
"""Of an upload in several parts; S3 takes up to 10,000 of them, so files may have 160 GB."""

_USUAL_CACHE_BYTES = 50 << 30
_CACHE_BYTES = "SA2VA_CACHE_BYTES"


@dataclass(frozen=True)
class Storage:
    """One kind of storage.

    Attributes:
        extra: what it needs; None for nothing.
        is_atomic: whether a file appears there only when all of it was sent.
    """

    extra: Extra | None
    is_atomic: bool


STORAGES: Mapping[str, Storage] = {
    "s3": Storage(S3FS, is_atomic=True),
    "gs": Storage(GCSFS, is_atomic=True),
    "hf": Storage(None, is_atomic=True),
    "file": Storage(None, is_atomic=False),
    "memory": Storage(None, is_atomic=False),
}
"""By the scheme of their URLs."""

FOLDER = "folder"
"""The version of an output that is a folder: what is in it is not looked at again."""

_URL = re.compile(r"([a-z][a-z0-9+.:-]*)://", re.IGNORECASE)
_PLAIN = re.compile(r"[a-z0-9]+://(/[^?#]+|[^/@:?#]+(/[^?#]*)?)")


def is_stored(text: str) -> bool:
    """Whether a name is the URL of something on storage; those of the web are ``fetching``'s."""
    found = _URL.match(text)
    return found is not None and found[1].lower() not in ("http", "https")


def check_stored(url: str) -> Storage:
    """Makes sure that a URL can be meant.

    Raises:
        UsageError: its scheme is not known, its library is not installed, or it says more than what is read.
    """
    scheme = url.partition("://")[0]
    if scheme not in STORAGES:
        known = ", ".join(f"{name}://" for name in STORAGES)
        raise UsageError(f"{url}: URLs of this kind are not known; choose http://, https://, {known}")
    if not _PLAIN.fullmatch(url) or "::" in url or ".." in PurePosixPath(url).parts:
        raise UsageError(
            f"{url}: a URL of storage is {scheme}:// and a plain name, without a user, an option, '..', or "
            "another URL behind '::'; settings of the storage's own library say the rest"
        )
    storage = STORAGES[scheme]
    if storage.extra is not None:
        require(storage.extra, f"{scheme}://")
    return storage


def file_system(url: str) -> Any:
    """What fsspec has for a URL.

    Raises:
        UsageError: see ``check_stored``.
    """
    check_stored(url)
    import fsspec

    return fsspec.filesystem(url.partition("://")[0])


@dataclass(frozen=True)
class Facts:
    """What storage says of a file.

    Attributes:
        size: in bytes.
        version: another one for other contents, as far as the storage tells.
    """

    size: int
    version: str


def facts_of(url: str, *, anew: bool = False) -> Facts | None:
    """What is known of a file; None where there is none.

    Args:
        url: of the file.
        anew: whether the storage is asked although a listing has told.

    Raises:
        InputError: the storage cannot be asked.
        UsageError: see ``check_stored``.
    """
    system = file_system(url)
    with _input_errors(url):
        if anew:
            system.invalidate_cache()
        try:
            info = system.info(url)
        except FileNotFoundError:
            return None
    if info.get("type") != "file":
        return None
    names = ("ETag", "etag", "md5Hash", "blob_id", "mtime", "created", "LastModified", "last_modified")
    told = [f"{name}={info[name]}" for name in names if info.get(name)]
    digest = hashlib.sha256("\n".join([str(info["size"]), *told]).encode()).hexdigest()
    return Facts(int(info["size"]), digest[:32])


def there_is(url: str) -> bool:
    """Whether a file is there, or something in a folder.

    Raises:
        InputError: the storage cannot be asked.
    """
    with _input_errors(url):
        return bool(file_system(url).exists(url))


def stored_files(url: str, endings: frozenset[str]) -> list[str]:
    """The URLs below a folder that have known endings, or that fit a pattern, in order; none for a file.

    Raises:
        InputError: the storage cannot be asked, or the bucket or repository is not there.
        UsageError: see ``check_stored``.
    """
    system = file_system(url)
    scheme = url.partition("://")[0]
    with _input_errors(url):
        if any(sign in url for sign in "*["):
            found = system.glob(url)
        elif url.endswith("/") or (not system.isfile(url) and system.isdir(url)):
            found = [name for name in system.find(url) if PurePosixPath(name).suffix.lower() in endings]
        else:
            return []
    names = sorted(f"{scheme}://{name if scheme == 'file' else name.lstrip('/')}" for name in found)
    return [name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts)]


# --- inputs ----------------------------------------------------------------------------------------

_AT_WORK: "Counter[Path]" = Counter()
_CHANGING = threading.Lock()


@contextmanager
def stored_copy(url: str, report: Report) -> Generator[Path, None, None]:
    """A copy of a file on this computer, which stays while it is needed, and longer if there is room.

    Raises:
        InputError: it cannot be had, or is larger than the cache may be.
        OutputError: the cache cannot be written.
        UsageError: see ``check_stored``.
    """
    facts = facts_of(url, anew=True)
    if facts is None:
        private = "; if its repository is private, set HF_TOKEN" if url.startswith("hf:") else ""
        raise InputError(f"{url}: there is no such file{private}")
    mark = hashlib.sha256(f"{url}\n{facts.version}".encode()).hexdigest()[:16]
    path = cache_folder() / "stored" / mark / PurePosixPath(url).name
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _used(path):
        if not path.is_file():
            _make_room(facts.size, url)
            _copy(url, facts, path, report)
        path.parent.touch()
        yield path


@contextmanager
def _used(path: Path) -> Generator[None, None, None]:
    """Says that a file of the cache is needed, to this process and to others."""
    sign = path.parent / f".{Process.current()}.use"
    with _CHANGING, output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _AT_WORK[path] += 1
        sign.touch()
    try:
        yield
    finally:
        with _CHANGING:
            _AT_WORK[path] -= 1
            if not _AT_WORK[path]:
                sign.unlink(missing_ok=True)


def cache_bytes() -> int:
    """How much the cache may hold.

    Raises:
        UsageError: ``SA2VA_CACHE_BYTES`` is no number.
    """
    given = os.environ.get(_CACHE_BYTES)
    if given is None:
        return _USUAL_CACHE_BYTES
    if not given.isdecimal():
        raise UsageError(f"{_CACHE_BYTES}={given} is no number of bytes, as in {_USUAL_CACHE_BYTES}")
    return int(given)


def _make_room(wanted: int, url: str) -> None:
    """Removes what was not needed for longest.

    Raises:
        InputError: what is needed now, and the file, are more than the cache may hold.
    """
    limit = cache_bytes()
    with _CHANGING:
        folders = [one for one in (cache_folder() / "stored").iterdir() if one.is_dir()]
        sizes = {one: _size_of(one) for one in folders}
        total = sum(sizes.values())
        for folder in sorted(folders, key=lambda one: one.stat().st_mtime_ns):
            if total + wanted <= limit:
                return
            if sizes[folder] and not _is_used(folder):
                shutil.rmtree(folder, ignore_errors=True)
                total -= sizes[folder]
    if total + wanted > limit:
        raise InputError(
            f"{url}: has {wanted / 1e9:.2f} GB, and the cache in {cache_folder()} may hold "
            f"{limit / 1e9:.2f}, of which {total / 1e9:.2f} are needed now; set {_CACHE_BYTES} to more"
        )


def _size_of(folder: Path) -> int:
    total = 0
    for file in folder.iterdir():
        with suppress(OSError):
            total += file.stat().st_size
    return total


def _is_used(folder: Path) -> bool:
    """Whether a process that may be at work needs what is in a folder."""
    for sign in folder.glob(".*.use"):
        process = Process.parse(sign.name[1 : -len(".use")])
        if process is None or process.is_gone:
            sign.unlink(missing_ok=True)
        else:
            return True
    return False


def _copy(url: str, facts: Facts, path: Path, report: Report) -> None:
    """Reads a file range by range; it appears in the cache when it is whole."""
    stage = f"reading {PurePosixPath(url).name}"
    with output_errors(path), atomic(path) as hidden, hidden.open("wb") as file:
        done = 0
        with _input_errors(url), file_system(url).open(url, "rb", block_size=_RANGE_BYTES) as stream:
            while piece := stream.read(_RANGE_BYTES):
                file.write(piece)
                done += len(piece)
                report(Progress(stage, done >> 20, facts.size >> 20, "MB"))
        if done != facts.size:
            raise InputError(f"{url}: {done} of {facts.size} bytes came; it was replaced while it was read")
    report(Notice(f"{url} was read into {path}", "detail"))


# --- outputs ---------------------------------------------------------------------------------------


def upload(path: Path, url: str) -> Facts:
    """Sends a file, or all files of a folder, each of which appears under its name when it is whole.

    Returns:
        What the storage says of it; of a folder the sizes of its files in all.

    Raises:
        OutputError: it could not be sent.
        UsageError: see ``check_stored``.
    """
    storage, system = check_stored(url), file_system(url)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        sent = [upload(file, f"{url}/{file.relative_to(path).as_posix()}") for file in files]
        return Facts(sum(one.size for one in sent), FOLDER)
    size = path.stat().st_size
    try:
        if storage.is_atomic:
            more = {"chunksize": _PART_BYTES} if url.startswith(("s3:", "gs:")) else {}
            system.put_file(str(path), url, **more)
        else:
            _send_and_rename(system, path, url)
        found = facts_of(url, anew=True)
    except OutputError:
        raise
    except Exception as error:  # each storage has errors of its own
        raise OutputError(f"{url}: cannot be written ({_reason(error)})") from error
    if found is None or found.size != size:
        there = "nothing" if found is None else f"{found.size} bytes"
        raise OutputError(f"{url}: {size} bytes were sent, and {there} arrived")
    return found


def _send_and_rename(system: Any, path: Path, url: str) -> None:
    place, _, name = url.rpartition("/")
    hidden = f"{place}/.{name}.{Process.current()}.tmp"
    system.makedirs(place, exist_ok=True)
    try:
        system.put_file(str(path), hidden)
        system.mv(hidden, url)
    except BaseException:
        with suppress(Exception):
            system.rm_file(hidden)
        raise


@contextmanager
def _input_errors(url: str) -> Generator[None, None, None]:
    """What storage says about reading, as an error for the user."""
    try:
        yield
    except (InputError, OutputError, UsageError):
        raise
    except Exception as error:  # each storage has errors of its own
        raise InputError(f"{url}: cannot be read ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:300]
