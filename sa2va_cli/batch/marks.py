"""What an input or an output is known by when it is met again.

A mark is compared in two steps: by sizes and times, which is quick, and by contents where these differ, so
that a copied or touched file is no changed one. Knows nothing about jobs.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sa2va_cli.batch.sources import file_list
from sa2va_cli.errors import InputError
from sa2va_cli.pipeline.storage import FOLDER, Facts, facts_of, is_stored, there_is
from sa2va_cli.tracks.fingerprint import fingerprint


@dataclass(frozen=True)
class Mark:
    """Files at some moment.

    Attributes:
        files: how many.
        size: bytes of all.
        modified: nanoseconds of the newest, as the file system counts them.
        contents: what their contents are known by.
    """

    files: int
    size: int
    modified: int
    contents: str

    @classmethod
    def of(cls, files: Sequence[Path], also: Sequence[Path] = ()) -> Self | None:
        """Looks at an input's files; None where one is missing or cannot be read, or where there are none.

        Args:
            files: of which the first and the last are known by their contents, the others by their sizes.
            also: what is read with them, each known by its contents.
        """
        try:
            states = [file.stat() for file in (*files, *also)]
            if not all(stat.S_ISREG(state.st_mode) for state in states):  # a pipe would be waited for
                return None
            found = [fingerprint(files), *(fingerprint([one]) for one in also)]
        except (OSError, ValueError):
            return None
        contents = " ".join(f"{one.head[:16]}-{one.tail[:16]}-{one.sizes[:16]}" for one in found)
        size = sum(one.size for one in found)
        return cls(len(states), size, max(state.st_mtime_ns for state in states), contents)

    @classmethod
    def of_source(cls, path: str, also: Sequence[Path] = ()) -> Self | None:
        """Looks at an input, and at what else is read with it."""
        if is_stored(path):
            return cls._of_stored(path, also)
        try:
            files = file_list(path)
            return cls.of(files, also) if files else None
        except OSError:
            return None

    @classmethod
    def _of_stored(cls, url: str, also: Sequence[Path]) -> Self | None:
        """Looks at an input on storage, as far as that tells; it is not read."""
        with suppress(InputError):
            facts, more = facts_of(url), cls.of(also) if also else None
            if facts is not None and bool(also) == (more is not None):
                if more is None:
                    return cls(1, facts.size, 0, facts.version)
                size, contents = facts.size + more.size, f"{facts.version} {more.contents}"
                return cls(1 + more.files, size, more.modified, contents)
        return None

    @classmethod
    def read(cls, value: Mapping[str, Any] | None) -> Self | None:
        """Reads what ``as_json`` made; None for anything else."""
        try:
            return cls(**value) if value else None
        except TypeError:
            return None

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    def holds_for(self, path: str, also: Sequence[Path] = ()) -> bool | None:
        """Whether an input, and what is read with it, has the same contents still; None where it is gone."""
        if is_stored(path):
            found_now = Mark._of_stored(path, also)
            return None if found_now is None else found_now.contents == self.contents
        try:
            files = file_list(path)
            if not files:
                return None
            states = [file.stat() for file in (*files, *also)]
        except OSError:
            return None
        found = len(states), sum(one.st_size for one in states), max(one.st_mtime_ns for one in states)
        if found == (self.files, self.size, self.modified):
            return True
        now = Mark.of(files, also) if found[:2] == (self.files, self.size) else None
        return now is not None and now.contents == self.contents


def output_mark(path: Path) -> dict[str, Any]:
    """Describes a finished output: its bytes and, of a file, its contents; nothing for one that is gone."""
    try:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file()]
            return {"files": len(inside), "size": sum(file.stat().st_size for file in inside)}
        modified, found = path.stat().st_mtime_ns, fingerprint([path])
    except OSError:
        return {}
    contents = f"{found.head[:16]}-{found.tail[:16]}"
    return {"files": 1, "size": found.size, "contents": contents, "modified": modified}


def remote_mark(facts: Facts) -> dict[str, Any]:
    """Describes an output on storage."""
    return {"files": 1 if facts.version != FOLDER else 0, "size": facts.size, "contents": facts.version}


def is_as_marked(name: str, mark: Mapping[str, Any]) -> bool:
    """Whether an output is there and has the bytes it had; of a folder only whether it is there."""
    if is_stored(name):
        if mark.get("files") != 1:
            return is_there(name)
        facts = facts_of(name)
        return facts is not None and facts.size == mark.get("size")
    path = Path(name)  # a folder may hold a single file, but has no contents of its own
    return _is_file_as_marked(path, mark) if "contents" in mark else path.is_dir()


def _is_file_as_marked(path: Path, mark: Mapping[str, Any]) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    if found.st_size != mark.get("size") or not stat.S_ISREG(found.st_mode):
        return False
    if found.st_mtime_ns == mark.get("modified", found.st_mtime_ns):  # older states lack it
        return True
    return output_mark(path).get("contents") == mark.get("contents")


def is_there(name: str) -> bool:
    """Whether there is something of a name, be it a path or a URL."""
    return there_is(name) if is_stored(name) else os.path.lexists(name)
