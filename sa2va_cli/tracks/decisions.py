"""What a person decided about tracks, in the file of their review, for everybody who uses tracks afterwards.

A decision is about the tracks as they were then: where others have taken their place, nothing was decided.
The file lies beside the tracks, ``NAME.review.json`` beside ``NAME.tracks.sa2va``; what else is in it is
known to ``review`` alone.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sa2va_cli.errors import InputError, UsageError

TRACKS_ENDING = ".tracks.sa2va"
REVIEW_ENDING = ".review.json"

Status = Literal["new", "tracked", "accepted", "corrected", "rejected"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Decision:
    """What a person decided about a clip.

    Attributes:
        status: what.
        reason: why.
        of: ``mark`` of the tracks that it is about; empty where that was not written down.

    Raises:
        UsageError: the status is none.
    """

    status: Status = "tracked"
    reason: str | None = None
    of: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise UsageError(f"status {self.status!r} is unknown; choose from {', '.join(STATUSES)}")

    @property
    def document(self) -> dict[str, Any]:
        """The decision as JSON has it."""
        return {"status": self.status, "reason": self.reason}

    @property
    def record(self) -> dict[str, Any]:
        """The decision as it is kept beside the tracks."""
        return self.document | {"of": self.of}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "Decision":
        """Reads what ``record`` made.

        Raises:
            KeyError: it is something else; so are the others.
            TypeError: see above.
            UsageError: see above.
        """
        return cls(record["status"], record["reason"], str(record.get("of", "")))


def stem_of(path: Path) -> str:
    """The part of the name of a tracks file, or of a video, that names of what belongs to it begin with."""
    if path.name.endswith(TRACKS_ENDING):
        return path.name.removesuffix(TRACKS_ENDING)
    return path.stem


def review_file(path: Path) -> Path:
    """Where the review of a tracks file lies."""
    return path.with_name(stem_of(path) + REVIEW_ENDING)


def decision_on(path: Path) -> Decision | None:
    """What was decided about a tracks file; None for nothing that could be read, or about other tracks."""
    try:
        record = json.loads(review_file(path).read_bytes())["decision"]
        decision = None if record is None else Decision.read(record)
        return decision if decision is None or decision.of in ("", mark(path)) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError, UsageError):
        return None


def mark(path: Path) -> str:
    """What a tracks file is known by: its size, and its head and its end. Empty where there is none.

    Raises:
        InputError: it cannot be read.
    """
    known = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            known.update(str(size).encode())
            for begin in (0, max(0, size - _MARKED_BYTES)):
                file.seek(begin)
                known.update(file.read(_MARKED_BYTES))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return known.hexdigest()[:32]


_MARKED_BYTES = 1 << 16
