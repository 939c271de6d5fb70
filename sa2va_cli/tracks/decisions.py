"""What a person decided about tracks, in the file of their review, for everybody who uses tracks afterwards.

The file lies beside the tracks, ``NAME.review.json`` beside ``NAME.tracks.sa2va``; what else is in it is
known to ``review`` alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sa2va_cli.errors import UsageError

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

    Raises:
        UsageError: the status is none.
    """

    status: Status = "tracked"
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise UsageError(f"status {self.status!r} is unknown; choose from {', '.join(STATUSES)}")

    @property
    def document(self) -> dict[str, Any]:
        """The decision as JSON has it."""
        return {"status": self.status, "reason": self.reason}


def stem_of(path: Path) -> str:
    """The part of the name of a tracks file, or of a video, that names of what belongs to it begin with."""
    if path.name.endswith(TRACKS_ENDING):
        return path.name.removesuffix(TRACKS_ENDING)
    return path.stem


def review_file(path: Path) -> Path:
    """Where the review of a tracks file lies."""
    return path.with_name(stem_of(path) + REVIEW_ENDING)


def decision_on(path: Path) -> Decision | None:
    """What was decided about a tracks file; None for nothing that could be read."""
    try:
        document = json.loads(review_file(path).read_bytes())["decision"]
        return None if document is None else Decision(document["status"], document["reason"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UsageError):
        return None
