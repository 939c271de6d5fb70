"""Times in English sentences: "at 3 s", "from 0:03 to 0:05", "the first two seconds", "until the end".

"At" a time means that the target is looked for there and that the change begins there.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from sa2va_cli.editing.grammar.marks import Marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.times import Span, TimePoint

_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_ORDINALS = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
]
_SHARES = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4)}

_NUMBER = rf"(?:\d+(?:\.\d+)?|half\s+an?|an?|{'|'.join(_WORDS[1:])})"
_UNIT = r"(?:seconds|second|secs|sec|s|minutes|minute|mins|min|frames|frame|f|%|percent)\b|%"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?"
_ORDINAL = rf"(?:\d+(?:st|nd|rd|th)|{'|'.join(_ORDINALS[1:])})"
_OF_CLIP = r"\s+of\s+(?:the|this)\s+(?:clip|video|film|shot|movie|footage|recording)"
_CLIP = f"(?:{_OF_CLIP})?"
_MOMENT = (
    rf"(?:(?:the\s+)?{_CLOCK}(?:\s*mark\b)?|(?:second|frame)\s+\d+(?:\.\d+)?"
    rf"|(?:the\s+)?{_NUMBER}(?:\s*-\s*|\s*)(?:{_UNIT})(?:\s*(?:mark|in)\b)?(?:to\s+the\s+(?:clip|video))?"
    rf"|the\s+{_ORDINAL}\s+(?:second|frame|minute)"
)
_POINT = _MOMENT + rf"|(?:the\s+)?(?:very\s+)?(?:beginning|start|end|middle){_CLIP}|halfway(?:\s+through)?)"
_MOMENT += rf"|the\s+(?:very\s+)?(?:beginning|start|end|middle)(?=\s+of){_OF_CLIP})"
"""In "the girl in the middle" it is a place, so that a moment must say that it is of the clip."""


def _number(text: str) -> Fraction:
    text = " ".join(text.lower().split())
    if text in ("a", "an"):
        return Fraction(1)
    if text.startswith("half"):
        return Fraction(1, 2)
    return Fraction(_WORDS.index(text)) if text in _WORDS else Fraction(text)


def _unit_point(number: Fraction, unit: str) -> TimePoint:
    unit = unit.lower()
    if unit.startswith("m"):
        return TimePoint(60 * number)
    if unit.startswith("f"):
        return TimePoint(number, "frames")
    if unit in ("%", "percent"):
        if number > 100:
            raise NotUnderstood(f"{float(number):g} %", "a share of the clip is at most 100 %")
        return TimePoint(number / 100, "share")
    return TimePoint(number)


def _point(text: str) -> TimePoint:
    text = " ".join(text.lower().split())
    if match := re.search(_CLOCK, text):
        parts = [Fraction(part) for part in match[0].split(":")]
        return TimePoint(sum((part * 60**place for place, part in enumerate(reversed(parts))), Fraction(0)))
    if match := re.search(r"(second|frame) (\d+(?:\.\d+)?)", text):
        return _unit_point(Fraction(match[2]), match[1])
    if match := re.fullmatch(rf"the ({_ORDINAL}) (second|frame|minute)", text):
        digits = re.match(r"\d+", match[1])
        number = Fraction(digits[0]) if digits else Fraction(_ORDINALS.index(match[1]))
        return _unit_point(number, match[2])
    if match := re.search(rf"({_NUMBER})\s*-?\s*({_UNIT})", text):
        return _unit_point(_number(match[1]), match[2])
    if "middle" in text or "halfway" in text:
        return TimePoint(Fraction(1, 2), "share")
    return TimePoint(Fraction(0), from_end="end" in text)


def _start(point: TimePoint) -> TimePoint | None:
    """Where a range begins; None for the clip's own beginning."""
    return None if point == TimePoint(Fraction(0)) else point


def _end(point: TimePoint) -> TimePoint | None:
    return None if point == TimePoint(Fraction(0), from_end=True) else point


def _between(first: str, last: str) -> Span:
    return Span(_start(_point(first)), _end(_point(last)))


def _bare(first: str, last: str) -> Span:
    """As in "From 1 to 3 s": the unit is that of the end."""
    end = _point(last)
    unit = {"seconds": "s", "frames": "f", "share": "%"}[end.unit]
    return Span(_start(_unit_point(_number(first), unit)), _end(end))


def _part(which: str, share: str) -> Span:
    """As in "The second half", "the last third"."""
    size = _SHARES[share]
    which = which.lower()
    if which == "first":
        return Span(None, TimePoint(size, "share"))
    if which in ("last", "latter", "final", "other") or (which == "second" and share == "half"):
        return Span(TimePoint(1 - size, "share"), None)
    place = _ORDINALS.index(which) if which in _ORDINALS else 0
    if not 0 < place <= 1 / size:
        raise NotUnderstood(f"the {which} {share}", "a clip has no such part")
    return Span(TimePoint((place - 1) * size, "share"), _end(TimePoint(place * size, "share")))


def _at(text: str, length: str | None, unit: str | None) -> Span:
    point = _point(text)
    if point.from_end and point.value == 0:
        raise NotUnderstood(text, "nothing can begin at the end of the clip")
    end = None
    if length is not None and unit is not None:
        lasting = _unit_point(_number(length), unit)
        if (lasting.unit, point.from_end) != (point.unit, False):
            raise NotUnderstood(text, "its beginning and its length must be in the same unit")
        end = TimePoint(point.value + lasting.value, point.unit)
    return Span(point, end, point)


def _lasting(number: str, unit: str, which: str) -> Span:
    """As in "The first two seconds", "the last 10 frames"."""
    point = _unit_point(_number(number), unit)
    if which.lower() in ("last", "final"):
        return Span(TimePoint(point.value, point.unit, from_end=True), None)
    return Span(None, point)


_TO = r"\s*(?:to|until|till|til|up\s+to|through|and|-|–|—)\s*"
_IN = r"(?:(?:(?:only\s+)?(?:in|for|during|over|within|throughout)\s+)?the\s+)"
_FOR = rf"(?:\s+for\s+(?:the\s+next\s+)?({_NUMBER})\s*({_UNIT}))?"

_WHOLE_CLIP = (
    r"(?:(?:for|over|during|throughout|through)\s+)?(?:the\s+)?(?:whole|entire|full)\s+"
    r"(?:length\s+of\s+the\s+)?(?:time|duration|length)|throughout(?:\s+the\s+(?:clip|video))?|all\s+the\s+time"
    r"|(?:for|over|during|throughout|through)\s+the\s+(?:whole|entire)\s+(?:clip|video|film|shot)"
)

_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Span]], ...] = tuple(
    (re.compile(rf"(?<![\w'])(?:{pattern})(?![\w:])", re.IGNORECASE), make)
    for pattern, make in (
        (
            rf"(?:starting\s+)?(?:from|between)\s+({_POINT}){_TO}(?:the\s+)?({_POINT})",
            lambda m: _between(m[1], m[2]),
        ),
        (rf"(?:from|between)\s+({_NUMBER}){_TO}({_POINT})", lambda m: _bare(m[1], m[2])),
        (rf"({_CLOCK})\s*(?:-|–|—|to)\s*({_CLOCK})", lambda m: _between(m[1], m[2])),
        (rf"(\d+(?:\.\d+)?)\s*(?:-|–|—)\s*({_POINT})", lambda m: _bare(m[1], m[2])),
        (
            rf"(?:from|after|starting\s+(?:at|from|with)|beginning\s+(?:at|from|with)|since|as\s+of)\s+({_POINT})"
            r"(?:\s+(?:on|onwards?|forward))?(?:\s+(?:until|till|to)\s+the\s+end" + _CLIP + ")?",
            lambda m: Span(_start(_point(m[1])), None),
        ),
        (
            rf"after\s+the\s+first\s+({_NUMBER})\s*({_UNIT})",
            lambda m: Span(_unit_point(_number(m[1]), m[2]), None),
        ),
        (rf"(?:until|till|til|up\s+to|before|to)\s+({_POINT})", lambda m: Span(None, _end(_point(m[1])))),
        (rf"{_IN}(first|last|final)\s+({_NUMBER})\s*({_UNIT}){_CLIP}", lambda m: _lasting(m[2], m[3], m[1])),
        (rf"{_IN}(last|final)\s+(second|minute|frame){_CLIP}", lambda m: _lasting("1", m[2], m[1])),
        (
            rf"{_IN}(first|second|third|fourth|last|latter|other|final)\s+(half|third|quarter){_CLIP}",
            lambda m: _part(m[1], m[2].lower()),
        ),
        (
            rf"(?:at|in|on|around)\s+({_MOMENT}){_FOR}(?:\s+(?:on|onwards?))?",
            lambda m: _at(m[1], m[2], m[3]),
        ),
        (rf"({_CLOCK}){_FOR}", lambda m: _at(m[1], m[2], m[3])),
        (_WHOLE_CLIP, lambda _: Span()),
    )
)


def mark_times(sentence: Marked) -> None:
    """Replaces all times in a sentence by marks.

    Raises:
        NotUnderstood: one of them cannot be meant.
    """
    for pattern, make in _RULES:
        sentence.replace(pattern, make)
