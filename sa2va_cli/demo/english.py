"""English words for claims."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sa2va_cli.demo.claims import Claim

PLURALS: dict[str, str] = {
    "girl": "girls",
    "boy": "boys",
    "dog": "dogs",
    "cat": "cats",
    "ball": "balls",
    "balloon": "balloons",
    "car": "cars",
    "bicycle": "bicycles",
    "bird": "birds",
    "animal": "animals",
    "child": "children",
    "thing": "things",
}
_GARMENTS = {"girl": ("dress", "dresses"), "boy": ("shirt", "shirts")}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
GERUNDS = {
    "walk": "walking",
    "run": "running",
    "roll": "rolling",
    "drift": "drifting",
    "drive": "driving",
    "ride": "rolling",
    "fly": "flying",
    "move": "moving",
}
_REQUESTS = (
    "please segment {}",
    "can you segment {}?",
    "could you find {}?",
    "segment {}",
    "find {}",
    "where {be} {}?",
    "show me {}",
    "track {}",
    "please find {}",
)
_SHARE_OF_REQUESTS = 0.15


class _Worder(Protocol):
    def __call__(self, claim: Claim, rng: np.random.Generator, *, many: bool) -> str: ...


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def word(claim: Claim, rng: np.random.Generator) -> str:
    """Puts a claim into words: mostly a noun phrase, at times a request."""
    many = claim.form == "plural" or (len(claim.actors) > 1 and rng.random() < 0.6)
    phrase = _WORDERS[claim.form](claim, rng, many=many)
    if rng.random() < _SHARE_OF_REQUESTS:
        phrase = requested(phrase, rng, many=many)
    return dressed(phrase, rng)


def requested(phrase: str, rng: np.random.Generator, *, many: bool = False) -> str:
    """Makes a request of a noun phrase: ``please segment the girl``."""
    if phrase.partition(" ")[0] not in {"the", "all", "both", "everyone", "everything", "every"}:
        phrase = f"the {phrase}"
    be = "are" if many and not phrase.startswith("every") else "is"
    return _pick(rng, _REQUESTS).format(phrase, be=be)


def dressed(text: str, rng: np.random.Generator) -> str:
    """At times with a capital and a full stop."""
    chance = rng.random()
    if chance < 0.12:
        text = text[0].upper() + text[1:]
    if chance < 0.05 and not text.endswith("?"):
        text += "."
    return text


def _noun(claim: Claim, *, many: bool) -> str:
    return PLURALS[claim.noun] if many else claim.noun


def _definite(phrase: str, rng: np.random.Generator, share: float = 0.65) -> str:
    return f"the {phrase}" if rng.random() < share else phrase


def _kind(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    return _definite(_noun(claim, many=many), rng, 0.5)


def _colour(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    noun, colour = _noun(claim, many=many), claim.detail
    if claim.noun == "child":
        person = _pick(rng, ("children", "kids") if many else ("person", "child", "kid"))
        return _definite(_pick(rng, (f"{person} in {colour}", f"{person} wearing {colour}")), rng)
    if claim.noun not in _GARMENTS:
        be = "are" if many else "is"
        plain = rng.random() < 0.8
        return _definite(f"{colour} {noun}" if plain else f"{noun} that {be} {colour}", rng)
    one, several = _GARMENTS[claim.noun]
    garment = f"{colour} {several}" if many else f"{colour} {one}"
    article = "" if many else "a "
    wears = "wear" if many else "wears"
    person = noun if many else _pick(rng, (noun,) * 5 + ("child", "person"))
    options = (
        f"{noun} in {colour} {several if many else one}",
        f"{person} in {article}{garment}",
        f"{person} in the {garment}",
        f"{person} with the {garment}",
        f"{noun} with {article}{garment}",
        f"{person} wearing {article}{garment}",
        f"{noun} who {wears} {colour}",
        f"{noun} in {colour}",
        f"{noun} dressed in {colour}",
    )
    return _definite(_pick(rng, options), rng)


def _size(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    options = {"large": ("large", "big", "larger", "bigger"), "small": ("small", "little", "smaller")}
    return _definite(f"{_pick(rng, options[claim.detail])} {_noun(claim, many=many)}", rng, 0.9)


def _place(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    noun, place = _noun(claim, many=many), claim.detail
    if place == "middle":
        options = (f"{noun} in the middle", f"{noun} in the center", f"middle {noun}")
    else:
        options = (f"{noun} on the {place}", f"{noun} on the {place} side", f"{place} {noun}")
    return _definite(_pick(rng, options), rng, 0.8)


def _motion(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    noun, be = _noun(claim, many=many), "are" if many else "is"
    action, _, way = claim.detail.partition(" ")
    if way:
        doing = _pick(rng, (f"{GERUNDS[action]} to the {way}", f"{GERUNDS[action]} {way}"))
    elif action == "still":
        doing = _pick(rng, ("standing still", "not moving") if claim.noun != "balloon" else ("not moving",))
    else:
        doing = {"bounce": "bouncing", "up": _pick(rng, ("floating up", "rising")), "run": "running"}[action]
        if action != "up" and rng.random() < 0.6:
            return _definite(f"{doing} {noun}", rng, 0.8)
    options = (f"{noun} {doing}", f"{noun} {doing}", f"{noun} that {be} {doing}")
    return _definite(_pick(rng, options), rng, 0.8)


def _relation(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    noun = _noun(claim, many=many)
    if claim.detail != "largest":
        return f"the {noun} {_pick(rng, ('nearest', 'closest to'))} the {claim.detail}"
    if claim.noun == "thing":
        return f"the {_pick(rng, ('biggest', 'largest'))} {_pick(rng, ('one of all', 'one', 'of all'))}"
    return f"the {_pick(rng, ('biggest', 'largest'))} {noun}"


def _plural(claim: Claim, rng: np.random.Generator, *, many: bool) -> str:
    n, nouns = len(claim.actors), _noun(claim, many=many)
    if claim.noun == "child":
        nouns = _pick(rng, ("children", "children", "kids"))
    if claim.detail:
        colour = claim.detail
        return _pick(rng, (f"all {colour} things", f"everything {colour}", f"all the {colour} things"))
    options = [f"all {nouns}", f"all the {nouns}", f"the {nouns}", f"every {claim.noun}"]
    if claim.noun == "child":
        options += ["everyone", "all people"]
    if n in _NUMBERS:
        options += [f"the {_NUMBERS[n]} {nouns}", f"{_NUMBERS[n]} {nouns}"]
    if n == 2:
        options += [f"both {nouns}"]
    return _pick(rng, options)


_WORDERS: dict[str, _Worder] = {
    "kind": _kind,
    "colour": _colour,
    "size": _size,
    "place": _place,
    "motion": _motion,
    "relation": _relation,
    "plural": _plural,
}


def name(groups: Sequence[tuple[str, str, int]]) -> str:
    """Names groups of (colour, kind, how many): ``the girl in red and the two balls in green``.

    The kind comes first because a network that answers word by word finds the colour by it.
    """
    parts = [
        f"the {kind} in {colour}" if n == 1 else f"the {_NUMBERS[n]} {PLURALS[kind]} in {colour}"
        for colour, kind, n in groups
    ]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
