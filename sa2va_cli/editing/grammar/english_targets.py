"""What an English instruction is about: "the girl in red dress", "all faces", "everything else"."""

import re

from sa2va_cli.editing.grammar.lexicon import alternatives, english, is_colour
from sa2va_cli.editing.grammar.marks import MARK, Marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.plan import PICTURE, REST, Target

_DETERMINER = r"(?:the|an?|all|every|each|both|my|your|his|her|their|its|our|this|these|those|any|some|no)"
_BEFORE_DETERMINER = (
    r"(?:in|on|with|of|at|by|near|behind|under|over|from|to|next|beside|between|above|below|inside|into|against|around|without"
    r"|all|both|and|or|has|is|are|wears?|holds?|as|than|like|\w+ing|outside|off|across|along|through|for|front)"
)
_DANGLING = re.compile(
    rf"(?:\b(?:in|on|with|of|at|by|near|behind|under|over|from|to|into|and|or|as|not)|\b{_DETERMINER})$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"(?:it|them|her|him|that|this|those|these|they|she|he)", re.IGNORECASE)
_WHOLE = re.compile(
    r"(?:everything|all|(?:the\s+)?(?:(?:whole|entire|complete|full)\s+)?(?:picture|image|video|clip|frame|scene|shot|screen|photo)"
    r"|the\s+(?:whole|entire)\s+thing)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"(?:everything|all)\s+else|(?:the\s+)?(?:rest|background|backdrop|surroundings|others?)(?:\s+of\s+(?:the\s+)?(?:picture|image|video|clip|frame|scene))?",
    re.IGNORECASE,
)
_EXCEPT = (
    r"(?:except(?:\s+for)?|but(?:\s+not)?|apart\s+from|other\s+than|besides|aside\s+from|outside(?:\s+of)?"
    r"|around)"
)
_SURROUNDINGS = r"(?:the\s+)?(?:background|backdrop|surroundings|area|everything|scene)"
_OTHERS = (
    rf"(?:everything|all|anything|{_WHOLE.pattern})\s+{_EXCEPT}\s+(?P<subject>.+)",
    rf"{_SURROUNDINGS}\s+(?:of|behind|around|outside)(?:\s+of)?\s+(?P<subject>.+)",
)
"""All but something."""
_OBJECT = re.compile(r"(?:objects?\s+)?#?\d+(?:\s*(?:,|and|\+|&)\s*(?:objects?\s+)?#?\d+)*", re.IGNORECASE)
_PREPOSITION = re.compile(r"\b(?:with|in|wearing|between|of|on|near|behind|holding|from)\b", re.IGNORECASE)


def bare_words(text: str) -> str:
    """Words without what surrounds them."""
    return " ".join(text.split()).strip(" ,;:.")


def target_of(text: str, sentence: Marked, last: Target | None) -> Target:
    """Makes a target of words.

    Args:
        text: the words.
        sentence: they are of.
        last: what was spoken of before, which "it" means.

    Raises:
        NotUnderstood: they name nothing.
    """
    words = bare_words(text)
    if re.search(MARK, words):
        raise NotUnderstood(sentence.restored(words), "a target is words, without quotation marks or files")
    if not words:
        raise NotUnderstood(sentence.restored(text), "it does not say what is to be changed")
    special = _special(words, sentence, last)
    if special is not None:
        return special
    if re.search(r"\s(?:except(?:\s+for)?|but\s+not|apart\s+from)\s", words, re.IGNORECASE):
        raise NotUnderstood(
            words,
            'a target cannot take one thing from some others; name those, or say "everything except ..."',
        )
    return Target(tuple(_checked(part) for part in _parts(words)))


def _special(words: str, sentence: Marked, last: Target | None) -> Target | None:
    """What is no thing by its name: it, everything else, the whole picture, object 2; else None."""
    if _PRONOUN.fullmatch(words):
        if last is None:
            raise NotUnderstood(words, "nothing was spoken of before that it could mean")
        return last
    if _REST.fullmatch(words) or _WHOLE.fullmatch(words):
        return REST if _REST.fullmatch(words) else PICTURE
    if re.fullmatch(r"(?:its|their|her|his)\s+(?:background|surroundings)", words, re.IGNORECASE) and last:
        return Target(last.prompts, last.objects, inverse=True)
    for pattern in _OTHERS:
        if found := re.fullmatch(pattern, words, re.IGNORECASE):
            return _inverse(target_of(found["subject"], sentence, last), words)
    if _OBJECT.fullmatch(words) and re.search(r"object|#", words, re.IGNORECASE):
        return Target(objects=tuple(int(number) for number in re.findall(r"\d+", words)))
    return None


def _inverse(target: Target, words: str) -> Target:
    if target.inverse or target.picture:
        raise NotUnderstood(words, "it leaves nothing, or everything")
    return Target(target.prompts, target.objects, inverse=True)


def _parts(words: str) -> list[str]:
    """Splits "all faces and number plates" and "the dog and the cat", but not "the black and white dog"."""
    pieces = re.split(r"\s*,\s*(?:and\s+)?|\s+(?:and|as\s+well\s+as|or)\s+", words)
    joints = re.findall(r"\s*,\s*(?:and\s+)?|\s+(?:and|as\s+well\s+as|or)\s+", words)
    parts = [pieces[0]]
    for joint, piece in zip(joints, pieces[1:], strict=True):
        if _are_apart(parts[-1], piece):
            parts.append(piece)
        else:
            parts[-1] += joint + piece
    first = re.match(r"(all(?:\s+the)?|every|each|any)\s+", parts[0], re.IGNORECASE)
    if first is not None:
        parts = [
            part if re.match(rf"{_DETERMINER}\s", part, re.IGNORECASE) else first[0] + part for part in parts
        ]
    return parts


def _are_apart(left: str, right: str) -> bool:
    """Whether both sides of an "and" are things by themselves."""
    if re.search(r"\bbetween\b", left, re.IGNORECASE):
        return False
    if re.match(rf"{_DETERMINER}\s", right, re.IGNORECASE):
        return not _DANGLING.search(left)
    if is_colour(left.rsplit(maxsplit=1)[-1]) and is_colour(right.split(maxsplit=1)[0]):
        return False
    return _PREPOSITION.search(left) is None


def _checked(part: str) -> str:
    """A noun phrase that could be one.

    Raises:
        NotUnderstood: it ends in the middle, or a second instruction seems to be in it.
    """
    if _DANGLING.search(part):
        raise NotUnderstood(part, "something is missing at its end")
    if re.search(r"\b(?:at|from|to|until)\s+\d+(?:\.\d+)?$", part, re.IGNORECASE):
        raise NotUnderstood(part, "a time has a unit: 3 s, 0:03, frame 90, 50 %")
    begin = re.split(r"\b(?:who|that|which|whose)\b", part, maxsplit=1, flags=re.IGNORECASE)[0]
    inner = re.sub(rf"^{_DETERMINER}\s+(?:the\s+|of\s+)*", "", begin, flags=re.IGNORECASE)
    stray = re.search(rf"(?:^|\s)(?!{_BEFORE_DETERMINER}\s)(\S+)\s+{_DETERMINER}\s", inner, re.IGNORECASE)
    if stray is not None:
        raise NotUnderstood(
            part,
            f'it does not name one thing; is an "and" missing before {stray[1]!r}, or no effect called so',
        )
    if re.fullmatch(rf"(?:(?:{alternatives(english())})\s*)+", part, re.IGNORECASE):
        raise NotUnderstood(part, "it is an effect, and nothing that could be changed")
    return part
