"""Times in Chinese sentences: 第三秒, 前两秒, 后半段, 从1秒到3秒.

As in English, a moment (第三秒, 在3秒时) is where the target is looked for and where the change begins.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from sa2va_cli.editing.grammar.marks import Marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.times import Span, TimePoint

_DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_NUMBER = r"(?:\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百]+|半)"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?"
_UNIT = r"(?:秒钟|秒|分钟|分(?!之)|帧|s\b|%)"
_ENDS = r"(?:一开始|最开始|开头|开始处|片头|结尾|末尾|片尾|最后(?![零〇一二两三四五六七八九十\d])|结束|中间)"
_MOMENT = (
    rf"(?:第?{_CLOCK}|第?{_NUMBER}分钟?{_NUMBER}秒钟?|第?{_NUMBER}秒半|第?{_NUMBER}\s*{_UNIT}|百分之{_NUMBER}"
)
_POINT = _MOMENT + rf"|{_ENDS})"
_MOMENT += r"|一开始|(?:视频|片子|影片)(?:开头|中间))"
"""In 中间的女孩 it is a place, so that a moment must say that it is of the clip."""


def _number(text: str) -> Fraction:
    """Reads 3, 2.5, 三, 十二, 二十, 一百二十, 半."""
    if text == "半":
        return Fraction(1, 2)
    if text[0].isdigit() and text[0] in "0123456789":
        return Fraction(text)
    total, digit = 0, 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        else:
            total, digit = total + (digit or 1) * {"十": 10, "百": 100}[char], 0
    return Fraction(total + digit)


def _with_unit(number: Fraction, unit: str) -> TimePoint:
    if unit.startswith("分"):
        return TimePoint(60 * number)
    if unit == "帧":
        return TimePoint(number, "frames")
    if unit == "%":
        if number > 100:
            raise NotUnderstood(f"{float(number):g}%", "a share of the clip is at most 100 %")
        return TimePoint(number / 100, "share")
    return TimePoint(number)


def _point(text: str) -> TimePoint:
    text = re.sub("^(?:视频|片子|影片)", "", text.strip().removeprefix("第"))
    if re.fullmatch(_CLOCK, text):
        parts = [Fraction(part) for part in text.split(":")]
        return TimePoint(sum((part * 60**place for place, part in enumerate(reversed(parts))), Fraction(0)))
    if match := re.fullmatch(rf"(?:({_NUMBER})分钟?)?({_NUMBER})秒(半|钟)?", text):
        minutes = _number(match[1]) if match[1] else 0
        return TimePoint(60 * minutes + _number(match[2]) + (Fraction(1, 2) if match[3] == "半" else 0))
    if match := re.fullmatch(rf"百分之({_NUMBER})|({_NUMBER})\s*({_UNIT})", text):
        return _with_unit(_number(match[1] or match[2]), match[3] or "%")
    if text == "中间":
        return TimePoint(Fraction(1, 2), "share")
    return TimePoint(Fraction(0), from_end=text in ("结尾", "末尾", "片尾", "最后", "结束"))


def _start(point: TimePoint) -> TimePoint | None:
    return None if point == TimePoint(Fraction(0)) else point


def _end(point: TimePoint) -> TimePoint | None:
    return None if point == TimePoint(Fraction(0), from_end=True) else point


def _between(first: str, last: str) -> Span:
    if re.fullmatch(rf"第?{_NUMBER}", first.strip()):  # 1到3秒: the unit is that of the end
        end = _point(last)
        unit = {"seconds": "秒", "frames": "帧", "share": "%"}[end.unit]
        return Span(_start(_with_unit(_number(first.strip().removeprefix("第")), unit)), _end(end))
    return Span(_start(_point(first)), _end(_point(last)))


def _lasting(number: str, unit: str, *, last: bool) -> Span:
    point = _with_unit(_number(number), unit)
    return Span(TimePoint(point.value, point.unit, from_end=True), None) if last else Span(None, point)


def _part(which: str, share: Fraction) -> Span:
    if which in ("前", "上", "头"):
        return Span(None, TimePoint(share, "share"))
    return Span(TimePoint(1 - share, "share"), None)


def _at(text: str) -> Span:
    point = _point(text)
    if point.from_end and point.value == 0:
        raise NotUnderstood(text, "nothing can begin at the end of the clip")
    return Span(point, None, point)


_TO = r"\s*(?:到|至|-|–|—|~)\s*"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Span]], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"(?:在)?([前后])三分之一", lambda m: _part(m[1], Fraction(1, 3))),
        (r"(?:在)?([前后])四分之一", lambda m: _part(m[1], Fraction(1, 4))),
        (
            rf"(?:在|从|自)?\s*({_POINT}|第?{_NUMBER}){_TO}({_POINT})(?:为止|之间|期间|这段时间|这段|的时候|时|里|内)?",
            lambda m: _between(m[1], m[2]),
        ),
        (rf"在?\s*({_POINT})[和与]({_POINT})之间", lambda m: _between(m[1], m[2])),
        (
            rf"(?:从|自)\s*({_POINT})(?:开始|起|往后|以后|之后|后)?(?:一?直?到(?:最后|结尾|结束|末尾|片尾))?",
            lambda m: Span(_start(_point(m[1])), None),
        ),
        (
            rf"在?({_POINT})(?:开始|起|往后|以后|之后|后)(?!半)(?:一?直?到(?:最后|结尾|结束|末尾|片尾))?",
            lambda m: Span(_start(_point(m[1])), None),
        ),
        (rf"在?({_POINT})(?:以前|之前|前)(?!半)", lambda m: Span(None, _point(m[1]))),
        (rf"一?直?到\s*({_POINT})(?:为止)?", lambda m: Span(None, _end(_point(m[1])))),
        (
            rf"(?:在)?(?:最?开?头|最初|前|头)\s*({_NUMBER})\s*({_UNIT})(?:里|内|中|的时候)?",
            lambda m: _lasting(m[1], m[2], last=False),
        ),
        (
            rf"(?:在)?(?:最后|末尾|结尾|后)\s*({_NUMBER})\s*({_UNIT})(?:里|内|中|的时候)?",
            lambda m: _lasting(m[1], m[2], last=True),
        ),
        (r"(?:在)?([前后上下])半(?:段|部分|程|截|场)(?:视频|里|中)?", lambda m: _part(m[1], Fraction(1, 2))),
        (r"全程|从头到尾|始终|整段时间", lambda _: Span()),
        (
            rf"(?:在|于)?\s*({_MOMENT})(?:钟)?(?:的时候|时候|时刻|时|处|那一刻|左右|里|开始)?",
            lambda m: _at(m[1]),
        ),
    )
)


def mark_times(sentence: Marked) -> None:
    """Replaces all times in a sentence by marks.

    Raises:
        NotUnderstood: one of them cannot be meant.
    """
    for pattern, make in _RULES:
        sentence.replace(pattern, make)
