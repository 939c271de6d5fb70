"""Questions about a scene that are answered in words, with their one right answer, in English and Chinese.

What is not clear is not asked. Answers are as short as can be; a description with masks says
``<p>the girl in red</p>[SEG]``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sa2va_cli.demo import chinese, english
from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.language import caption
from sa2va_cli.demo.outside import outside_noun
from sa2va_cli.demo.plain import (
    CHINESE,
    CHINESE_SCENERY,
    ENGLISH,
    ENGLISH_SCENERY,
    members,
    scenery_seen,
)
from sa2va_cli.demo.scene import SCENERY_NUMBERS, Actor, Scene
from sa2va_cli.demo.sightings import Sightings, largest, measure, tendency, third

KINDS_OF_QUESTIONS = ("count", "colour", "deed", "side", "largest", "yes-no", "description", "grounded")

DESCRIBED = 3
"""How many groups a description with masks names at most: the largest ones."""

_LEAST_DESCRIBED = 0.003
_BESIDE = 0.1
_CLEARLY_LARGER = 1.4
_COUNTS = ("None", "One", "Two", "Three", "Four", "Five", "Six", "Seven")
_CHINESE_COUNTS = ("没有", "一", "两", "三", "四", "五", "六", "七")
_CREATURES = frozenset({"girl", "boy", "dog", "cat", "bird"})
_PICTURE = ("picture", "image", "photo")
_VIDEO = ("video", "clip")
_CHINESE_PICTURE = ("图中", "图片里", "画面中")
_CHINESE_VIDEO = ("视频中", "视频里", "画面中")
_SIDES = {
    "left": ("On the left", "左边"),
    "right": ("On the right", "右边"),
    "middle": ("In the middle", "中间"),
}


@dataclass(frozen=True)
class Asked:
    """A question with its answer.

    Attributes:
        text: the question.
        answer: what is right to say.
        language: ``en`` or ``zh``.
        kind: one of ``KINDS_OF_QUESTIONS``.
        about: numbers of the actors, or of scenery, that the question is about; none if there are none.
        segments: for each ``[SEG]`` of the answer, the numbers of the actors that are meant.
    """

    text: str
    answer: str
    language: str
    kind: str
    about: tuple[int, ...]
    segments: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class _Answered:
    """A question with its answer, and what both are about; see ``Asked``."""

    text: str
    answer: str
    about: tuple[int, ...]
    segments: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class _Situation:
    """What questions are made of."""

    sightings: Sightings
    rng: np.random.Generator
    held_out: bool

    @property
    def scene(self) -> Scene:
        return self.sightings.scene

    @property
    def video(self) -> bool:
        return len(self.sightings.times) > 1

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def where(self, language: str) -> str:
        """``picture`` or another word for what is looked at."""
        if language == "zh":
            return str(self.pick(_CHINESE_VIDEO if self.video else _CHINESE_PICTURE))
        return str(self.pick(_VIDEO if self.video else _PICTURE))


def asked(
    scene: Scene,
    times: Sequence[int],
    rng: np.random.Generator,
    count: int,
    kinds: Sequence[str] = KINDS_OF_QUESTIONS,
    *,
    held_out: bool = False,
) -> list[Asked]:
    """Questions about a scene as it is at the given times; at most ``count``, of kinds drawn evenly.

    Args:
        scene: the scene.
        times: frame numbers; of a single one nothing is asked that needs a movement.
        rng: chooses questions and wordings.
        count: how many.
        kinds: which kinds may be drawn.
        held_out: names things from outside the park with the words for evaluation.
    """
    situation = _Situation(measure(scene, times), rng, held_out)
    found: list[Asked] = []
    for _ in range(2 * count):
        if len(found) == count:
            break
        kind, language = str(rng.choice(list(kinds))), "zh" if rng.random() < 0.4 else "en"
        made = _MAKERS[kind](situation, language)
        if made is not None:
            found.append(Asked(made.text, made.answer, language, kind, made.about, made.segments))
    return found


def _ids(actors: Sequence[Actor]) -> tuple[int, ...]:
    return tuple(sorted(a.id for a in actors))


def _single(s: _Situation) -> tuple[Actor, str, str] | None:
    """Somebody who is the only one of a kind, or of a kind and colour, and both names of it."""
    order = s.rng.permutation(len(s.scene.actors))
    for actor in (s.scene.actors[int(k)] for k in order):
        if members(s.sightings, actor.kind) == [actor]:
            return actor, actor.kind, chinese.NOUNS[actor.kind]
        if members(s.sightings, actor.kind, actor.colour) == [actor] and s.rng.random() < 0.7:
            garbed = actor.kind in {"girl", "boy"}
            name = f"{actor.kind} in {actor.colour}" if garbed else f"{actor.colour} {actor.kind}"
            return actor, name, f"{chinese.COLOURS[actor.colour]}色的{chinese.NOUNS[actor.kind]}"
    return None


def _count(s: _Situation, language: str) -> _Answered | None:
    noun = str(s.pick(tuple(ENGLISH))) if s.rng.random() < 0.5 else s.pick(s.scene.actors).kind
    colour = str(s.pick(s.scene.actors).colour) if s.rng.random() < 0.25 else None
    there = members(s.sightings, noun, colour)
    if there is None:
        return None
    n = len(there)
    if language == "zh":
        measure_word = chinese.measure(noun)
        named = (f"{chinese.COLOURS[colour]}色的" if colour else "") + CHINESE[noun][0]
        where = s.where("zh")
        text = s.pick((f"{where}有几{measure_word}{named}?", f"有多少{measure_word}{named}?",
                       f"{where}有多少{named}?", f"有几{measure_word}{named}?"))  # fmt: skip
        return _Answered(text, f"{_CHINESE_COUNTS[n]}{measure_word if n else ''}。", _ids(there))
    named = (f"{colour} " if colour else "") + ENGLISH[noun][0][1]
    where = s.where("en")
    text = s.pick((f"How many {named} are there?", f"How many {named} are in the {where}?",
                   f"How many {named} can you see?", f"Count the {named}."))  # fmt: skip
    return _Answered(text, f"{_COUNTS[n]}.", _ids(there))


def _colour(s: _Situation, language: str) -> _Answered | None:
    kind = s.pick(s.scene.actors).kind
    there = members(s.sightings, kind)
    if not there or len({a.colour for a in there}) != 1:
        return None
    colour, many = there[0].colour, len(there) > 1
    if language == "zh":
        named = chinese.NOUNS[kind] + {"girl": "的裙子", "boy": "的衬衫"}.get(kind, "")
        return _Answered(
            s.pick((f"{named}是什么颜色的?", f"{named}是什么颜色?")),
            f"{chinese.COLOURS[colour]}色。",
            _ids(there),
        )
    spelling = s.pick(("color", "colour"))
    named = english.PLURALS[kind] if many else kind
    if kind in {"girl", "boy"}:
        garment = {"girl": "dress", "boy": "shirt"}[kind]
        named = f"dresses of the {named}" if many and kind == "girl" else (
            f"shirts of the {named}" if many else f"{kind}'s {garment}")  # fmt: skip
    return _Answered(
        f"What {spelling} {'are' if many else 'is'} the {named}?", f"{colour.capitalize()}.", _ids(there)
    )


def _deed(s: _Situation, language: str) -> _Answered | None:
    one = _single(s)
    if not s.video or one is None:
        return None
    actor, named, chinese_name = one
    shown = tendency(s.sightings, actor)
    if shown is None:
        return None
    if language == "zh":
        text = s.pick((f"{chinese_name}在做什么?", f"{chinese_name}在干什么?", f"{chinese_name}正在做什么?"))
        still = "站着不动" if actor.kind in _CREATURES else "没有动"
        ways = {"left": "左", "right": "右"}
        undirected = {"still": still, "up": "正在上升", "bounce": "正在弹跳"}
        if shown in ways:
            return _Answered(text, f"正在向{ways[shown]}{chinese.VERBS[actor.motion]}。", (actor.id,))
        return _Answered(text, f"{undirected[shown]}。", (actor.id,))
    text = s.pick(
        (f"What is the {named} doing?", f"What does the {named} do?", f"What is the {named} doing?")
    )
    still = "Standing still" if actor.kind in _CREATURES else "Not moving"
    undirected = {"still": still, "up": "Rising", "bounce": "Bouncing"}
    if shown in undirected:
        return _Answered(text, f"{undirected[shown]}.", (actor.id,))
    return _Answered(text, f"{english.GERUNDS[actor.motion].capitalize()} to the {shown}.", (actor.id,))


def _side(s: _Situation, language: str) -> _Answered | None:
    one = _single(s)
    if one is None:
        return None
    actor, named, chinese_name = one
    if s.rng.random() < 0.35:
        return _beside(s, actor, (named, chinese_name), language)
    place = third(s.sightings, actor)
    if place is None:
        return None
    if language == "zh":
        text = s.pick(
            (f"{chinese_name}在哪里?", f"{chinese_name}在哪一边?", f"{chinese_name}在左边还是右边?")
        )
        return _Answered(text, f"{_SIDES[place][1]}。", (actor.id,))
    text = s.pick((f"Where is the {named}?", f"On which side is the {named}?",
                   f"Is the {named} on the left or on the right?"))  # fmt: skip
    return _Answered(text, f"{_SIDES[place][0]}.", (actor.id,))


def _beside(s: _Situation, actor: Actor, named: tuple[str, str], language: str) -> _Answered | None:
    """Which side of somebody else an actor is on."""
    others = [a for a in s.scene.actors if a.kind != actor.kind and members(s.sightings, a.kind) == [a]]
    if not others:
        return None
    other = s.pick(others)
    x = s.sightings.x[:, [s.sightings.column(actor), s.sightings.column(other)]]
    gap = x[:, 0] - x[:, 1]
    if np.isnan(gap).any() or np.abs(gap).min() < _BESIDE or np.ptp(np.sign(gap)) > 0:
        return None
    left = bool(gap[0] < 0)
    if language == "zh":
        text = f"{named[1]}在{chinese.NOUNS[other.kind]}的左边还是右边?"
        return _Answered(text, f"{_SIDES['left' if left else 'right'][1]}。", (actor.id,))
    side = "On the left" if left else "On the right"
    return _Answered(
        f"Is the {named[0]} to the left or to the right of the {other.kind}?", f"{side}.", (actor.id,)
    )


def _largest(s: _Situation, language: str) -> _Answered | None:
    noun = "" if s.rng.random() < 0.5 else str(s.pick((s.pick(s.scene.actors).kind, "animal", "child")))
    there = list(s.scene.actors) if not noun else members(s.sightings, noun)
    best = largest(s.sightings, there, _CLEARLY_LARGER) if there else None
    if best is None:
        return None
    name = caption(s.scene, s.sightings.times, [best.id], language)
    if language == "zh":
        named = CHINESE[noun][0] if noun else "东西"
        return _Answered(s.pick((f"最大的{named}是什么?", f"哪个{named}最大?")), f"{name}。", (best.id,))
    if not noun:
        text = s.pick(("What is the largest thing?", "Which is the largest?", "What is the biggest?",
                       "Which one is the largest?"))  # fmt: skip
    else:
        text = f"Which {noun} is the {s.pick(('largest', 'biggest'))}?"
    return _Answered(text, f"{name[0].upper()}{name[1:]}.", (best.id,))


def _yes_no(s: _Situation, language: str) -> _Answered | None:
    how = s.rng.random()
    if how < 0.45:
        return _is_there(s, language)
    if how < 0.6:
        return _existence(s, language, outside_noun(language, s.rng, held_out=s.held_out), ())
    if how < 0.7:
        seen = {
            n: there for n, there in scenery_seen(s.scene, s.sightings.times).items() if there is not None
        }
        absent = [n for n, there in seen.items() if not there]
        name = str(s.pick(absent if absent and s.rng.random() < 0.5 else tuple(seen)))
        noun = ENGLISH_SCENERY[name][0][0] if language == "en" else CHINESE_SCENERY[name][0]
        return _existence(s, language, noun, (SCENERY_NUMBERS[name],) if seen[name] else ())
    return _is_it_so(s, language)


def _is_there(s: _Situation, language: str) -> _Answered | None:
    truth = s.rng.random() < 0.5
    noun = s.pick(s.scene.actors).kind if truth and s.rng.random() < 0.7 else str(s.pick(tuple(ENGLISH)))
    colour = str(s.pick(tuple(COLOURS))) if s.rng.random() < 0.4 else None
    if colour and truth:
        colour = str(s.pick(s.scene.actors).colour)
    there = members(s.sightings, noun, colour)
    if there is None:
        return None
    if language == "zh":
        named = (f"{chinese.COLOURS[colour]}色的" if colour else "") + CHINESE[noun][0]
    else:
        named = (f"{colour} " if colour else "") + ENGLISH[noun][0][0]
    return _existence(s, language, named, _ids(there))


def _existence(s: _Situation, language: str, noun: str, about: Sequence[int]) -> _Answered:
    where = s.where(language)
    if language == "zh":
        text = s.pick((f"{where}有{noun}吗?", f"有{noun}吗?", f"{where}有没有{noun}?", f"有没有{noun}?"))
        return _Answered(text, "有。" if about else "没有。", tuple(about))
    article = "an" if noun[0] in "aeiou" else "a"
    text = s.pick((f"Is there {article} {noun}?", f"Is there {article} {noun} in the {where}?",
                   f"Do you see {article} {noun}?", f"Can you see {article} {noun}?"))  # fmt: skip
    return _Answered(text, "Yes." if about else "No.", tuple(about))


def _is_it_so(s: _Situation, language: str) -> _Answered | None:
    """Whether somebody is of a colour, or in a place."""
    kinds = [a.kind for a in s.scene.actors]
    single = [a for a in s.scene.actors if members(s.sightings, a.kind) == [a] and kinds.count(a.kind) == 1]
    if not single:
        return None
    actor, truth = s.pick(single), bool(s.rng.random() < 0.5)
    place = third(s.sightings, actor)
    if place is not None and s.rng.random() < 0.4:
        said = place if truth else str(s.pick([p for p in _SIDES if p != place]))
        english_said, chinese_said = _SIDES[said][0].lower(), f"在{_SIDES[said][1]}"
    else:
        said = actor.colour if truth else str(s.pick([c for c in COLOURS if c != actor.colour]))
        garbed = {"girl": "wearing ", "boy": "wearing "}.get(actor.kind, "")
        english_said = garbed + said
        chinese_said = f"穿着{chinese.COLOURS[said]}色的衣服" if garbed else f"是{chinese.COLOURS[said]}色的"
    if language == "zh":
        return _Answered(
            f"{chinese.NOUNS[actor.kind]}{chinese_said}吗?", "是。" if truth else "不是。", (actor.id,)
        )
    return _Answered(f"Is the {actor.kind} {english_said}?", "Yes." if truth else "No.", (actor.id,))


def _groups(s: _Situation) -> list[tuple[float, list[Actor]]] | None:
    """Everyone who is seen, those of one kind and colour together, largest first; None if that is unclear."""
    together: dict[tuple[str, str], list[Actor]] = {}
    for actor in s.scene.actors:
        column = s.sightings.column(actor)
        if s.sightings.doubtful[column]:
            return None
        if s.sightings.seen[column] and float(s.sightings.area[:, column].max()) >= _LEAST_DESCRIBED:
            together.setdefault((actor.kind, actor.colour), []).append(actor)
    area = s.sightings.area
    sized = [(sum(float(area[:, s.sightings.column(a)].max()) for a in g), g) for g in together.values()]
    return sorted(sized, key=lambda pair: -pair[0])


def _description(s: _Situation, language: str) -> _Answered | None:
    groups = _groups(s)
    if not groups:
        return None
    ids = _ids([a for _, g in groups for a in g])
    name = caption(s.scene, s.sightings.times, ids, language)
    where = s.where(language)
    if language == "zh":
        return _Answered(
            s.pick((f"{where}有什么?", f"请描述{where[:2]}的内容。", "你看到了什么?")), f"{name}。", ids
        )
    text = s.pick((f"What is in the {where}?", f"Describe the {where}.", f"Please describe the {where}.",
                   "What do you see?"))  # fmt: skip
    return _Answered(text, f"{name[0].upper()}{name[1:]}.", ids)


def _grounded(s: _Situation, language: str) -> _Answered | None:
    groups = (_groups(s) or [])[:DESCRIBED]
    if not groups:
        return None
    order = sorted(
        (g for _, g in groups), key=lambda g: (KINDS.index(g[0].kind), list(COLOURS).index(g[0].colour))
    )
    ids = tuple(tuple(a.id for a in g) for g in order)
    parts = [f"<p>{caption(s.scene, s.sightings.times, each, language)}</p>[SEG]" for each in ids]
    where = s.where(language)
    if language == "zh":
        text = s.pick(("请描述这张图片,并穿插分割结果。", f"请描述{where[:2]}的内容,并给出分割掩码。"))
        return _Answered(text, f"{'、'.join(parts)}。", tuple(i for each in ids for i in each), ids)
    text = s.pick((
        f"Please describe the {where} with interleaved masks.",
        f"Please describe the {where} with interleaved masks",
        f"Describe the {where} with interleaved segmentation masks.",
        f"Please give me a brief description of the {where}. Please respond with interleaved masks.",
    ))  # fmt: skip
    joined = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return _Answered(text, f"{joined}.", tuple(i for each in ids for i in each), ids)


_MAKERS: dict[str, Callable[[_Situation, str], _Answered | None]] = {
    "count": _count,
    "colour": _colour,
    "deed": _deed,
    "side": _side,
    "largest": _largest,
    "yes-no": _yes_no,
    "description": _description,
    "grounded": _grounded,
}
