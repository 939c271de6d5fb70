"""What words for effects mean: those of the table of effects, and more that sentences need.

Knows nothing about sentences.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sa2va_cli.render.effects.colour_words import COLOUR_WORDS, named_colour
from sa2va_cli.render.effects.parameters import ColourParameter
from sa2va_cli.render.effects.table import EFFECTS


@dataclass(frozen=True)
class Meaning:
    """What a word for an effect means.

    Attributes:
        effect: its name.
        told: what the effect is told by that word, as pairs of name and text.
    """

    effect: str
    told: tuple[tuple[str, str], ...] = ()

    def with_values(self, **values: str) -> "Meaning":
        """The same, told more."""
        return Meaning(self.effect, tuple({**dict(self.told), **values}.items()))


DARKER = Meaning("brightness", (("amount", "0.6"),))
BRIGHTER = Meaning("brightness", (("amount", "1.5"),))
WARMER = Meaning("temperature", (("amount", "0.4"),))
COOLER = Meaning("temperature", (("amount", "-0.4"),))
PALER = Meaning("saturation", (("amount", "0.6"),))
SOFTER = Meaning("contrast", (("amount", "0.7"),))

_ENGLISH: Mapping[str, Meaning] = {
    **dict.fromkeys(("darken", "darker", "dim", "dimmer"), DARKER),
    **dict.fromkeys(("brighten", "brighter", "lighten", "lighter", "light up"), BRIGHTER),
    "twice as bright": Meaning("brightness", (("amount", "2"),)),
    "half as bright": Meaning("brightness", (("amount", "0.5"),)),
    **dict.fromkeys(("warm", "warmer", "warm up"), WARMER),
    **dict.fromkeys(("cool", "cooler", "colder", "cool down"), COOLER),
    **dict.fromkeys(("less colourful", "less colorful", "paler", "less saturated"), PALER),
    **dict.fromkeys(
        ("more colourful", "more colorful", "more vivid", "more saturated"), Meaning("saturation")
    ),
    **dict.fromkeys(("more contrast", "more contrasty"), Meaning("contrast")),
    "less contrast": SOFTER,
    **dict.fromkeys(("sharper", "crisper", "more detailed"), Meaning("sharpen")),
    **dict.fromkeys(("blurred", "blurry", "out of focus"), Meaning("blur")),
    **dict.fromkeys(("pixelated", "pixellated"), Meaning("pixelate")),
    **dict.fromkeys(("pixel", "pixel-art"), Meaning("pixelate")),
    **dict.fromkeys(("invisible", "disappear", "vanish", "go away", "wipe out", "remove"), Meaning("remove")),
    **dict.fromkeys(("black-and-white", "b&w", "colourless", "colorless"), Meaning("grey")),
    **dict.fromkeys(
        (
            "ink wash painting",
            "chinese ink",
            "chinese ink painting",
            "ink-wash painting",
            "a chinese painting",
            "brush painting",
        ),
        Meaning("ink"),
    ),
    **dict.fromkeys(("pencil sketch", "sketched", "hand-drawn", "pencil-drawn"), Meaning("pencil")),
    **dict.fromkeys(("cartoonish", "cartoony", "cartoonize", "cartoonise", "comic book"), Meaning("cartoon")),
    **dict.fromkeys(("ink-drawn", "ink-painted", "brush-painted"), Meaning("ink")),
    **dict.fromkeys(("oils", "oil-painted"), Meaning("oil")),
    **dict.fromkeys(
        (
            "watercolours",
            "watercolors",
            "watercolour painting",
            "watercolor painting",
            "watercolour-painted",
            "watercolor-painted",
        ),
        Meaning("watercolour"),
    ),
    **dict.fromkeys(("glowing", "shining"), Meaning("glow")),
    **dict.fromkeys(("anonymise", "anonymize", "conceal", "obscure", "redacted", "hidden"), Meaning("fill")),
    **dict.fromkeys(("outlined", "trace"), Meaning("outline")),
    **dict.fromkeys(
        ("zoom in on", "zoom into", "zoom to", "zoom in to", "close in on", "move in on", "push in on"),
        Meaning("zoom"),
    ),
    **dict.fromkeys(("keep the camera on", "stay with", "follow along with"), Meaning("follow")),
    **dict.fromkeys(("put a spotlight on", "shine a spotlight on", "light up only"), Meaning("spotlight")),
    "cast shadow": Meaning("shadow"),
}

_CHINESE: Mapping[str, Meaning] = {
    **dict.fromkeys(("变暗", "调暗", "压暗", "暗", "更暗", "变黑一点"), DARKER),
    **dict.fromkeys(("变亮", "提亮", "调亮", "亮", "更亮", "加亮", "打亮"), BRIGHTER),
    **dict.fromkeys(("暖色", "暖色调", "变暖", "暖", "调暖"), WARMER),
    **dict.fromkeys(("冷色", "冷色调", "变冷", "冷", "调冷"), COOLER),
    **dict.fromkeys(("更鲜艳", "变鲜艳", "鲜艳"), Meaning("saturation")),
    "增加对比度": Meaning("contrast"),
    "提高对比度": Meaning("contrast"),
    "降低对比度": SOFTER,
    **dict.fromkeys(("增加饱和度", "提高饱和度"), Meaning("saturation")),
    "降低饱和度": PALER,
    **dict.fromkeys(("更清晰", "变清晰", "清晰"), Meaning("sharpen")),
    **dict.fromkeys(("水墨画风", "中国画", "水墨风格"), Meaning("ink")),
    **dict.fromkeys(("素描画", "铅笔素描"), Meaning("pencil")),
    **dict.fromkeys(("卡通画", "动画"), Meaning("cartoon")),
    **dict.fromkeys(("油画风",), Meaning("oil")),
    **dict.fromkeys(("水彩风",), Meaning("watercolour")),
    **dict.fromkeys(("像素画",), Meaning("pixelate")),
    **dict.fromkeys(("打马赛克", "打上马赛克"), Meaning("mosaic")),
    **dict.fromkeys(("模糊化",), Meaning("blur")),
    **dict.fromkeys(("挡住", "遮起来", "藏起来", "抹黑", "打上码"), Meaning("fill")),
    **dict.fromkeys(
        ("消失", "不见", "隐形", "移走", "拿掉", "弄走", "清除", "抹去", "擦掉", "p掉", "ps掉"),
        Meaning("remove"),
    ),
    **dict.fromkeys(("变黑白", "彩色去掉"), Meaning("grey")),
    **dict.fromkeys(("外发光", "辉光"), Meaning("glow")),
    **dict.fromkeys(("描个边", "描上边"), Meaning("outline")),
    **dict.fromkeys(("镜头跟随", "镜头跟着", "跟着"), Meaning("follow")),
    **dict.fromkeys(("放大到", "镜头推近", "推向"), Meaning("zoom")),
    **dict.fromkeys(("打聚光灯", "打光", "突出显示", "高亮显示", "高亮"), Meaning("spotlight")),
}


@cache
def english() -> Mapping[str, Meaning]:
    """Words for effects in English, in small letters."""
    rows = {word: Meaning(row.name) for row in EFFECTS.values() for word in (*row.english, row.name)}
    return {**rows, **_ENGLISH}


@cache
def chinese() -> Mapping[str, Meaning]:
    """Words for effects in Chinese sentences, in which English ones may stand, too."""
    rows = {word: Meaning(row.name) for row in EFFECTS.values() for word in row.chinese}
    return {**english(), **rows, **_CHINESE}


def alternatives(words: Mapping[str, object]) -> str:
    """A regular expression of all words, the longest first."""
    return "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words, key=len, reverse=True))


_BARE_CHINESE = "红橙橘黄绿青蓝紫粉棕褐金银白灰黑"
_CHINESE_COLOURS = (
    "天蓝",
    "深蓝",
    "浅蓝",
    "深绿",
    "浅绿",
    "深红",
    "大红",
    "藏青",
    "粉红",
    "品红",
    "橘红",
    "咖啡",
    "米",
)
ENGLISH_COLOUR = f"(?:#[0-9a-fA-F]{{6}}|#[0-9a-fA-F]{{3}}|{alternatives(dict.fromkeys(COLOUR_WORDS))})"
"""A colour in an English sentence."""
CHINESE_COLOUR = (
    rf"(?:#[0-9a-fA-F]{{6}}|#[0-9a-fA-F]{{3}}|(?:{'|'.join(_CHINESE_COLOURS)}|[{_BARE_CHINESE}])色?"
    rf"|{alternatives(dict.fromkeys(COLOUR_WORDS))})"
)
"""A colour in a Chinese sentence."""


def is_colour(words: str) -> bool:
    """Whether some words are a colour."""
    return named_colour(words) is not None


def colour_parameter(effect: str) -> str | None:
    """What an effect calls the colour that it is told; None for an effect without one."""
    return next(
        (one.name for one in EFFECTS[effect].all_parameters if isinstance(one, ColourParameter)), None
    )


DEGREES: Mapping[str, tuple[str, str, str]] = {
    "blur": ("radius", "6", "40"),
    "mosaic": ("cells", "14", "4"),
    "contrast": ("amount", "1.2", "2"),
    "saturation": ("amount", "1.25", "2.2"),
    "sharpen": ("amount", "0.5", "2.5"),
    "glow": ("amount", "0.5", "2.5"),
    "shadow": ("darkness", "0.35", "0.85"),
    "spotlight": ("darkness", "0.4", "0.9"),
    "outline": ("width", "2", "10"),
    "zoom": ("factor", "1.3", "3"),
}
"""What "a little" and "strongly" mean: a parameter, and its value for each."""


def by_degree(meaning: Meaning, *, much: bool) -> Meaning | None:
    """An effect, weaker or stronger than usual; None where it has no degrees."""
    told = dict(meaning.told)
    if meaning.effect in ("brightness", "contrast", "saturation", "temperature") and "amount" in told:
        return meaning.with_values(amount=_further(meaning.effect, float(told["amount"]), much=much))
    if meaning.effect == "brightness":
        return meaning.with_values(amount="2" if much else "1.2")
    if meaning.effect == "temperature":
        return meaning.with_values(amount="0.8" if much else "0.2")
    if meaning.effect in DEGREES:
        name, little, strong = DEGREES[meaning.effect]
        return meaning.with_values(**{name: strong if much else little})
    if any(one.name == "strength" for one in EFFECTS[meaning.effect].all_parameters):
        return meaning.with_values(strength="1" if much else "0.5")
    return None


def _further(effect: str, amount: float, *, much: bool) -> str:
    """Twice or half as far from what changes nothing."""
    if effect == "temperature":
        return f"{max(-1.0, min(1.0, amount * (2 if much else 0.5))):g}"
    return f"{amount**2 if much else amount**0.5:.2g}"
