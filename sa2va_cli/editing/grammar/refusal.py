"""What is said about a sentence that cannot be read: which part, what is nearest, and the explicit form."""

from difflib import get_close_matches
from typing import TYPE_CHECKING

from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.table import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEAREST = 3
_LIKENESS = 0.6
_SMALL = 3
"""Letters of words that are like every other."""


class NotUnderstood(Exception):  # noqa: N818  (it is no error until no other reading is left)
    """One reading of a part of a sentence has failed.

    Args:
        part: the words that were not understood.
        why: what is wrong with them.
    """

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"{part!r}: {why}")
        self.part = part
        self.why = why


def nearest_effects(words: str) -> tuple[str, ...]:
    """The effects whose names, or other words for them, are most like one of some words."""
    names = {word: row.name for row in EFFECTS.values() for word in (row.name, *row.english, *row.chinese)}
    candidates: Iterable[str] = (
        (words, *(word for word in words.split() if len(word) > _SMALL))
        if words.isascii()
        else (words, *_pairs(words))
    )
    found: list[str] = []
    for word in candidates:
        found += [names[one] for one in get_close_matches(word, names, _NEAREST, _LIKENESS)]
    return tuple(dict.fromkeys(found))[:_NEAREST]


def _pairs(words: str) -> list[str]:
    return [words[at : at + 2] for at in range(len(words) - 1)]


def refused(instruction: str, reason: NotUnderstood) -> UsageError:
    """The error of a sentence that cannot be read, as one line."""
    near = nearest_effects(reason.part.lower())
    guess = f"the nearest effects are {', '.join(near)}; " if near else ""
    shown = "" if reason.part == instruction else f" in {instruction!r}"
    return UsageError(
        f"cannot read {reason.part!r}{shown}: {reason.why}; {guess}"
        'say it as --target "the dog" --effect NAME, whose names sa2va edit --help lists'
    )
