"""What a frame of words in an instruction gives, and what it may look at besides its words."""

from dataclasses import dataclass

from sa2va_cli.editing.grammar.clauses import Clause
from sa2va_cli.editing.grammar.lexicon import Meaning
from sa2va_cli.editing.grammar.marks import Marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.plan import Target
from sa2va_cli.render.effects.parameters import Match


@dataclass(frozen=True)
class Said:
    """What a frame of words gave.

    Attributes:
        target: its words, or a target that they stand for; None where another clause says it.
        meaning: what is done.
        verb: of a clause that the next may leave out.
    """

    target: str | Target | None
    meaning: Meaning
    verb: str = ""


@dataclass(frozen=True)
class Context:
    """What a frame may look at besides its words."""

    sentence: Marked
    last: Clause | None
    generative: bool


def matching(other: Target, words: str) -> str:
    """The colour of another thing, as the effect is told it.

    Args:
        other: the thing.
        words: that named it.

    Raises:
        NotUnderstood: it is not one thing.
    """
    named = (*other.prompts, *(f"#{number}" for number in other.objects))
    if len(named) != 1 or other.inverse:
        raise NotUnderstood(words, "a colour is taken from one thing")
    return str(Match(named[0]))
