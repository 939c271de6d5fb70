"""The file beside the tracks in which a review lives: edits, how many of them count, what was decided.

It is written anew, in one step, at every change, so a program that is killed loses nothing. What the tracks
were when the first edit was made is kept under a hidden name from the first save on, and edits go on counting
from there; so a save can be undone, too. Knows nothing about masks.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.review.messages import line
from sa2va_cli.staging import discard, output_errors, staged
from sa2va_cli.tracks.decisions import Decision, stem_of
from sa2va_cli.tracks.edits import Correct, Edit, from_json, mentioned, to_json
from sa2va_cli.version import VERSION

FORMAT = 1
FOLDER_ENDING = ".review"


def review_folder(path: Path) -> Path:
    """Where its layers lie."""
    return path.with_name(stem_of(path) + FOLDER_ENDING)


@dataclass(frozen=True)
class Review:
    """Everything that a review is, but for the masks of its layers.

    Attributes:
        edits: all of them, those that were taken back too.
        done: how many of them count; the others can be done again.
        saved: how many counted when the tracks were saved last.
        revision: grows with every change.
        base: what the tracks were when the first edit was made: see ``mark``; empty before.
        written: what they were after the last save, and after the one before, which is what is there where a
            save was killed; empty before.
        decision: what a person decided.
    """

    edits: tuple[Edit, ...] = ()
    done: int = 0
    saved: int = 0
    revision: int = 0
    base: str = ""
    written: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def counting(self) -> tuple[Edit, ...]:
        """The edits that count."""
        return self.edits[: self.done]

    @property
    def unsaved(self) -> bool:
        """Whether the tracks are not what is seen."""
        return self.done != self.saved

    def edited(self, edit: Edit) -> "Review":
        """With one more edit; those that were taken back are gone."""
        kept = (*self.counting, edit)
        saved = self.saved if self.saved <= self.done else -1  # what was saved can be come back to no more
        return self._next(edits=kept, done=len(kept), saved=saved)

    def undone(self) -> "Review":
        """With the last edit taken back.

        Raises:
            UsageError: there is none.
        """
        if not self.done:
            raise UsageError(line("no_undo"))
        return self._next(done=self.done - 1)

    def redone(self) -> "Review":
        """With the next edit done again.

        Raises:
            UsageError: there is none.
        """
        if self.done == len(self.edits):
            raise UsageError(line("no_redo"))
        return self._next(done=self.done + 1)

    def with_edit(self, place: int, edit: Edit) -> "Review":
        """With another edit in the place of one."""
        return self._next(edits=(*self.edits[:place], edit, *self.edits[place + 1 :]))

    def without(self, place: int) -> "Review":
        """Without one of the edits that count, and without those that only made sense after it."""
        gone = self.edits[place]
        number = gone.object if isinstance(gone, Correct) and gone.new else None
        kept = [
            k
            for k, one in enumerate(self.edits)
            if k != place and not (k > place and number is not None and number in mentioned(one))
        ]
        done = sum(k < self.done for k in kept)
        saved = self.saved if self.saved <= place else -1
        return self._next(edits=tuple(self.edits[k] for k in kept), done=done, saved=saved)

    def written_as(self, known: str) -> "Review":
        """After a save that made tracks with a mark."""
        decision = self.decision and replace(self.decision, of=known)
        return self._next(saved=self.done, written=(*self.written[-1:], known), decision=decision)

    def decided(self, decision: Decision) -> "Review":
        """With what a person decided."""
        return self._next(decision=decision)

    def _next(self, **changes: Any) -> "Review":
        return replace(self, revision=self.revision + 1, **changes)

    def to_json(self) -> dict[str, Any]:
        """The review as JSON has it."""
        decision = self.decision and self.decision.record
        return {
            "format": FORMAT,
            "program": VERSION,
            "revision": self.revision,
            "done": self.done,
            "saved": self.saved,
            "base": self.base,
            "written": self.written,
            "decision": decision,
            "edits": [to_json(one) for one in self.edits],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Review":
        """Reads what ``to_json`` made.

        Raises:
            ValueError: it is something else.
        """
        try:
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']!r}, and this program reads {FORMAT}")
            decision = document["decision"]
            edits = tuple(from_json(one) for one in document["edits"])
            done = int(document["done"])
            if not 0 <= done <= len(edits):
                raise ValueError(f"{done} of {len(edits)} edits count")
            return cls(
                edits,
                done,
                int(document["saved"]),
                int(document["revision"]),
                str(document["base"]),
                tuple(str(one) for one in document["written"]),
                decision and Decision.read(decision),
            )
        except (KeyError, TypeError, AttributeError, OverflowError, UsageError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


def read_review(path: Path) -> Review | None:
    """Reads the review at a place; None where there is none.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        return Review.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a review that is understood ({error}); move it away") from error


def write_review(path: Path, review: Review) -> None:
    """Puts a review in the place of what was there, which stays if that fails.

    Raises:
        OutputError: it cannot be written.
    """
    hidden = staged(path)
    data = json.dumps(review.to_json(), ensure_ascii=False, indent=1).encode()
    try:
        with output_errors(path):
            with hidden.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(path)
    except BaseException:
        discard(hidden)
        raise
