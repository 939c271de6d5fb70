"""Plain words: wider and other names of the park's actors, and its scenery.

``language`` names everything in one way; here a girl is also a woman, a person and a living thing, and the
trees can be asked for as well. Nothing here changes what ``language`` says about a scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sa2va_cli.demo import chinese, english
from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.claims import PLACES
from sa2va_cli.demo.language import Expression
from sa2va_cli.demo.scene import SCENERY_NUMBERS, Actor, Scene
from sa2va_cli.demo.sightings import Sightings, measure, scenery_areas, third

WIDER: dict[str, tuple[str, ...]] = {
    **{kind: (kind,) for kind in KINDS},
    "person": ("girl", "boy"),
    "child": ("girl", "boy"),
    "animal": ("dog", "cat", "bird"),
    "pet": ("dog", "cat"),
    "toy": ("ball", "balloon"),
    "vehicle": ("car", "bicycle"),
}
"""Every noun with the kinds of actors it fits."""

CLEARLY_SEEN = 0.004
"""Share of the picture that scenery must cover at one time at least to count as there."""

_SHARE_OF_NONE = 0.25
_SHARE_OF_CHINESE = 0.4
_HYPERNYMS = ("person", "child", "animal", "pet", "toy", "vehicle")

ENGLISH: dict[str, tuple[tuple[str, str], ...]] = {
    "girl": (("girl", "girls"), ("woman", "women"), ("lady", "ladies")),
    "boy": (("boy", "boys"), ("man", "men"), ("guy", "guys")),
    "dog": (("dog", "dogs"), ("puppy", "puppies"), ("doggy", "doggies")),
    "cat": (("cat", "cats"), ("kitten", "kittens"), ("kitty", "kitties")),
    "ball": (("ball", "balls"),),
    "balloon": (("balloon", "balloons"),),
    "car": (("car", "cars"), ("automobile", "automobiles"), ("auto", "autos")),
    "bicycle": (("bicycle", "bicycles"), ("bike", "bikes"), ("bike", "bikes"), ("cycle", "cycles")),
    "bird": (("bird", "birds"), ("birdie", "birdies")),
    "person": (("person", "people"), ("person", "people"), ("human", "humans"), ("person", "persons")),
    "child": (("child", "children"), ("kid", "kids")),
    "animal": (("animal", "animals"), ("animal", "animals"), ("creature", "creatures")),
    "pet": (("pet", "pets"),),
    "toy": (("toy", "toys"),),
    "vehicle": (("vehicle", "vehicles"),),
}
CHINESE: dict[str, tuple[str, ...]] = {
    "girl": ("女孩", "女人", "女士", "姑娘", "小女孩", "女生"),
    "boy": ("男孩", "男人", "男士", "小男孩", "男生"),
    "dog": ("狗", "小狗", "狗狗"),
    "cat": ("猫", "小猫", "猫咪"),
    "ball": ("球", "皮球"),
    "balloon": ("气球",),
    "car": ("汽车", "轿车", "小汽车"),
    "bicycle": ("自行车", "单车", "脚踏车"),
    "bird": ("鸟", "小鸟", "鸟儿"),
    "person": ("人", "人", "人们", "人物", "人类"),
    "child": ("孩子", "小孩", "儿童", "孩子们"),
    "animal": ("动物", "动物", "小动物"),
    "pet": ("宠物",),
    "toy": ("玩具",),
    "vehicle": ("车", "车", "车辆", "交通工具"),
}
ENGLISH_SCENERY: dict[str, tuple[tuple[str, str], ...]] = {
    "sky": (("sky", "sky"),),
    "cloud": (("cloud", "clouds"),),
    "sun": (("sun", "sun"),),
    "hill": (("hill", "hills"), ("mountain", "mountains")),
    "grass": (("grass", "grass"), ("meadow", "meadow"), ("lawn", "lawn")),
    "path": (("path", "paths"), ("footpath", "footpaths"), ("trail", "trails")),
    "tree": (("tree", "trees"),),
    "house": (("house", "houses"), ("building", "buildings")),
    "bench": (("bench", "benches"),),
}
CHINESE_SCENERY: dict[str, tuple[str, ...]] = {
    "sky": ("天空", "天"),
    "cloud": ("云", "云朵", "白云"),
    "sun": ("太阳",),
    "hill": ("山", "小山", "山丘"),
    "grass": ("草地", "草", "草坪"),
    "path": ("小路", "路", "小径"),
    "tree": ("树", "树木", "大树"),
    "house": ("房子", "房屋", "屋子"),
    "bench": ("长椅", "长凳"),
}


@dataclass(frozen=True)
class _Claim:
    """A noun with what is said of it, and the numbers of what is meant; none where nothing is."""

    noun: str
    detail: str
    numbers: tuple[int, ...]


def scenery_seen(scene: Scene, times: Sequence[int]) -> dict[str, bool | None]:
    """Whether each kind of scenery is there; None where too little of it is seen to be sure."""
    areas = scenery_areas(scene, tuple(sorted(set(times))))
    return {name: (area >= CLEARLY_SEEN) or (None if area else False) for name, area in areas.items()}


def members(sightings: Sightings, noun: str, colour: str | None = None) -> list[Actor] | None:
    """Who is seen that a noun of ``WIDER`` fits; None if that is not clear."""
    actors = [a for a in sightings.scene.actors if a.kind in WIDER[noun] and colour in {None, a.colour}]
    columns = [sightings.column(a) for a in actors]
    if sightings.doubtful[columns].any():
        return None
    return [a for a, k in zip(actors, columns, strict=True) if sightings.seen[k]]


def plain_expressions(
    scene: Scene, times: Sequence[int], rng: np.random.Generator, count: int
) -> list[Expression]:
    """Expressions in plain words, of the kinds ``hypernym`` and ``scenery``; ``none`` where nothing fits.

    Args:
        scene: the scene.
        times: frame numbers over which they are true.
        rng: chooses statements and wordings.
        count: how many at most.
    """
    sightings = measure(scene, times)
    told = []
    for _ in range(count):
        wide = rng.random() < 0.6
        pool = _wide_claims(sightings, rng) if wide else _scenery_claims(scene, times)
        empty = rng.random() < _SHARE_OF_NONE
        pool = [c for c in pool if bool(c.numbers) != empty] or pool
        if not pool:
            continue
        claim = pool[int(rng.integers(len(pool)))]
        language = "zh" if rng.random() < _SHARE_OF_CHINESE else "en"
        kind = ("hypernym" if wide else "scenery") if claim.numbers else "none"
        text = _english(claim, rng) if language == "en" else _chinese(claim, rng)
        told.append(Expression(text, language, kind, claim.numbers))
    return told


def _wide_claims(sightings: Sightings, rng: np.random.Generator) -> list[_Claim]:
    noun = _pick(rng, _HYPERNYMS if rng.random() < 0.6 else KINDS)
    how = rng.random()
    if how < 0.55:
        return _claimed(noun, "", members(sightings, noun))
    if how < 0.8:
        found = [_claimed(noun, colour, members(sightings, noun, colour)) for colour in COLOURS]
        return [claim for claims in found for claim in claims]
    there = members(sightings, noun)
    places = {a: third(sightings, a) for a in there or ()}
    if not there or None in places.values():
        return []
    return [_Claim(noun, p, tuple(a.id for a in there if places[a] == p)) for p in PLACES]


def _claimed(noun: str, detail: str, actors: Sequence[Actor] | None) -> list[_Claim]:
    return [] if actors is None else [_Claim(noun, detail, tuple(sorted(a.id for a in actors)))]


def _scenery_claims(scene: Scene, times: Sequence[int]) -> list[_Claim]:
    seen = scenery_seen(scene, times)
    return [
        _Claim(name, "", (SCENERY_NUMBERS[name],) if there else ())
        for name, there in seen.items()
        if there is not None
    ]


def _pick(rng: np.random.Generator, options: Sequence[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def _english(claim: _Claim, rng: np.random.Generator) -> str:
    scenery = claim.noun in SCENERY_NUMBERS
    one, several = _pick(rng, (ENGLISH_SCENERY if scenery else ENGLISH)[claim.noun])
    many = rng.random() < (0.35 if len(claim.numbers) < 2 and not scenery else 0.6)
    noun = several if many else one
    if claim.detail in COLOURS:
        garbed = claim.noun in {"girl", "boy", "person", "child"}
        noun = (
            f"{noun} {_pick(rng, ('in', 'wearing'))} {claim.detail}" if garbed else f"{claim.detail} {noun}"
        )
    elif claim.detail:
        middle = (f"{noun} in the middle", f"middle {noun}")
        side = (f"{noun} on the {claim.detail}", f"{claim.detail} {noun}")
        noun = _pick(rng, middle if claim.detail == "middle" else side)
    before = (
        ("the ", "the ", "", "", "all ", "all the ") if many else ("the ", "the ", "", "", "a ", "every ")
    )
    phrase = _pick(rng, before if not scenery else (*before[:4], "")) + noun
    return english.dressed(english.requested(phrase, rng, many=many) if rng.random() < 0.15 else phrase, rng)


def _chinese(claim: _Claim, rng: np.random.Generator) -> str:
    scenery = claim.noun in SCENERY_NUMBERS
    noun = _pick(rng, (CHINESE_SCENERY if scenery else CHINESE)[claim.noun])
    if claim.detail in COLOURS:
        colour = f"{chinese.COLOURS[claim.detail]}色"
        garbed = claim.noun in {"girl", "boy", "person", "child"}
        noun = f"穿{colour}衣服的{noun}" if garbed and rng.random() < 0.5 else f"{colour}的{noun}"
    elif claim.detail:
        side = {"left": "左边", "right": "右边", "middle": "中间"}[claim.detail]
        noun = f"{_pick(rng, ('', '画面'))}{side}的{noun}"
    phrase = _pick(rng, ("", "", "", "所有的", "所有", "全部")) + noun if not scenery else noun
    return chinese.requested(phrase, rng) if rng.random() < 0.15 else phrase


def scenery_name(names: Sequence[str], language: str) -> str:
    """Names scenery: ``the tree``; scenery is named by its kind however much of it there is."""
    if language == "zh":
        return "、".join(CHINESE_SCENERY[name][0] for name in names)
    return " and ".join(f"the {name}" for name in names)
