"""English instructions: "turn the girl in red dress into ink wash from 0:03 and blur everything else"."""

import re
from collections.abc import Iterator

from sa2va_cli.editing.grammar.clauses import Clause, assembled, read_clauses
from sa2va_cli.editing.grammar.english_frames import FRAMES
from sa2va_cli.editing.grammar.english_targets import target_of
from sa2va_cli.editing.grammar.english_times import mark_times
from sa2va_cli.editing.grammar.english_words import MAKING
from sa2va_cli.editing.grammar.language import Language, split_at
from sa2va_cli.editing.grammar.marks import marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.grammar.said import Context
from sa2va_cli.editing.plan import Edit

_POLITE = re.compile(
    r"^(?:\s*(?:please|kindly|now|just|also|ok(?:ay)?|hey|hi|first|finally|next|so|can\s+you|could\s+you|would\s+you|will\s+you"
    r"|i\s+want\s+(?:you\s+)?to|i(?:'d|\s+would)\s+like\s+(?:you\s+)?to|let's|let\s+us|help\s+me(?:\s+to)?|try\s+to)\b[\s,]*)+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(
    r"[\s,]*(?:please|thanks|thank\s+you|for\s+me|as\s+well|too)?[\s.!?]*$", re.IGNORECASE
)
_JOINT = re.compile(
    r"\s*(?:[,;.]\s+(?:and\s+)?(?:then\s+)?|,|;|\band\s+then\b|\band\s+also\b|\bthen\b|\band\b|\bplus\b|\bafter\s+that\b)\s*",
    re.IGNORECASE,
)
_BLACK_AND_WHITE = re.compile(r"black\s+and\s+white\b", re.IGNORECASE)
_WISH = re.compile(
    r"^i(?:'d|\s+would)?\s+(?:like|want)\s+(?!you\b|to\b)(?P<wanted>.+)"
    r"|^(?P<thing>.+?)\s+(?:should|must|has\s+to|needs\s+to)\s+(?P<state>(?:be|become|look|turn)\b.+)",
    re.IGNORECASE,
)
_WANTED = re.compile(r"(?P<thing>.+?)\s+to\s+(?:(?:be|become|look|turn)\s+)?(?P<state>.+)", re.IGNORECASE)
"""As in "I want X to be red", "X to glow"."""
_EXCEPT_BEHIND = re.compile(
    rf"^(?P<head>(?:{MAKING})\s+(?:everything|all))\s+(?P<result>.+?)\s+"
    r"(?P<rest>(?:except(?:\s+for)?|but(?:\s+not)?|apart\s+from|other\s+than|aside\s+from)\s+.+)$",
    re.IGNORECASE,
)
"""As in "make everything grey except X"."""
_SOMEWHERE = re.compile(
    r"\s+(?:from|in|out\s+of)\s+(?:the|this)\s+(?:scene|picture|video|clip|film|footage|image)$",
    re.IGNORECASE,
)
"""That a thing is in the picture says nothing about it."""
_NOT = re.compile(r"^(?:do\s+not|don't|dont|never|stop|undo|no|not)\b", re.IGNORECASE)
_IF = re.compile(
    r"\b(?:if|when|whenever|unless|gradually|slowly|quickly|randomly|sometimes)\b", re.IGNORECASE
)


def read_english(instruction: str, *, generative: bool = False) -> tuple[Edit, ...]:
    """Reads an instruction.

    Args:
        instruction: the sentence.
        generative: whether there is a back-end that makes anything of words.

    Raises:
        NotUnderstood: a part of it cannot be read.
    """
    sentence = marked(" ".join(instruction.replace("’", "'").split()))
    mark_times(sentence)
    text = _POLITE_END.sub("", _POLITE.sub("", sentence.text))
    pieces, joints = split_at(_joints(text), text)

    def read(part: str, last: Clause | None) -> Clause:
        return _clause(part, Context(sentence, last, generative))

    return assembled(read_clauses(pieces, joints, read))


def _joints(text: str) -> Iterator[re.Match[str]]:
    """Commas and words for "and", but not the one of "black and white"."""
    for found in _JOINT.finditer(text):
        if not _BLACK_AND_WHITE.match(text, max(0, found.start() - 5)):
            yield found


def _clause(part: str, context: Context) -> Clause:
    sentence = context.sentence
    text = " ".join(_POLITE.sub("", sentence.without_times(part)).split()).strip(" ,;:")
    text = _SOMEWHERE.sub("", re.sub(r"\s+(?:only|just)$", "", text, flags=re.IGNORECASE))
    if wish := _WISH.match(text):  # the same said as an instruction
        wanted = wish["wanted"] or f"{wish['thing']} {wish['state']}"
        if wish["wanted"] and (inner := _WANTED.fullmatch(wanted)):
            wanted = f"{inner['thing']} {inner['state']}"
        text = f"make {wanted}"
    if behind := _EXCEPT_BEHIND.match(text):
        text = f"{behind['head']} {behind['rest']} {behind['result']}"
    return _ENGLISH.clause(text, part, context)


def _unknown(text: str, context: Context) -> NotUnderstood:
    """Why no frame fits: the verb is unknown, or what something is to become."""
    if found := re.match(rf"(?:{MAKING})\s+(.+)$", text, re.IGNORECASE):
        result = re.search(r"\s(?:into|to|like|as)\s+(.+)$", found[1], re.IGNORECASE)
        part = context.sentence.restored(result[1] if result else found[1])
        return NotUnderstood(
            part, "no effect makes that; only a generative --backend can make anything of words"
        )
    if found := re.match(r"(?:add|apply|put|give|use)\s+(.+)$", text, re.IGNORECASE):
        return NotUnderstood(context.sentence.restored(found[1]), "no effect is called so")
    first = text.split(maxsplit=1)[0]
    return NotUnderstood(context.sentence.restored(first), "no effect is called so")


_ENGLISH = Language(FRAMES, target_of, _unknown, _NOT, _IF, "from 2 s to 5 s")
