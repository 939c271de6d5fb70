"""Colours by the words that people use for them in English and Chinese. Knows nothing about pictures."""

from collections.abc import Mapping

from sa2va_cli.render.palette import NAMED_COLOURS, Colour, colour_of

COLOUR_WORDS: Mapping[str, Colour] = {
    "red": (214, 40, 40),
    "orange": (245, 130, 32),
    "yellow": (250, 210, 40),
    "green": (40, 150, 70),
    "cyan": (0, 190, 205),
    "blue": (30, 90, 210),
    "purple": (120, 60, 170),
    "violet": NAMED_COLOURS["violet"],
    "magenta": NAMED_COLOURS["magenta"],
    "pink": (245, 130, 175),
    "brown": (120, 75, 40),
    "gold": (212, 165, 40),
    "silver": (190, 195, 200),
    "beige": (225, 205, 170),
    "teal": (0, 128, 128),
    "navy": (25, 40, 100),
    "turquoise": (64, 210, 200),
    "lime": NAMED_COLOURS["lime"],
    "azure": NAMED_COLOURS["azure"],
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "black": (0, 0, 0),
    "sky blue": (110, 180, 240),
    "dark blue": (25, 40, 120),
    "dark green": (20, 80, 40),
    "dark red": (130, 20, 25),
    "light blue": (150, 200, 245),
    "light green": (150, 215, 140),
}
"""As a person pictures them on cloth or paint, not the corners of the RGB cube."""

_CHINESE: Mapping[str, str] = {
    "红": "red",
    "橙": "orange",
    "橘": "orange",
    "黄": "yellow",
    "绿": "green",
    "青": "cyan",
    "蓝": "blue",
    "紫": "purple",
    "粉": "pink",
    "粉红": "pink",
    "品红": "magenta",
    "棕": "brown",
    "褐": "brown",
    "咖啡": "brown",
    "金": "gold",
    "银": "silver",
    "米": "beige",
    "白": "white",
    "灰": "grey",
    "黑": "black",
    "天蓝": "sky blue",
    "深蓝": "dark blue",
    "浅蓝": "light blue",
    "深绿": "dark green",
    "浅绿": "light green",
    "深红": "dark red",
    "大红": "red",
    "藏青": "navy",
}
"""Each with or without the word for colour (色) behind it."""


def named_colour(text: str) -> Colour | None:
    """Reads a colour: a word in English or Chinese, ``#rrggbb`` or ``#rgb``; None for what is none."""
    word = " ".join(text.strip().lower().replace("-", " ").split())
    word = _CHINESE.get(word.removesuffix("色"), word)
    return COLOUR_WORDS.get(word) or colour_of(word)
