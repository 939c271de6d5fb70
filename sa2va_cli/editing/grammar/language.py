"""What reading has in common in all languages: taking sentences apart, and trying frames of words on clauses.

Knows nothing about any language.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sa2va_cli.editing.grammar.clauses import Clause
from sa2va_cli.editing.grammar.marks import Marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.grammar.said import Context, Said
from sa2va_cli.editing.plan import Target

Frame = Callable[[str, Context], Iterator[Said]]
"""A way in which an instruction is put: gives what a text says if it is put so."""
TargetOf = Callable[[str, Marked, Target | None], Target]
"""Makes a target of words of a sentence, given the last target; raises ``NotUnderstood``."""


def split_at(joints: Iterable[re.Match[str]], text: str) -> tuple[list[str], list[str]]:
    """Takes a sentence apart; what is empty between two joints belongs to the first.

    Args:
        joints: commas and words for "and", in order.
        text: the sentence.

    Returns:
        The pieces, and the joints between them, one fewer.
    """
    pieces: list[str] = []
    between: list[str] = []
    begin = 0
    for found in joints:
        piece = text[begin : found.start()]
        if piece.strip():
            pieces.append(piece)
            between.append(found[0])
        elif between:
            between[-1] += found[0]
        begin = found.end()
    if text[begin:].strip() or not pieces:
        pieces.append(text[begin:])
    return pieces, between[: len(pieces) - 1]


@dataclass(frozen=True)
class Language:
    """What clauses of a language are read with.

    Attributes:
        frames: in the order in which they are tried.
        target_of: makes targets of words.
        unknown: says why no frame fits.
        negated: finds what says what not to do.
        conditional: finds what no plan can hold: conditions and gradual changes.
        times: an example of what it can hold instead.
    """

    frames: Sequence[Frame]
    target_of: TargetOf
    unknown: Callable[[str, Context], NotUnderstood]
    negated: re.Pattern[str]
    conditional: re.Pattern[str]
    times: str

    def clause(self, text: str, part: str, context: Context) -> Clause:
        """Reads a clause by the first frame that fits.

        Args:
            text: it, without times and polite words.
            part: it, as it stands in the sentence.
            context: what else a frame may look at.

        Raises:
            NotUnderstood: none fits.
        """
        sentence, last = context.sentence, context.last.target if context.last else None
        words, span = sentence.restored(part), sentence.span(part)
        if not text:
            if span is None:
                raise NotUnderstood(words, "there is nothing in it")
            return Clause(words, None, span=span)
        if self.negated.search(text):
            raise NotUnderstood(words, "it says what not to do; say what to do")
        if found := self.conditional.search(text):
            raise NotUnderstood(found[0], f"effects begin and end at times, such as {self.times}")
        reason: NotUnderstood | None = None
        for frame in self.frames:
            try:
                for said in frame(text, context):
                    target = said.target
                    if isinstance(target, str):
                        target = self.target_of(target, sentence, last)
                    return Clause(words, said.meaning, target, span, said.verb)
            except NotUnderstood as error:
                reason = reason or error
        raise reason or self.unknown(text, context)
