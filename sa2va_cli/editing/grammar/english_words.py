"""Pieces of regular expressions for English instructions: effects, colours, degrees and small words."""

import re

from sa2va_cli.editing.grammar.lexicon import ENGLISH_COLOUR, alternatives, english

EFFECT = f"(?P<effect>{alternatives(english())})"
COLOUR = f"(?P<colour>{ENGLISH_COLOUR})"
ARTICLE = r"(?:(?:an?|the|some|its|their|her|his)\s+)?"
KIND_OF_LOOK = r"(?:[\s-]+(?:style|effect|look|filter|colou?r|painting|drawing|colou?red|version|mode))*"
A_LITTLE = (
    r"slightly|a\s+bit|a\s+little(?:\s+bit)?|subtly|gently|lightly|faintly|softly|subtle|soft|light|thin|fine"
    r"|weak|faint"
)
MUCH = (
    r"very(?:\s+much)?|much|strongly|heavily|a\s+lot|extremely|really|far|strong|heavy|thick|bold|wide"
    r"|intense|bright"
)
DEGREE = rf"(?:(?P<little>{A_LITTLE})|(?P<much>{MUCH}))"
ADJECTIVES = rf"(?:(?:{DEGREE}|{COLOUR}|(?P<pixels>\d+(?:\.\d+)?)\s*-?\s*(?:px|pixels?))\s+)*?"
MAKING = (
    r"make|turn|change|convert|transform|render|draw|paint|colou?r|tint|dye|show|restyle|styli[sz]e"
    r"|recolou?r|let|have|set"
)
COLOURING = re.compile(r"(?:paint|colou?r|tint|dye|recolou?r)$", re.IGNORECASE)
GREYS = ("grey", "gray")
LOOK = r"(?:(?:to\s+)?look(?:s|ing)?\s+)?"
INTO = rf"{LOOK}(?:(?:into|in|to|as|like|be|become|with)\s+)?"
INTO_COLOUR = rf"{LOOK}(?:(?:into|to|be|become)\s+)?"
"""Not "in": the girl in red is not to become red."""
ON = r"(?:to|on|onto|upon|around|over|for|under|below|behind|above|at|next\s+to|beside|of|from|with)"
