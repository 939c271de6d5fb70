"""From the clauses of a sentence to edits: which words belong together, and whose target is meant.

Knows nothing about any language.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sa2va_cli.editing.grammar.lexicon import Meaning
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.plan import FOUND, Edit, Target
from sa2va_cli.editing.times import WHOLE, Span
from sa2va_cli.errors import UsageError

_MOST_PIECES = 16
"""Longer sentences are no instructions, and every further piece may double the work."""


@dataclass(frozen=True)
class Clause:
    """One part of a sentence.

    Attributes:
        words: as they were written.
        meaning: what is done; None for a time alone, which is about what follows.
        target: what it is done to; None where another clause says it.
        span: when; None where nothing is said.
        verb: of a clause that another one may leave out: "make X red and Y blue".
    """

    words: str
    meaning: Meaning | None
    target: Target | None = None
    span: Span | None = None
    verb: str = ""


Read = Callable[[str, "Clause | None"], Clause]
"""Reads one clause, given the last one; raises ``NotUnderstood``."""


def read_clauses(pieces: Sequence[str], joints: Sequence[str], read: Read) -> list[Clause]:
    """Finds out which pieces of a sentence make a clause: as many clauses as can all be understood.

    Args:
        pieces: what lies between the joints.
        joints: commas and words for "and", one fewer than pieces.
        read: reads one clause.

    Raises:
        NotUnderstood: there is no way to read all of them; says which part failed farthest on.
    """
    if len(pieces) > _MOST_PIECES:
        raise NotUnderstood(
            pieces[0], f"the sentence has more than {_MOST_PIECES} parts; give a plan as a file"
        )
    farthest: tuple[int, NotUnderstood] | None = None

    def from_piece(begin: int, last: Clause | None) -> list[Clause] | None:
        nonlocal farthest
        if begin == len(pieces):
            return []
        text = pieces[begin]
        for end in range(begin + 1, len(pieces) + 1):
            if end > begin + 1:
                text += joints[end - 2] + pieces[end - 1]
            try:
                clause = read(text, last)
            except NotUnderstood as reason:
                if farthest is None or begin > farthest[0]:
                    farthest = begin, reason
                continue
            rest = from_piece(end, clause if clause.meaning else last)
            if rest is not None:
                return [clause, *rest]
        return None

    found = from_piece(0, None)
    if found is None:
        assert farthest is not None  # noqa: S101  (nothing was read without a reason)
        raise farthest[1]
    return found


def assembled(clauses: Sequence[Clause]) -> tuple[Edit, ...]:
    """Makes edits of clauses.

    A time that stands alone is for all clauses that follow and have none of their own; a clause without a
    target is about the next one's ("blur and outline the dog").

    Raises:
        NotUnderstood: a clause lacks its target, or what its effect must be told.
    """
    edits: list[Edit] = []
    spoken: Span | None = None
    doing = [one for one in clauses if one.meaning is not None]
    if not doing:
        raise NotUnderstood(clauses[0].words if clauses else "", "it does not say what to do")
    shared = _shared(doing)
    for clause in _with_times_behind(clauses):
        if clause.meaning is None:
            spoken = clause.span
            continue
        following = shared.pop(0)
        target = clause.target or following
        if target is None:
            raise NotUnderstood(clause.words, "it does not say what is to be changed")
        span = clause.span or spoken or WHOLE
        if span.is_backwards:
            raise NotUnderstood(clause.words, "its end does not come after its beginning")
        edits.append(_edit(clause, clause.meaning, target, span))
    return tuple(_cut_out_once(edits))


def _cut_out_once(edits: Sequence[Edit]) -> list[Edit]:
    """As in "cut X out and make the background white": what is cut out lies on what is said next."""
    left: list[Edit] = []
    for edit in edits:
        last = left[-1] if left else None
        if (
            last is not None
            and (last.effect, last.parameters) == ("background", (("plate", "transparent"),))
            and (edit.effect, edit.target) == ("background", FOUND)
            and edit.span in (last.span, WHOLE)
        ):
            left[-1] = replace(last, parameters=edit.parameters)
        else:
            left.append(edit)
    return left


def _with_times_behind(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses, a time at the very end joined to the clause before it: "blur the dog, from 2 s".

    Raises:
        NotUnderstood: that clause has a time of its own.
    """
    *before, last = clauses
    if last.meaning is not None or not before:
        return [*clauses]
    if before[-1].span is not None:
        raise NotUnderstood(last.words, "it says two different times; repeat what is done then")
    return [*before[:-1], replace(before[-1], span=last.span)]


def _shared(doing: Sequence[Clause]) -> list[Target | None]:
    """For each clause the target of the next one that has a target."""
    shared: list[Target | None] = []
    following: Target | None = None
    for clause in reversed(doing):
        following = clause.target or following
        shared.append(following)
    return shared[::-1]


def _edit(clause: Clause, meaning: Meaning, target: Target, span: Span) -> Edit:
    """An edit.

    Raises:
        NotUnderstood: its effect lacks what it must be told, or is not for such a target.
    """
    try:
        return Edit(target, meaning.effect, meaning.told, span)
    except UsageError as error:
        raise NotUnderstood(clause.words, error.message) from error
