"""The ways in which an English instruction is put: "make X red", "add a glow to X", "blur X"."""

import re
from collections.abc import Iterator

from sa2va_cli.editing.grammar.english_backgrounds import backgrounds
from sa2va_cli.editing.grammar.english_matches import matches
from sa2va_cli.editing.grammar.english_tails import degreed, tailed, told
from sa2va_cli.editing.grammar.english_words import (
    ADJECTIVES,
    ARTICLE,
    COLOUR,
    COLOURING,
    DEGREE,
    EFFECT,
    GREYS,
    INTO,
    INTO_COLOUR,
    KIND_OF_LOOK,
    MAKING,
    ON,
)
from sa2va_cli.editing.grammar.language import Frame
from sa2va_cli.editing.grammar.lexicon import ENGLISH_COLOUR, Meaning, english
from sa2va_cli.editing.grammar.marks import MARK
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.grammar.said import Context, Said
from sa2va_cli.editing.plan import GENERATE

_IN_SIGHT = r"(?:seen|visible|there|shown|on\s+screen|in\s+(?:view|sight|the\s+picture))"


def _texts(text: str, context: Context) -> Iterator[Said]:
    """Name plates and captions with words of the user's own."""
    for pattern in (
        rf"(?P<kind>label|name|tag|annotate|caption|subtitle)\s+(?P<target>.+?)\s+(?:(?:as|with|by|saying)\s+)?(?:the\s+words?\s+)?(?P<text>{MARK})",
        rf"(?:write|put|add|show|print|place)\s+{ARTICLE}(?:(?P<kind>label|name|tag|caption|subtitle|text|words?|title)\s+)?(?:saying\s+)?(?P<text>{MARK})\s+{ON}\s+(?P<target>.+)",
        rf"(?:write|put|add|show|print)\s+{ARTICLE}(?:(?P<kind>label|name|tag|caption|subtitle|text|title)\s+)?(?P<text>{MARK})\s+(?:while|as\s+long\s+as)\s+(?P<target>.+?)\s+(?:is|are|can\s+be)\s+{_IN_SIGHT}",
        rf"give\s+(?P<target>.+?)\s+(?:an?|the)\s+(?P<kind>label|name|tag|caption|subtitle)\s+(?:saying\s+)?(?P<text>{MARK})",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is None:
            continue
        kind = (found["kind"] or "").lower()
        said = context.sentence.texts(found["text"])[0]
        effect = "caption" if kind in ("caption", "subtitle") else "label"
        yield Said(found["target"], Meaning(effect, (("text", said),)))
        return


def _adding(text: str, _: Context) -> Iterator[Said]:
    """As in "Add a red outline to X", "give X a glow", "cover X with a mosaic"."""
    for pattern in (
        rf"(?:add|apply|put|draw|paint|use|cast|create|lay|place)\s+{ARTICLE}{ADJECTIVES}{EFFECT}{KIND_OF_LOOK}\s+{ON}\s+(?P<target>.+)",
        rf"give\s+(?P<target>.+?)\s+(?:an?|some|the|more|less)\s+{ADJECTIVES}{EFFECT}{KIND_OF_LOOK}(?P<tail>\s+(?:in|with|by)\s+.+)?",
        rf"(?:cover|hide|mask|surround|obscure|conceal)\s+(?P<target>.+?)\s+(?:with|behind|under|by|using)\s+{ARTICLE}{ADJECTIVES}{EFFECT}{KIND_OF_LOOK}",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is None:
            continue
        meaning = told(found["effect"], found)
        tail = (found.groupdict().get("tail") or "").strip()
        target = found["target"]
        if tail:
            meaning, tail = tailed(meaning, tail, into=True)
        else:
            meaning, target = tailed(meaning, target)
        if tail:
            raise NotUnderstood(tail, f"the effect {meaning.effect} cannot be told that")
        yield Said(target, meaning)
        return


_LOWERED = {
    "brightness": "0.6",
    "contrast": "0.7",
    "saturation": "0.6",
    "temperature": "-0.4",
}
"""What an effect that goes both ways is told where there is to be less of it."""


def _changing(text: str, _: Context) -> Iterator[Said]:
    """As in "Increase the contrast of X by 20 %", "lower the brightness of X"."""
    found = re.fullmatch(
        rf"(?:(?P<up>increase|raise|boost|enhance|turn\s+up|add)|(?P<down>decrease|reduce|lower|turn\s+down))\s+"
        rf"(?:the\s+)?{EFFECT}\s+(?:of|in|on)\s+(?P<target>.+)",
        text,
        re.IGNORECASE,
    )
    meaning = english()[" ".join(found["effect"].lower().split())] if found else None
    if found is None or meaning is None or meaning.effect not in _LOWERED:
        return
    if found["down"]:
        meaning = meaning.with_values(amount=_LOWERED[meaning.effect])
    meaning, target = tailed(meaning, found["target"])
    yield Said(target, meaning)


def _making(text: str, context: Context) -> Iterator[Said]:
    """As in "Make X red", "turn X into ink wash", and "Y blue" behind them."""
    verb = re.match(rf"(?:{MAKING})\b", text, re.IGNORECASE)
    spoken = context.last.verb if context.last else ""
    if verb is None and (not spoken or re.match(rf"{EFFECT}\s", text, re.IGNORECASE)):
        return
    rest = text[verb.end() :].strip() if verb else text
    word = verb[0] if verb else spoken
    if shines := _SHINES.fullmatch(rest):
        yield Said(shines["target"], Meaning("glow", (("colour", shines["colour"].lower()),)), verb=word)
        return
    into = rf"{INTO_COLOUR}(?:in\s+)?" if COLOURING.match(word) else INTO_COLOUR
    result = (
        rf"(?:{INTO}{ARTICLE}(?:(?P<before>{DEGREE})\s+)?(?:more\s+)?{EFFECT}|{into}{ARTICLE}{COLOUR})"
        rf"{KIND_OF_LOOK}(?P<tail>\s+(?:by|in|with|slightly|a\s+(?:bit|little|lot)|at|twice|\d+)\b.*)?"
    )
    found = re.fullmatch(rf"(?P<target>.+?)\s+{result}", rest, re.IGNORECASE)
    if found is None and verb is None:
        found = re.fullmatch(rf"(?P<target>){result}", rest, re.IGNORECASE)
    if found is None:
        yield from _generated(word, rest, context)
        return
    meaning = _result(found, word)
    meaning, left = tailed(meaning, (found["tail"] or "").strip(), into=True)
    if left:
        raise NotUnderstood(left, f"the effect {meaning.effect} cannot be told that")
    last = context.last.target if context.last else None
    target = found["target"]
    if meaning.effect == "recolour":  # "the colour of the car from red" is the car
        target = _COLOUR_OF.sub("", _COLOUR_BEFORE.sub("", target))
    yield Said(target or last, meaning, verb=word)


_SHINES = re.compile(rf"(?P<target>.+?)\s+(?:glow|shine|glowing|shining)\s+(?:in\s+)?{COLOUR}", re.IGNORECASE)
"""Light has a colour; in all else that comes to have one, it is the thing's own."""
_COLOUR_OF = re.compile(r"^(?:the\s+)?colou?r\s+of\s+(?=\S)|(?:'s)?\s+colou?r$", re.IGNORECASE)
_COLOUR_BEFORE = re.compile(rf"\s+from\s+{ENGLISH_COLOUR}$", re.IGNORECASE)


def _result(found: re.Match[str], verb: str) -> Meaning:
    """What something becomes: a look or a colour; grey by "make" is a look, by "paint" a colour."""
    colour, effect = found["colour"], found["effect"]
    if colour is None and COLOURING.match(verb) and effect.lower() in GREYS:
        colour = effect
    if colour is not None:
        return Meaning("recolour", (("colour", " ".join(colour.lower().split())),))
    meaning = english()[" ".join(effect.lower().split())]
    if found["before"]:
        much = bool(found["much"])
        meaning = degreed(meaning, much=much, word=found["before"])
    return meaning


def _generated(verb: str, rest: str, context: Context) -> Iterator[Said]:
    found = re.fullmatch(r"(?P<target>.+?)\s+(?:into|to)\s+(?P<what>.+)", rest, re.IGNORECASE)
    if context.generative and found is not None:
        words = context.sentence.restored(found["what"])
        yield Said(found["target"], Meaning(GENERATE, (("prompt", words),)), verb=verb)


def _replacing(text: str, context: Context) -> Iterator[Said]:
    """As in "Replace X with Y": by a colour or a look of ours, or else by a back-end."""
    found = re.fullmatch(
        r"(?:replace|swap|exchange|substitute)\s+(?P<target>.+?)\s+(?:with|by|for)\s+(?P<what>.+)",
        text,
        re.IGNORECASE,
    )
    if found is None:
        return
    words = context.sentence.restored(found["what"])
    if not context.generative:
        raise NotUnderstood(words, "only a generative --backend can put something else there")
    yield Said(found["target"], Meaning(GENERATE, (("prompt", words),)))


_AROUND = (
    r"^(?:of\s+the\s+(?:scene|picture|video|image|frame|shot)\s+)?"
    r"(?:around|behind|except|but|outside(?:\s+of)?)\s+"
)


def _verbs(text: str, _: Context) -> Iterator[Said]:
    """Verbs: "blur X", "black X out", "zoom in on X"; "blur" alone, whose target the next clause says."""
    found = re.fullmatch(rf"{DEGREE}?\s*{EFFECT}{KIND_OF_LOOK}(?:\s+(?P<target>.+))?", text, re.IGNORECASE)
    if found is not None:
        meaning = told(found["effect"], found)
        target = found["target"]
        if target is None:
            yield Said(None, meaning)
            return
        if meaning.effect == "spotlight":  # "dim the rest of the scene around X"
            target = re.sub(_AROUND, "", target, flags=re.IGNORECASE)
        target = re.sub(rf"^{ON}\s+(?=\S)", "", target, flags=re.IGNORECASE)
        meaning, target = tailed(meaning, target)
        yield Said(*_recoloured(meaning, target)) if meaning.effect == "recolour" else Said(target, meaning)
        return
    for phrase in sorted((one for one in english() if " " in one), key=len, reverse=True):
        head, _space, particle = phrase.rpartition(" ")
        found = re.fullmatch(
            rf"{re.escape(head)}\s+(?P<target>.+?)\s+{re.escape(particle)}(?P<tail>\s+(?:with|in|by)\s.+)?",
            text,
            re.IGNORECASE,
        )
        if found is not None:
            meaning, left = tailed(english()[phrase], (found["tail"] or "").strip(), into=True)
            yield Said(found["target"] + (f" {left}" if left else ""), meaning)
            return


def _recoloured(meaning: Meaning, target: str) -> tuple[str, Meaning]:
    """As in "Recolour X blue", "dye X to red"."""
    found = re.fullmatch(rf"(?P<target>.+?)\s+(?:(?:to|into|in|as)\s+)?{COLOUR}", target, re.IGNORECASE)
    if found is not None and "colour" not in dict(meaning.told):
        return found["target"], meaning.with_values(colour=found["colour"].lower())
    return target, meaning


FRAMES: tuple[Frame, ...] = (backgrounds, matches, _texts, _changing, _adding, _making, _verbs, _replacing)
"""All of them; the first that fits counts."""
