"""Chinese words for claims."""

from collections.abc import Sequence

import numpy as np

from sa2va_cli.demo.claims import Claim

NOUNS: dict[str, str] = {
    "girl": "女孩",
    "boy": "男孩",
    "dog": "狗",
    "cat": "猫",
    "ball": "球",
    "balloon": "气球",
    "car": "汽车",
    "bicycle": "自行车",
    "bird": "鸟",
    "animal": "动物",
    "child": "孩子",
    "thing": "东西",
}
COLOURS: dict[str, str] = {
    "red": "红",
    "blue": "蓝",
    "green": "绿",
    "yellow": "黄",
    "purple": "紫",
    "orange": "橙",
    "pink": "粉",
    "black": "黑",
}
_MEASURES = {"dog": "只", "cat": "只", "bird": "只", "animal": "只", "car": "辆", "bicycle": "辆"}
_GARMENTS = {"girl": "裙子", "boy": "衬衫"}
_LANDMARKS = {"tree": "树", "house": "房子", "bench": "长椅"}
_NUMBERS = {2: "两", 3: "三", 4: "四", 5: "五", 6: "六"}
_WAYS = {"left": "左", "right": "右"}
VERBS = {
    "walk": "走",
    "run": "跑",
    "roll": "滚",
    "drift": "飘",
    "drive": "开",
    "ride": "行驶",
    "fly": "飞",
    "move": "移动",
}
_REQUESTS = ("请分割{}", "请找出{}", "分割{}", "找出{}", "{}在哪里?", "请把{}标出来", "你能分割{}吗?")
_SHARE_OF_REQUESTS = 0.15


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def word(claim: Claim, rng: np.random.Generator) -> str:
    """Puts a claim into words: mostly a noun phrase, at times a request."""
    phrase = _WORDERS[claim.form](claim, rng)
    if rng.random() < _SHARE_OF_REQUESTS:
        return requested(phrase, rng)
    return phrase + "。" if rng.random() < 0.05 else phrase


def requested(phrase: str, rng: np.random.Generator) -> str:
    """Makes a request of a noun phrase."""
    return _pick(rng, _REQUESTS).format(phrase)


def _kind(claim: Claim, rng: np.random.Generator) -> str:
    noun = NOUNS[claim.noun]
    if len(claim.actors) == 1 and rng.random() < 0.3:
        return f"那{measure(claim.noun)}{noun}"
    return noun


def measure(noun: str) -> str:
    """The measure word of a noun."""
    return _MEASURES.get(noun, "个")


def _colour(claim: Claim, rng: np.random.Generator) -> str:
    noun, colour = NOUNS[claim.noun], COLOURS[claim.detail]
    if claim.noun == "child":
        return _pick(rng, (f"穿{colour}色衣服的孩子", f"穿{colour}衣服的人"))
    if claim.noun not in _GARMENTS:
        return _pick(rng, (f"{colour}色的{noun}", f"{colour}色的{noun}", f"{colour}色{noun}"))
    garment = _GARMENTS[claim.noun]
    return _pick(
        rng,
        (
            f"穿{colour}{garment}的{noun}",
            f"{colour}{garment}的{noun}",
            f"穿着{colour}色{garment}的{noun}",
            f"穿{colour}色衣服的{noun}",
            f"穿{colour}{garment}的人",
        ),
    )


def _size(claim: Claim, rng: np.random.Generator) -> str:
    noun, size = NOUNS[claim.noun], {"large": "大", "small": "小"}[claim.detail]
    return _pick(rng, (f"{size}的{noun}", f"较{size}的{noun}", f"比较{size}的{noun}"))


def _place(claim: Claim, rng: np.random.Generator) -> str:
    noun = NOUNS[claim.noun]
    if claim.detail == "middle":
        return _pick(rng, (f"中间的{noun}", f"画面中间的{noun}"))
    side = _WAYS[claim.detail]
    return _pick(rng, (f"{side}边的{noun}", f"画面{side}边的{noun}", f"{side}侧的{noun}"))


def _motion(claim: Claim, rng: np.random.Generator) -> str:
    noun = NOUNS[claim.noun]
    action, _, way = claim.detail.partition(" ")
    if way:
        now = _pick(rng, ("正在", "", ""))
        return f"{now}{_pick(rng, ('向', '往'))}{_WAYS[way]}{VERBS[action]}的{noun}"
    options = {
        "still": ("静止的", "不动的", "没有移动的"),
        "bounce": ("弹跳的", "正在弹跳的", "上下跳动的"),
        "up": ("向上飘的", "正在上升的", "往上飘的"),
        "run": ("奔跑的", "正在跑的", "跑步的")[: 3 if claim.noun in _GARMENTS else 2],
    }[action]
    if action == "still" and claim.noun in {"girl", "boy", "dog", "cat", "bird"}:
        options = ("站着不动的", "静止不动的", "不动的")
    return _pick(rng, options) + noun


def _relation(claim: Claim, rng: np.random.Generator) -> str:
    noun = NOUNS[claim.noun]
    if claim.detail == "largest":
        return _pick(rng, ("最大的那个", "最大的一个")) if claim.noun == "thing" else f"最大的{noun}"
    mark = _LANDMARKS[claim.detail]
    return _pick(rng, (f"离{mark}最近的{noun}", f"最靠近{mark}的{noun}", f"距离{mark}最近的{noun}"))


def _plural(claim: Claim, rng: np.random.Generator) -> str:
    noun, n = NOUNS[claim.noun], len(claim.actors)
    if claim.detail:
        return _pick(rng, (f"所有{COLOURS[claim.detail]}色的东西", f"全部{COLOURS[claim.detail]}色的东西"))
    options = [f"所有的{noun}", f"所有{noun}", f"全部的{noun}", f"每{measure(claim.noun)}{noun}"]
    if claim.noun == "child":
        options += ["所有人", "所有的人"]
    if n in _NUMBERS:
        options += [
            f"{_NUMBERS[n]}{measure(claim.noun)}{noun}",
            f"这{_NUMBERS[n]}{measure(claim.noun)}{noun}",
        ]
    return _pick(rng, options)


_WORDERS = {
    "kind": _kind,
    "colour": _colour,
    "size": _size,
    "place": _place,
    "motion": _motion,
    "relation": _relation,
    "plural": _plural,
}


def name(groups: Sequence[tuple[str, str, int]]) -> str:
    """Names groups of (colour, kind, how many): ``红色的女孩、蓝色的狗和两个绿色的球``."""
    parts = [
        f"{COLOURS[colour]}色的{NOUNS[kind]}"
        if n == 1
        else f"{_NUMBERS[n]}{measure(kind)}{COLOURS[colour]}色的{NOUNS[kind]}"
        for colour, kind, n in groups
    ]
    return parts[0] if len(parts) == 1 else f"{'、'.join(parts[:-1])}和{parts[-1]}"
