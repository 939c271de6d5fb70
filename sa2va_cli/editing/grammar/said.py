"""What a frame of words in an instruction gives, and what it may look at besides its words."""

from dataclasses import dataclass

from sa2va_cli.editing.grammar.clauses import Clause
from sa2va_cli.editing.grammar.lexicon import Meaning
from sa2va_cli.editing.grammar.marks import Marked
from sa2va_cli.editing.plan import Target


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
