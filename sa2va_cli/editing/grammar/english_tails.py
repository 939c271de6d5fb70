"""What is said to an effect in English: "a thick red outline", "by 30 %", "slightly", "in red"."""

import re
from collections.abc import Callable

from sa2va_cli.editing.grammar.english_words import COLOUR, DEGREE
from sa2va_cli.editing.grammar.lexicon import Meaning, by_degree, colour_parameter, english
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.render.effects.table import EFFECTS


def told(effect: str, found: re.Match[str]) -> Meaning:
    """An effect with the adjectives before its name: "a thick red outline".

    Raises:
        NotUnderstood: the effect knows no such thing.
    """
    meaning = english()[" ".join(effect.lower().split())]
    groups = found.groupdict()
    if colour := groups.get("colour"):
        name = colour_parameter(meaning.effect)
        if name is None:
            raise NotUnderstood(f"{colour} {effect}", f"the effect {meaning.effect} has no colour")
        meaning = meaning.with_values(**{name: colour.lower()})
    if groups.get("little") or groups.get("much"):
        meaning = degreed(meaning, much=bool(groups.get("much")), word=groups.get("little") or groups["much"])
    if groups.get("pixels"):
        meaning = _in_pixels(meaning, groups["pixels"])
    return meaning


def degreed(meaning: Meaning, *, much: bool, word: str) -> Meaning:
    """An effect, weaker or stronger than usual.

    Args:
        meaning: the effect.
        much: whether stronger.
        word: that says so.

    Raises:
        NotUnderstood: it has no degrees.
    """
    made = by_degree(meaning, much=much)
    if made is None:
        raise NotUnderstood(word, f"the effect {meaning.effect} has no degrees")
    return made


def _in_pixels(meaning: Meaning, number: str) -> Meaning:
    name = next(
        (one.name for one in EFFECTS[meaning.effect].all_parameters if getattr(one, "unit", "") == "px"), None
    )
    if name is None:
        raise NotUnderstood(f"{number} px", f"the effect {meaning.effect} is not measured in pixels")
    return meaning.with_values(**{name: number})


_TAILS = tuple(
    (re.compile(rf"^(?P<rest>.*?)[\s,]*\b{pattern}$", re.IGNORECASE), kind)
    for pattern, kind in (
        (
            rf"(?:in|with|by|of|using)\s+(?:the\s+colou?r\s+)?(?:an?\s+)?(?:{DEGREE}\s+)?(?:{COLOUR})(?:\s+(?:colou?r|paint|patch|box|light|line|lines|bar|rectangle))?",
            "colour",
        ),
        (
            r"(?:with|by|using|at)\s+(?:an?\s+)?(?P<name>[a-z]+)\s+(?:of\s+)?(?P<value>-?\d+(?:\.\d+)?%?)(?:\s*(?:px|pixels?))?",
            "named",
        ),
        (r"(?:by|with|of|at)\s+(?P<pixels>\d+(?:\.\d+)?)\s*(?:px|pixels?)", "pixels"),
        (r"(?:by|at)\s+(?P<percent>\d+(?:\.\d+)?)\s*(?:%|percent)", "percent"),
        (r"(?:by\s+)?(?P<times>\d+(?:\.\d+)?)\s*(?:x|times)|(?P<twice>twice)", "times"),
        (rf"{DEGREE}", "degree"),
        (
            r"(?:with|using)\s+the\s+camera|(?:and\s+)?out|completely|entirely|fully|permanently|from\s+(?:the\s+)?(?:picture|image|video|clip|scene|shot|frame)|in\s+(?:the\s+)?(?:picture|image|video|clip|scene|shot|frame)",
            "nothing",
        ),
    )
)
_PEOPLE = re.compile(
    r"\b(?:girl|boy|man|woman|person|people|child|children|kid|lady|guy|men|women|girls|boys|someone|player|dancer|runner"
    r"|figure|baby|one|anyone|everyone|team|players|kids)s?$",
    re.IGNORECASE,
)


def tailed(meaning: Meaning, text: str, *, into: bool = False) -> tuple[Meaning, str]:
    """Takes from the end of a clause what is said to the effect: "by 30 %", "in red", "slightly".

    Args:
        meaning: the effect.
        text: what stands behind its name.
        into: whether nothing of ``text`` is a target, so that clothes in a colour cannot be meant.

    Returns:
        The effect, and the text that is left.
    """
    going = True
    while going:
        going = False
        for pattern, kind in _TAILS:
            found = pattern.match(text)
            if found is None or not (into or found["rest"].strip()):
                continue
            told = _tail(meaning, kind, found, into=into)
            if told is not None:
                meaning, text, going = told, found["rest"].strip(), True
                break
    return meaning, text


def _tail(meaning: Meaning, kind: str, found: re.Match[str], *, into: bool) -> Meaning | None:
    """An effect with one more thing said to it; None where the words are of the target."""
    if kind == "colour":
        return _by_colour(meaning, found, into=into)
    return _KINDS[kind](meaning, found)


def _by_colour(meaning: Meaning, found: re.Match[str], *, into: bool) -> Meaning | None:
    """As in "outline it in red"; but a girl in red wears red."""
    name = colour_parameter(meaning.effect)
    clothes = (
        not into and _PEOPLE.search(found["rest"]) and re.match(r".*\b(?:in)\s+\S+(?:\s+\S+)?$", found[0])
    )
    if name is None or name in dict(meaning.told) or clothes:
        return None
    if found["little"] or found["much"]:
        meaning = degreed(meaning, much=bool(found["much"]), word=found["little"] or found["much"])
    return meaning.with_values(**{name: found["colour"].lower()})


def _by_name(meaning: Meaning, found: re.Match[str]) -> Meaning | None:
    """As in "with radius 3"."""
    name = found["name"].lower()
    names = {one.name for one in EFFECTS[meaning.effect].all_parameters}
    return meaning.with_values(**{name: found["value"]}) if name in names else None


def _by_times(meaning: Meaning, found: re.Match[str]) -> Meaning | None:
    """As in "twice", "2x"."""
    factor = 2.0 if found["twice"] else float(found["times"])
    names = [one.name for one in EFFECTS[meaning.effect].all_parameters]
    name = next((one for one in names if one in ("factor", "amount", "scale")), None)
    return None if name is None else meaning.with_values(**{name: f"{factor:g}"})


def _by_word(meaning: Meaning, found: re.Match[str]) -> Meaning | None:
    """As in "slightly"; words that describe things are left to the target."""
    if found["much"] and found["much"].lower() in ("wide", "bright", "far", "bold", "strong"):
        return None
    return by_degree(meaning, much=bool(found["much"]))


def _by_percent(meaning: Meaning, percent: float) -> Meaning | None:
    """As in "Brighter by 30 %"; for what has a strength, so much of it."""
    amount = dict(meaning.told).get("amount", "1.5")
    if meaning.effect in ("brightness", "contrast", "saturation"):
        factor = 1 + percent / 100 if float(amount) >= 1 else 1 - percent / 100
        return meaning.with_values(amount=f"{max(factor, 0):g}")
    if any(one.name == "strength" for one in EFFECTS[meaning.effect].all_parameters):
        return meaning.with_values(strength=f"{percent / 100:g}")
    return None


_KINDS: dict[str, Callable[[Meaning, re.Match[str]], Meaning | None]] = {
    "named": _by_name,
    "pixels": lambda meaning, found: _in_pixels(meaning, found["pixels"]),
    "percent": lambda meaning, found: _by_percent(meaning, float(found["percent"])),
    "times": _by_times,
    "degree": _by_word,
    "nothing": lambda meaning, _: meaning,
}
