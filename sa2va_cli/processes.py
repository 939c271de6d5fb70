"""Who made something: a process that can be recognised later, and told from another that got its number.

Knows nothing about what was made.
"""

import hashlib
import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

_PROC = Path("/proc")
_TEXT = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)")


@dataclass(frozen=True)
class Process:
    """One process of one computer.

    Attributes:
        host: eight hexadecimal digits for the computer and, where it runs in a container, the container.
        boot: likewise for the time since the computer was started; zeros where that is not known.
        id: its number.
        started: when it started, in clock ticks since then (proc(5), field 22 of ``stat``); 0 where that is
            not known.
    """

    host: str
    boot: str
    id: int
    started: int

    @classmethod
    def current(cls) -> Self:
        """The process that asks."""
        _, started = _state(os.getpid()) or ("", 0)
        return cls(_host(), _boot(), os.getpid(), started)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Reads what ``str`` wrote; None for anything else."""
        match = _TEXT.fullmatch(text)
        return match and cls(match[1], match[2], int(match[3]), int(match[4]))

    def __str__(self) -> str:
        return f"{self.host}-{self.boot}-{self.id}-{self.started}"

    @property
    def is_local(self) -> bool:
        """Whether it runs, or ran, on this computer, where it can be looked for."""
        return self.host == _host()

    @property
    def is_gone(self) -> bool:
        """Whether it has certainly ended; False where that cannot be told, as on another computer."""
        if not self.is_local or os.name != "posix":
            return False
        return self.boot != _boot() or not _runs(self.id, self.started)


def _runs(number: int, started: int) -> bool:
    """Whether the process of this number is still the one that started then."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    except OverflowError:
        return False
    state = _state(number)
    if state is None:
        return True
    return state[0] not in ("Z", "X") and started in (0, state[1])


def _state(number: int) -> tuple[str, int] | None:
    """A process's state letter and start time; None where the system does not tell."""
    try:
        fields = (_PROC / str(number) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


@cache
def _host() -> str:
    # The first table of process ids has the same number on every Linux; those of containers differ.
    known = [platform.node(), _read(Path("/etc/machine-id"))]
    with suppress(OSError):
        known.append(str((_PROC / "self" / "ns" / "pid").stat().st_ino))
    return _digits("\n".join(known))


@cache
def _boot() -> str:
    identity = _read(_PROC / "sys" / "kernel" / "random" / "boot_id")
    return _digits(identity) if identity else "0" * 8


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
