"""English instructions: "turn the girl in red dress into ink wash from 0:03 and blur everything else"."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sa2va_cli.editing.grammar.clauses import Clause, assembled, read_clauses
from sa2va_cli.editing.grammar.english_targets import bare_words, target_of
from sa2va_cli.editing.grammar.english_times import mark_times
from sa2va_cli.editing.grammar.lexicon import (
    ENGLISH_COLOUR,
    Meaning,
    alternatives,
    by_degree,
    colour_parameter,
    english,
    text_parameter,
)
from sa2va_cli.editing.grammar.marks import MARK, Marked, marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.plan import FOUND, GENERATE, Edit, Target
from sa2va_cli.render.effects.table import EFFECTS

_EFFECT = f"(?P<effect>{alternatives(english())})"
_COLOUR = f"(?P<colour>{ENGLISH_COLOUR})"
_ARTICLE = r"(?:(?:an?|the|some|its|their|her|his)\s+)?"
_KIND_OF_LOOK = r"(?:[\s-]+(?:style|effect|look|filter|colou?r|painting|drawing|colou?red|version|mode))*"
_A_LITTLE = r"slightly|a\s+bit|a\s+little(?:\s+bit)?|subtly|gently|lightly|faintly|softly|subtle|soft|light|thin|fine|weak|faint"
_MUCH = r"very(?:\s+much)?|much|strongly|heavily|a\s+lot|extremely|really|far|strong|heavy|thick|bold|wide|intense|bright"
_DEGREE = rf"(?:(?P<little>{_A_LITTLE})|(?P<much>{_MUCH}))"
_ADJECTIVES = rf"(?:(?:{_DEGREE}|{_COLOUR}|(?P<pixels>\d+(?:\.\d+)?)\s*-?\s*(?:px|pixels?))\s+)*?"
_MAKING = (
    r"make|turn|change|convert|transform|render|draw|paint|colou?r|tint|dye|show|restyle|styli[sz]e|recolou?r|let|have|set"
)
_COLOURING = re.compile(r"(?:paint|colou?r|tint|dye|recolou?r)$", re.IGNORECASE)
_GREYS = ("grey", "gray")
_LOOK = r"(?:(?:to\s+)?look(?:s|ing)?\s+)?"
_INTO = rf"{_LOOK}(?:(?:into|in|to|as|like|be|become|with)\s+)?"
_INTO_COLOUR = rf"{_LOOK}(?:(?:into|to|be|become)\s+)?"
"""Not "in": the girl in red is not to become red."""
_ON = r"(?:to|on|onto|upon|around|over|for|under|below|behind|above|at|next\s+to|beside|of|from|with)"
_POLITE = re.compile(
    r"^(?:\s*(?:please|kindly|now|just|also|ok(?:ay)?|hey|hi|first|finally|next|so|can\s+you|could\s+you|would\s+you|will\s+you"
    r"|i\s+want\s+(?:you\s+)?to|i(?:'d|\s+would)\s+like\s+(?:you\s+)?to|let's|let\s+us|help\s+me(?:\s+to)?|try\s+to)\b[\s,]*)+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(r"[\s,]*(?:please|thanks|thank\s+you|for\s+me|as\s+well|too)?[\s.!?]*$", re.IGNORECASE)
_JOINT = re.compile(
    r"\s*(?:[,;.]\s+(?:and\s+)?(?:then\s+)?|,|;|\band\s+then\b|\band\s+also\b|\bthen\b|\band\b|\bplus\b|\bafter\s+that\b)\s*",
    re.IGNORECASE,
)
_BLACK_AND_WHITE = re.compile(r"black\s+and\s+white\b", re.IGNORECASE)
_NOT = re.compile(r"^(?:do\s+not|don't|dont|never|stop|undo|no|not)\b", re.IGNORECASE)
_IF = re.compile(r"\b(?:if|when|whenever|unless|gradually|slowly|quickly|randomly|sometimes)\b", re.IGNORECASE)
_BACKGROUND = r"(?:(?:the|its|their|her|his)\s+)?(?:background|backdrop)"
_OF_TARGET = r"(?:\s+(?:of|behind|around)\s+(?P<target>.+?))?"
_TRANSPARENT = re.compile(r"(?:made\s+)?(?:transparent|see-through|clear|nothing|none|invisible|alpha)", re.IGNORECASE)


@dataclass(frozen=True)
class _Said:
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
class _Context:
    """What a frame may look at besides its words."""

    sentence: Marked
    last: Clause | None
    generative: bool


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
    pieces, joints = _split(text)

    def read(part: str, last: Clause | None) -> Clause:
        return _clause(part, _Context(sentence, last, generative))

    return assembled(read_clauses(pieces, joints, read))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Takes a sentence apart at commas and words for "and"; what is empty between two belongs to the joint."""
    pieces, joints, begin = [], [], 0
    for found in _JOINT.finditer(text):
        if _BLACK_AND_WHITE.match(text, max(0, found.start() - 5)):
            continue
        piece = text[begin : found.start()]
        if piece.strip():
            pieces.append(piece)
            joints.append(found[0])
        elif joints:
            joints[-1] += found[0]
        begin = found.end()
    if text[begin:].strip() or not pieces:
        pieces.append(text[begin:])
    return pieces, joints[: len(pieces) - 1]


def _clause(part: str, context: _Context) -> Clause:
    sentence = context.sentence
    words = sentence.restored(part)
    span = sentence.span(part)
    text = " ".join(_POLITE.sub("", sentence.without_times(part)).split()).strip(" ,;:")
    text = re.sub(r"\s+(?:only|just)$", "", text, flags=re.IGNORECASE)
    if not text:
        if span is None:
            raise NotUnderstood(words, "there is nothing in it")
        return Clause(words, None, span=span)
    if _NOT.search(text):
        raise NotUnderstood(words, "it says what not to do; say what to do")
    if found := _IF.search(text):
        raise NotUnderstood(found[0], "effects begin and end at times, such as from 2 s to 5 s")
    reason: NotUnderstood | None = None
    for frame in _FRAMES:
        try:
            for said in frame(text, context):
                target = said.target
                if isinstance(target, str):
                    target = target_of(target, sentence, context.last.target if context.last else None)
                return Clause(words, said.meaning, target, span, said.verb)
        except NotUnderstood as error:
            reason = reason or error
    raise reason or _unknown(text, context)


def _unknown(text: str, context: _Context) -> NotUnderstood:
    """Why no frame fits: the verb is unknown, or what something is to become."""
    if found := re.match(rf"(?:{_MAKING})\s+(.+)$", text, re.IGNORECASE):
        result = re.search(r"\s(?:into|to|like|as)\s+(.+)$", found[1], re.IGNORECASE)
        part = context.sentence.restored(result[1] if result else found[1])
        return NotUnderstood(part, "no effect makes that; only a generative --backend can make anything of words")
    if found := re.match(rf"(?:add|apply|put|give|use)\s+(.+)$", text, re.IGNORECASE):
        return NotUnderstood(context.sentence.restored(found[1]), "no effect is called so")
    first = text.split()[0]
    return NotUnderstood(context.sentence.restored(first), "no effect is called so")


# --- what effects are told -------------------------------------------------------------------------------------


def _told(effect: str, found: re.Match[str]) -> Meaning:
    """An effect with the adjectives before its name: "a thick red outline"."""
    meaning = english()[" ".join(effect.lower().split())]
    groups = found.groupdict()
    if colour := groups.get("colour"):
        name = colour_parameter(meaning.effect)
        if name is None:
            raise NotUnderstood(f"{colour} {effect}", f"the effect {meaning.effect} has no colour")
        meaning = meaning.with_values(**{name: colour.lower()})
    if groups.get("little") or groups.get("much"):
        meaning = _degreed(meaning, much=bool(groups.get("much")), word=groups.get("little") or groups["much"])
    if groups.get("pixels"):
        meaning = _in_pixels(meaning, groups["pixels"])
    return meaning


def _degreed(meaning: Meaning, *, much: bool, word: str) -> Meaning:
    degreed = by_degree(meaning, much=much)
    if degreed is None:
        raise NotUnderstood(word, f"the effect {meaning.effect} has no degrees")
    return degreed


def _in_pixels(meaning: Meaning, number: str) -> Meaning:
    name = next((one.name for one in EFFECTS[meaning.effect].all_parameters if getattr(one, "unit", "") == "px"), None)
    if name is None:
        raise NotUnderstood(f"{number} px", f"the effect {meaning.effect} is not measured in pixels")
    return meaning.with_values(**{name: number})


_TAILS = tuple(
    (re.compile(rf"^(?P<rest>.*?)[\s,]*\b{pattern}$", re.IGNORECASE), kind)
    for pattern, kind in (
        (rf"(?:in|with|by|of|using)\s+(?:the\s+colou?r\s+)?(?:an?\s+)?(?:{_DEGREE}\s+)?(?:{_COLOUR})(?:\s+(?:colou?r|paint|patch|box|light|line|lines|bar|rectangle))?", "colour"),
        (r"(?:with|by|using|at)\s+(?:an?\s+)?(?P<name>[a-z]+)\s+(?:of\s+)?(?P<value>-?\d+(?:\.\d+)?%?)(?:\s*(?:px|pixels?))?", "named"),
        (r"(?:by|with|of|at)\s+(?P<pixels>\d+(?:\.\d+)?)\s*(?:px|pixels?)", "pixels"),
        (r"(?:by|at)\s+(?P<percent>\d+(?:\.\d+)?)\s*(?:%|percent)", "percent"),
        (r"(?:by\s+)?(?P<times>\d+(?:\.\d+)?)\s*(?:x|times)|(?P<twice>twice)", "times"),
        (rf"{_DEGREE}", "degree"),
        (r"(?:with|using)\s+the\s+camera|(?:and\s+)?out|completely|entirely|fully|permanently|from\s+(?:the\s+)?(?:picture|image|video|clip|scene|shot|frame)|in\s+(?:the\s+)?(?:picture|image|video|clip|scene|shot|frame)", "nothing"),
    )
)
_PEOPLE = re.compile(
    r"\b(?:girl|boy|man|woman|person|people|child|children|kid|lady|guy|men|women|girls|boys|someone|player|dancer|runner"
    r"|figure|baby|one|anyone|everyone|team|players|kids)s?$",
    re.IGNORECASE,
)


def _tailed(meaning: Meaning, text: str, *, into: bool = False) -> tuple[Meaning, str]:
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
    effect = EFFECTS[meaning.effect]
    if kind == "colour":
        name = colour_parameter(meaning.effect)
        clothes = not into and _PEOPLE.search(found["rest"]) and re.match(r".*\b(?:in)\s+\S+(?:\s+\S+)?$", found[0])
        if name is None or name in dict(meaning.told) or clothes:
            return None
        if found["little"] or found["much"]:
            meaning = _degreed(meaning, much=bool(found["much"]), word=found["little"] or found["much"])
        return meaning.with_values(**{name: found["colour"].lower()})
    if kind == "named":
        names = {one.name for one in effect.all_parameters}
        return meaning.with_values(**{found["name"].lower(): found["value"]}) if found["name"].lower() in names else None
    if kind == "pixels":
        return _in_pixels(meaning, found["pixels"])
    if kind == "percent":
        return _by_percent(meaning, float(found["percent"]))
    if kind == "times":
        factor = 2.0 if found["twice"] else float(found["times"])
        name = next((one.name for one in effect.all_parameters if one.name in ("factor", "amount", "scale")), None)
        return None if name is None else meaning.with_values(**{name: f"{factor:g}"})
    if kind == "degree":
        if found["much"] and found["much"].lower() in ("wide", "bright", "far", "bold", "strong"):
            return None
        return by_degree(meaning, much=bool(found["much"]))
    return meaning


def _by_percent(meaning: Meaning, percent: float) -> Meaning | None:
    """"Brighter by 30 %"; for what has a strength, so much of it."""
    amount = dict(meaning.told).get("amount", "1.5")
    if meaning.effect in ("brightness", "contrast", "saturation"):
        factor = 1 + percent / 100 if float(amount) >= 1 else 1 - percent / 100
        return meaning.with_values(amount=f"{max(factor, 0):g}")
    if any(one.name == "strength" for one in EFFECTS[meaning.effect].all_parameters):
        return meaning.with_values(strength=f"{percent / 100:g}")
    return None


# --- frames: the ways in which an instruction is put --------------------------------------------------------------


def _background_plate(text: str, context: _Context) -> str | None:
    """What lies behind: a file, a colour, blur, grey, nothing; None for what is none of these."""
    said = context.sentence.texts(text)
    bare = re.sub(rf"^{_ARTICLE}(?:(?:plain|solid|flat)\s+)?|\s+(?:background|backdrop|colou?r|screen)$", "", text.strip(), flags=re.IGNORECASE).strip()
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


def _backgrounds(text: str, context: _Context) -> Iterator[_Said]:
    """What is about the background: replaced, blurred, taken away."""
    subject: str | Target
    for connector in (r"\s+(?:with|to|by|into|for|as)\s+", r"\s+(?:in\s+)?"):
        found = re.fullmatch(
            rf"(?P<verb>replace|change|swap|switch|set|turn|make|convert|exchange|fill|cover|paint|colou?r)\s+"
            rf"(?P<bg>{_BACKGROUND}){_OF_TARGET}{connector}(?P<plate>[^ ].*)",
            text,
            re.IGNORECASE,
        )
        if found is None:
            continue
        plate = _background_plate(found["plate"], context)
        if plate is not None:
            yield _Said(_subject(found, context), Meaning("background", (("plate", plate),)))
            return
        if found["verb"].lower() in ("replace", "swap", "exchange"):
            part = context.sentence.restored(found["plate"])
            raise NotUnderstood(part, "a background is a colour, a file such as plate.mp4, blur, grey or transparent")
    if found := re.fullmatch(rf"(?P<verb>.+?)\s+(?P<bg>{_BACKGROUND}){_OF_TARGET}", text, re.IGNORECASE):
        word = " ".join(found["verb"].lower().split())
        meaning = english().get(word)
        if meaning is not None and meaning.effect in ("remove", "blur"):
            plate = {"remove": "transparent", "blur": "blur"}[meaning.effect]
            yield _Said(_subject(found, context), Meaning("background", (("plate", plate),)))
            return
    for pattern in (
        r"(?:put|place|set|show)\s+(?P<target>.+?)\s+(?:on|onto|against|in\s+front\s+of|before|over)\s+(?P<plate>.+)",
        r"(?:put|place|set|lay)\s+(?P<plate>.+?)\s+behind\s+(?P<target>.+)",
        r"give\s+(?P<target>.+?)\s+(?P<plate>an?\s+.+?\s+(?:background|backdrop))",
    ):
        if found := re.fullmatch(pattern, text, re.IGNORECASE):
            plate = _background_plate(found["plate"], context)
            if plate is not None:
                yield _Said(found["target"], Meaning("background", (("plate", plate),)))
                return
    if found := re.fullmatch(r"(?:cut\s+out|isolate|extract|crop\s+out)\s+(.+)|cut\s+(.+?)\s+out", text, re.IGNORECASE):
        subject = found[1] or found[2]
        yield _Said(subject, Meaning("background", (("plate", "transparent"),)))


def _subject(found: re.Match[str], context: _Context) -> str | Target:
    """Before which the background lies: what is named, what was spoken of, or all that is found."""
    if found["target"]:
        return found["target"]
    if found["bg"].lower().startswith(("its", "their", "her", "his")) and context.last and context.last.target:
        return context.last.target
    return FOUND


def _texts(text: str, context: _Context) -> Iterator[_Said]:
    """Name plates and captions with words of the user's own."""
    for pattern in (
        rf"(?P<kind>label|name|tag|annotate|caption|subtitle)\s+(?P<target>.+?)\s+(?:(?:as|with|by|saying)\s+)?(?:the\s+words?\s+)?(?P<text>{MARK})",
        rf"(?:write|put|add|show|print|place)\s+{_ARTICLE}(?:(?P<kind>label|name|tag|caption|subtitle|text|words?|title)\s+)?(?:saying\s+)?(?P<text>{MARK})\s+{_ON}\s+(?P<target>.+)",
        rf"give\s+(?P<target>.+?)\s+(?:an?|the)\s+(?P<kind>label|name|tag|caption|subtitle)\s+(?:saying\s+)?(?P<text>{MARK})",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is None:
            continue
        kind = (found["kind"] or "").lower()
        said = context.sentence.texts(found["text"])[0]
        effect = "caption" if kind in ("caption", "subtitle") else "label"
        yield _Said(found["target"], Meaning(effect, (("text", said),)))
        return


def _adding(text: str, _: _Context) -> Iterator[_Said]:
    """"Add a red outline to X", "give X a glow", "cover X with a mosaic"."""
    for pattern in (
        rf"(?:add|apply|put|draw|use|cast|create|lay|place)\s+{_ARTICLE}{_ADJECTIVES}{_EFFECT}{_KIND_OF_LOOK}\s+{_ON}\s+(?P<target>.+)",
        rf"give\s+(?P<target>.+?)\s+(?:an?|some|the|more|less)\s+{_ADJECTIVES}{_EFFECT}{_KIND_OF_LOOK}(?P<tail>\s+(?:in|with|by)\s+.+)?",
        rf"(?:cover|hide|mask|surround|obscure|conceal)\s+(?P<target>.+?)\s+(?:with|behind|under|by|using)\s+{_ARTICLE}{_ADJECTIVES}{_EFFECT}{_KIND_OF_LOOK}",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is None:
            continue
        meaning = _told(found["effect"], found)
        tail = (found.groupdict().get("tail") or "").strip()
        target = found["target"]
        if tail:
            meaning, tail = _tailed(meaning, tail, into=True)
        else:
            meaning, target = _tailed(meaning, target)
        if tail:
            raise NotUnderstood(tail, f"the effect {meaning.effect} cannot be told that")
        yield _Said(target, meaning)
        return


_LOWERED = {
    "brightness": "0.6",
    "contrast": "0.7",
    "saturation": "0.6",
    "temperature": "-0.4",
}
"""What an effect that goes both ways is told where there is to be less of it."""


def _changing(text: str, _: _Context) -> Iterator[_Said]:
    """"Increase the contrast of X by 20 %", "lower the brightness of X"."""
    found = re.fullmatch(
        rf"(?:(?P<up>increase|raise|boost|enhance|turn\s+up|add)|(?P<down>decrease|reduce|lower|turn\s+down))\s+"
        rf"(?:the\s+)?{_EFFECT}\s+(?:of|in|on)\s+(?P<target>.+)",
        text,
        re.IGNORECASE,
    )
    meaning = english()[" ".join(found["effect"].lower().split())] if found else None
    if found is None or meaning is None or meaning.effect not in _LOWERED:
        return
    if found["down"]:
        meaning = meaning.with_values(amount=_LOWERED[meaning.effect])
    meaning, target = _tailed(meaning, found["target"])
    yield _Said(target, meaning)


def _making(text: str, context: _Context) -> Iterator[_Said]:
    """"Make X red", "turn X into ink wash", and "Y blue" behind them."""
    verb = re.match(rf"(?:{_MAKING})\b", text, re.IGNORECASE)
    spoken = context.last.verb if context.last else ""
    if verb is None and (not spoken or re.match(rf"{_EFFECT}\s", text, re.IGNORECASE)):
        return
    rest = text[verb.end() :].strip() if verb else text
    word = verb[0] if verb else spoken
    into = rf"{_INTO_COLOUR}(?:in\s+)?" if _COLOURING.match(word) else _INTO_COLOUR
    result = (
        rf"(?:{_INTO}{_ARTICLE}(?:(?P<before>{_DEGREE})\s+)?(?:more\s+)?{_EFFECT}|{into}{_ARTICLE}{_COLOUR})"
        rf"{_KIND_OF_LOOK}(?P<tail>\s+(?:by|in|with|slightly|a\s+(?:bit|little|lot)|at|twice|\d+)\b.*)?"
    )
    found = re.fullmatch(rf"(?P<target>.+?)\s+{result}", rest, re.IGNORECASE)
    if found is None and verb is None:
        found = re.fullmatch(rf"(?P<target>){result}", rest, re.IGNORECASE)
    if found is None:
        yield from _generated(word, rest, context)
        return
    meaning = _result(found, word)
    meaning, left = _tailed(meaning, (found["tail"] or "").strip(), into=True)
    if left:
        raise NotUnderstood(left, f"the effect {meaning.effect} cannot be told that")
    last = context.last.target if context.last else None
    yield _Said(found["target"] or last, meaning, verb=word)


def _result(found: re.Match[str], verb: str) -> Meaning:
    """What something becomes: a look or a colour; grey by "make" is a look, by "paint" a colour."""
    colour, effect = found["colour"], found["effect"]
    if colour is None and _COLOURING.match(verb) and effect.lower() in _GREYS:
        colour = effect
    if colour is not None:
        return Meaning("recolour", (("colour", " ".join(colour.lower().split())),))
    meaning = english()[" ".join(effect.lower().split())]
    if found["before"]:
        much = bool(found["much"])
        meaning = _degreed(meaning, much=much, word=found["before"])
    return meaning


def _generated(verb: str, rest: str, context: _Context) -> Iterator[_Said]:
    found = re.fullmatch(r"(?P<target>.+?)\s+(?:into|to)\s+(?P<what>.+)", rest, re.IGNORECASE)
    if context.generative and found is not None:
        words = context.sentence.restored(found["what"])
        yield _Said(found["target"], Meaning(GENERATE, (("prompt", words),)), verb=verb)


def _replacing(text: str, context: _Context) -> Iterator[_Said]:
    """"Replace X with Y": by a colour or a look of ours, or else by a back-end."""
    found = re.fullmatch(
        r"(?:replace|swap|exchange|substitute)\s+(?P<target>.+?)\s+(?:with|by|for)\s+(?P<what>.+)", text, re.IGNORECASE
    )
    if found is None:
        return
    words = context.sentence.restored(found["what"])
    if not context.generative:
        raise NotUnderstood(words, "only a generative --backend can put something else there")
    yield _Said(found["target"], Meaning(GENERATE, (("prompt", words),)))


def _verbs(text: str, _: _Context) -> Iterator[_Said]:
    """"Blur X", "black X out", "zoom in on X"; "blur" alone, of which the next clause says what it is about."""
    found = re.fullmatch(rf"{_DEGREE}?\s*{_EFFECT}{_KIND_OF_LOOK}(?:\s+(?P<target>.+))?", text, re.IGNORECASE)
    if found is not None:
        meaning = _told(found["effect"], found)
        target = found["target"]
        if target is None:
            yield _Said(None, meaning)
            return
        target = re.sub(rf"^{_ON}\s+(?=\S)", "", target, flags=re.IGNORECASE)
        meaning, target = _tailed(meaning, target)
        yield _Said(*_recoloured(meaning, target)) if meaning.effect == "recolour" else _Said(target, meaning)
        return
    for phrase in sorted((one for one in english() if " " in one), key=len, reverse=True):
        head, _space, particle = phrase.rpartition(" ")
        found = re.fullmatch(
            rf"{re.escape(head)}\s+(?P<target>.+?)\s+{re.escape(particle)}(?P<tail>\s+(?:with|in|by)\s.+)?", text, re.IGNORECASE
        )
        if found is not None:
            meaning, left = _tailed(english()[phrase], (found["tail"] or "").strip(), into=True)
            yield _Said(found["target"] + (f" {left}" if left else ""), meaning)
            return


def _recoloured(meaning: Meaning, target: str) -> tuple[str, Meaning]:
    """"Recolour X blue", "dye X to red"."""
    found = re.fullmatch(rf"(?P<target>.+?)\s+(?:(?:to|into|in|as)\s+)?{_COLOUR}", target, re.IGNORECASE)
    if found is not None and "colour" not in dict(meaning.told):
        return found["target"], meaning.with_values(colour=found["colour"].lower())
    return target, meaning


Frame = Callable[[str, _Context], Iterator[_Said]]
_FRAMES: tuple[Frame, ...] = (_backgrounds, _texts, _changing, _adding, _making, _verbs, _replacing)
