"""English instructions that take the colour of another thing: "make the ball match the girl's dress"."""

import re
from collections.abc import Iterator

from sa2va_cli.editing.grammar.english_targets import target_of
from sa2va_cli.editing.grammar.english_words import MAKING
from sa2va_cli.editing.grammar.lexicon import Meaning
from sa2va_cli.editing.grammar.said import Context, Said, matching

_SAME = r"(?:(?:in\s+)?the\s+same\s+colou?r\s+as|(?:in\s+)?the\s+colou?r\s+of)"
_PATTERNS = (
    rf"(?:{MAKING})\s+(?P<target>.+?)\s+(?:to\s+)?match(?:ing)?\s+(?P<other>.+)",
    rf"(?:{MAKING}|give)\s+(?P<target>.+?)\s+(?:(?:to|into|with)\s+)?{_SAME}\s+(?P<other>.+)",
    r"match\s+(?P<target>.+?)\s+(?:to|with)\s+(?P<other>.+)",
)
_COLOUR_OF = re.compile(r"^the\s+colou?rs?\s+of\s+|(?:'s)?\s+colou?rs?$", re.IGNORECASE)


def matches(text: str, context: Context) -> Iterator[Said]:
    """As in "make X match Y", "dye X the same colour as Y", "match X to Y"."""
    for pattern in _PATTERNS:
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is None:
            continue
        last = context.last.target if context.last else None
        target, other = (_COLOUR_OF.sub("", found[name].strip()) for name in ("target", "other"))
        value = matching(target_of(other, context.sentence, last), other)
        yield Said(target, Meaning("recolour", (("colour", value),)))
        return
