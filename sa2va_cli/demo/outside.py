"""Words for what the park never has: no picture of it shows an elephant.

Training and evaluation have lists of their own, in the folder ``outside``, that do not meet. Invented words,
which look like words and mean nothing, are for training only.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from sa2va_cli.demo import chinese, english
from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.scene import LANDMARK_KINDS

_LANGUAGES = {"en": "english", "zh": "chinese"}
_SHARE_OF_INVENTED = 0.15
_ADJECTIVES = (
    *(*COLOURS, "white", "brown", "grey", "golden", "big", "large", "small", "little", "old", "tall"),
    *("young", "beautiful", "broken", "wooden", "shiny", "sleeping", "flying", "running"),
)
_CHINESE_ADJECTIVES = (
    *(f"{colour}色的" for colour in chinese.COLOURS.values()),
    *("白色的", "棕色的", "金色的", "大", "小", "大的", "小的", "旧的", "漂亮的", "坏了的"),
    *("正在飞的", "正在跑的", "静止的"),
)
_DOING = (
    *("running to the left", "moving to the right", "standing still", "flying", "sleeping", "walking"),
    *("driving to the left", "jumping", "falling down", "eating", "moving left", "not moving"),
)
_FOREIGN_DOING = (
    *("reading a book", "sleeping", "swimming", "eating", "dancing", "climbing a tree", "cooking"),
    *("playing the guitar", "sitting down", "riding a horse", "on fire", "upside down"),
)
_FOREIGN_COLOURS = (
    *("white", "brown", "grey", "gray", "golden", "silver", "beige", "turquoise", "transparent"),
    *("striped", "rainbow-coloured"),
)
_FOREIGN_CHINESE_COLOURS = ("白色的", "棕色的", "灰色的", "金色的", "银色的", "透明的", "彩色的", "条纹的")
_BESIDE = ("near", "behind", "next to", "closest to", "nearest")
_HAVING = ("with", "holding", "wearing", "carrying", "eating")
_VOWELS, _CONSONANTS = "aeiou", ("b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z",
                                 "br", "cl", "dr", "gr", "pl", "sh", "st", "th", "tr")  # fmt: skip


@cache
def outside_words(language: str, *, held_out: bool = False) -> tuple[str, ...]:
    """Nouns from outside of the park.

    Args:
        language: ``en`` or ``zh``.
        held_out: those for evaluation, which training never sees, instead of those for training.
    """
    name = f"{_LANGUAGES[language]}{'-held-out' if held_out else ''}.txt"
    return tuple((files("sa2va_cli.demo") / "outside" / name).read_text(encoding="utf-8").split("\n")[:-1])


def outside_noun(language: str, rng: np.random.Generator, *, held_out: bool = False) -> str:
    """One noun: of the list, or in training at times an invented one."""
    if held_out or rng.random() >= _SHARE_OF_INVENTED:
        return _pick(rng, outside_words(language, held_out=held_out))
    return _invented_english(rng) if language == "en" else _invented_chinese(rng)


def outside_phrase(language: str, rng: np.random.Generator, *, held_out: bool = False) -> str:
    """Words that fit nothing in any scene of the park."""
    noun = outside_noun(language, rng, held_out=held_out)
    make = _english if language == "en" else _chinese
    phrase = make(noun, rng)
    while held_out and noun not in phrase:  # not one of the few that training has seen word for word
        phrase = make(noun, rng)
    requested = rng.random() < 0.15
    if language == "en":
        return english.dressed(english.requested(phrase, rng) if requested else phrase, rng)
    return chinese.requested(phrase, rng) if requested else phrase


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _english(noun: str, rng: np.random.Generator) -> str:
    kind, colour = _pick(rng, KINDS), _pick(rng, tuple(COLOURS))
    article = "an" if noun[0] in _VOWELS else "a"
    options = (
        (0.3, noun),
        (0.12, f"{article} {noun}"),
        (0.17, f"the {noun}"),
        (0.05, _pick(rng, (f"{noun}s", f"all {noun}s", f"the {noun}s", f"two {noun}s", f"every {noun}"))),
        (0.12, _pick(rng, ("the ", "a ", "")) + f"{_pick(rng, _ADJECTIVES)} {noun}"),
        (0.06, f"the {noun} {_pick(rng, ('on the left', 'on the right', 'in the middle', 'in the center'))}"),
        (0.05, f"{_pick(rng, ('the ', ''))}{noun} {_pick(rng, _DOING)}"),
        (0.04, f"the {noun} {_pick(rng, _BESIDE)} the {_pick(rng, (*KINDS, *LANDMARK_KINDS))}"),
        (0.03, f"the {kind} {_pick(rng, _HAVING)} {article} {noun}"),
        (0.03, f"{_pick(rng, ('the ', ''))}{_pick(rng, _FOREIGN_COLOURS)} {kind}"),
        (0.02, f"the {kind} {_pick(rng, _FOREIGN_DOING)}"),
        (0.01, f"the {noun} in {colour}"),
    )  # fmt: skip
    return _drawn(options, rng)


def _chinese(noun: str, rng: np.random.Generator) -> str:
    kind = chinese.NOUNS[_pick(rng, KINDS)]
    options = (
        (0.45, noun),
        (
            0.1,
            _pick(rng, ("一个", "一只", "那个", "那只", "这个", "所有的", "所有", "两个", "全部的")) + noun,
        ),
        (0.18, _pick(rng, _CHINESE_ADJECTIVES) + noun),
        (0.09, _pick(rng, ("左边的", "右边的", "中间的", "画面左边的", "画面右边的", "最大的")) + noun),
        (0.05, _pick(rng, ("向左移动的", "正在向右走的", "往左跑的", "不动的", "向右飞的")) + noun),
        (0.04, f"离{_pick(rng, ('树', '房子', '长椅', kind))}最近的{noun}"),
        (0.04, f"{_pick(rng, ('拿着', '戴着', '带着', '抱着', '骑着'))}{noun}的{kind}"),
        (0.05, _pick(rng, _FOREIGN_CHINESE_COLOURS) + kind),
    )
    return _drawn(options, rng)


def _drawn(options: Sequence[tuple[float, str]], rng: np.random.Generator) -> str:
    shares = np.array([share for share, _ in options])
    return options[int(rng.choice(len(options), p=shares / shares.sum()))][1]


def _invented_english(rng: np.random.Generator) -> str:
    syllables = [_pick(rng, _CONSONANTS) + _pick(rng, _VOWELS) for _ in range(int(rng.integers(1, 4)))]
    word = "".join(syllables) + _pick(rng, (*_CONSONANTS[:15], "", "", "ck", "ng"))
    known = {*KINDS, *english.PLURALS.values(), *outside_words("en", held_out=True)}
    return "glorp" if word in known else word


def _invented_chinese(rng: np.random.Generator) -> str:
    """One to three of the 3,755 commonest characters (the first level of GB 2312), but none of the park's."""
    park = set("".join((*chinese.NOUNS.values(), "人童宝物玩具单云太阳路草地天空山屋长椅树房子")))
    characters = ""
    for _ in range(int(rng.integers(1, 4))):
        code = bytes((0xB0 + int(rng.integers(0x28 - 1)), 0xA1 + int(rng.integers(94))))
        characters += code.decode("gb2312")
    return (
        "鲲鹏" if set(characters) & park or characters in outside_words("zh", held_out=True) else characters
    )
