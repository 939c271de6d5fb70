"""English instructions about the background: "replace the background with plate.mp4", "cut out X"."""

import re
from collections.abc import Iterator

from sa2va_cli.editing.grammar.english_words import ARTICLE
from sa2va_cli.editing.grammar.lexicon import ENGLISH_COLOUR, Meaning, english
from sa2va_cli.editing.grammar.marks import MARK
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.grammar.said import Context, Said
from sa2va_cli.editing.plan import FOUND, Target

BACKGROUND = r"(?:(?:the|its|their|her|his)\s+)?(?:background|backdrop)"
OF_TARGET = r"(?:\s+(?:of|behind|around)\s+(?P<target>.+?))?"
_TRANSPARENT = re.compile(
    r"(?:made\s+)?(?:transparent|see-through|clear|nothing|none|invisible|alpha)", re.IGNORECASE
)


def _background_plate(text: str, context: Context) -> str | None:
    """What lies behind: a file, a colour, blur, grey, nothing; None for what is none of these."""
    said = context.sentence.texts(text)
    bare = re.sub(
        rf"^{ARTICLE}(?:(?:plain|solid|flat)\s+)?|\s+(?:background|backdrop|colou?r|screen)$",
        "",
        text.strip(),
        flags=re.IGNORECASE,
    ).strip()
    bare = re.sub(r"^(?:video|image|picture|photo|file|plate)\s+", "", bare, flags=re.IGNORECASE)
    if said and re.fullmatch(MARK, bare):
        return said[0]
    if re.fullmatch(ENGLISH_COLOUR, bare, re.IGNORECASE):
        return bare.lower()
    if re.fullmatch(r"blur(?:red|ry)?(?:\s+version)?", bare, re.IGNORECASE):
        return "blur"
    if re.fullmatch(r"(?:gr[ea]y(?:scale)?|black\s+and\s+white|monochrome)", bare, re.IGNORECASE):
        return "grey"
    return "transparent" if _TRANSPARENT.fullmatch(bare) else None


def backgrounds(text: str, context: Context) -> Iterator[Said]:
    """What is about the background: replaced, blurred, taken away."""
    for frame in (_replaced, _taken, _put, _cut):
        yield from frame(text, context)


def _replaced(text: str, context: Context) -> Iterator[Said]:
    """As in "replace the background of X with Y"."""
    for connector in (r"\s+(?:with|to|by|into|for|as)\s+", r"\s+(?:in\s+)?"):
        found = re.fullmatch(
            rf"(?P<verb>replace|change|swap|switch|set|turn|make|convert|exchange|fill|cover|paint|colou?r)\s+"
            rf"(?P<bg>{BACKGROUND}){OF_TARGET}{connector}(?P<plate>[^ ].*)",
            text,
            re.IGNORECASE,
        )
        if found is None:
            continue
        plate = _background_plate(found["plate"], context)
        if plate is not None:
            yield Said(_subject(found, context), Meaning("background", (("plate", plate),)))
            return
        if found["verb"].lower() in ("replace", "swap", "exchange"):
            part = context.sentence.restored(found["plate"])
            raise NotUnderstood(
                part, "a background is a colour, a file such as plate.mp4, blur, grey or transparent"
            )


def _taken(text: str, context: Context) -> Iterator[Said]:
    """As in "remove the background of X", "blur the background"."""
    if found := re.fullmatch(rf"(?P<verb>.+?)\s+(?P<bg>{BACKGROUND}){OF_TARGET}", text, re.IGNORECASE):
        word = " ".join(found["verb"].lower().split())
        meaning = english().get(word)
        if meaning is not None and meaning.effect in ("remove", "blur"):
            plate = {"remove": "transparent", "blur": "blur"}[meaning.effect]
            yield Said(_subject(found, context), Meaning("background", (("plate", plate),)))


def _put(text: str, context: Context) -> Iterator[Said]:
    """As in "put X on a blue background"."""
    for pattern in (
        r"(?:put|place|set|show)\s+(?P<target>.+?)\s+(?:on|onto|against|in\s+front\s+of|before|over)\s+(?P<plate>.+)",
        r"(?:put|place|set|lay)\s+(?P<plate>.+?)\s+behind\s+(?P<target>.+)",
        r"give\s+(?P<target>.+?)\s+(?P<plate>an?\s+.+?\s+(?:background|backdrop))",
    ):
        if found := re.fullmatch(pattern, text, re.IGNORECASE):
            plate = _background_plate(found["plate"], context)
            if plate is not None:
                yield Said(found["target"], Meaning("background", (("plate", plate),)))
                return


def _cut(text: str, _: Context) -> Iterator[Said]:
    """As in "cut out X"."""
    if found := re.fullmatch(
        r"(?:cut\s+out|isolate|extract|crop\s+out|(?:keep|leave)\s+only)\s+(.+)|cut\s+(.+?)\s+out",
        text,
        re.IGNORECASE,
    ):
        subject = found[1] or found[2]
        yield Said(subject, Meaning("background", (("plate", "transparent"),)))


def _subject(found: re.Match[str], context: Context) -> str | Target:
    """Before which the background lies: what is named, what was spoken of, or all that is found."""
    if found["target"]:
        return found["target"]
    if (
        found["bg"].lower().startswith(("its", "their", "her", "his"))
        and context.last
        and context.last.target
    ):
        return context.last.target
    return FOUND
