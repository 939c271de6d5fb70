"""All that can truly be said of who is who in a scene, before it is put into words.

A claim names a set of actors; one that names nobody is true too. What is unclear is not claimed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sa2va_cli.demo.actors import COLOURS, KINDS, SCALES
from sa2va_cli.demo.scene import LANDMARK_KINDS, Actor, Scene
from sa2va_cli.demo.sightings import Sightings, largest, measure, nearest, tendency, third

GROUPS: dict[str, tuple[str, ...]] = {
    "animal": ("dog", "cat", "bird"),
    "child": ("girl", "boy"),
    "thing": KINDS,
}
PLACES = ("left", "middle", "right")
_CLEARLY_LARGER = 1.5
_LARGEST_OF_ALL = 1.4
_CLEARLY_NEARER = 0.6

VERBS: dict[str, tuple[str, ...]] = {
    "girl": ("walk", "run"),
    "boy": ("walk", "run"),
    "dog": ("walk", "run"),
    "cat": ("walk", "run"),
    "ball": ("roll",),
    "balloon": ("drift",),
    "car": ("drive",),
    "bicycle": ("ride",),
    "bird": ("fly",),
}


@dataclass(frozen=True)
class Claim:
    """One statement.

    Attributes:
        form: ``kind``, ``colour``, ``size``, ``place``, ``motion``, ``relation`` or ``plural``.
        noun: a kind of actor, or ``animal``, ``child``, ``thing``.
        detail: what is said of the noun: a colour, a size, a place, a motion, a landmark; empty if nothing.
        actors: who is meant.
    """

    form: str
    noun: str
    detail: str
    actors: tuple[int, ...]


def claims(scene: Scene, times: Sequence[int]) -> list[Claim]:
    """Everything true and clear about a scene at the given times, each statement once."""
    sightings = measure(scene, times)
    makers: list[Callable[[Sightings], Iterator[Claim]]] = [
        _kinds,
        _colours,
        _sizes,
        _places,
        _relations,
        _plurals,
    ]
    if len(sightings.times) > 1:
        makers.append(_motions)
    found = [claim for maker in makers for claim in maker(sightings)]
    return list(dict.fromkeys(found))


def _members(sightings: Sightings, kinds: Sequence[str], colour: str | None = None) -> list[Actor] | None:
    """Who of these kinds is there; None if that is not clear."""
    actors = [a for a in sightings.scene.actors if a.kind in kinds and colour in {None, a.colour}]
    columns = [sightings.column(a) for a in actors]
    if sightings.doubtful[columns].any():
        return None
    return [a for a, k in zip(actors, columns, strict=True) if sightings.seen[k]]


def _ids(actors: Sequence[Actor]) -> tuple[int, ...]:
    return tuple(sorted(a.id for a in actors))


def _in_scene(sightings: Sightings, kinds: Sequence[str], colour: str | None = None) -> bool:
    return any(a.kind in kinds and colour in {None, a.colour} for a in sightings.scene.actors)


def _kinds(sightings: Sightings) -> Iterator[Claim]:
    for kind in KINDS:
        members = _members(sightings, (kind,))
        if members or (members is not None and not _in_scene(sightings, (kind,))):
            yield Claim("kind", kind, "", _ids(members))


def _colours(sightings: Sightings) -> Iterator[Claim]:
    colours_there = {a.colour for a in sightings.scene.actors}
    for noun in (*KINDS, "child"):
        kinds = GROUPS.get(noun, (noun,))
        for colour in COLOURS:
            members = _members(sightings, kinds, colour)
            if members:
                yield Claim("colour", noun, colour, _ids(members))
            tempting = colour in colours_there or _in_scene(sightings, kinds)
            if not _in_scene(sightings, kinds, colour) and tempting:
                yield Claim("colour", noun, colour, ())


def _sizes(sightings: Sightings) -> Iterator[Claim]:
    for kind in KINDS:
        members = _members(sightings, (kind,))
        if not members or len(members) < 2:
            continue
        for detail, sign in (("large", 1), ("small", -1)):
            extreme = max(members, key=lambda a: sign * SCALES[kind][a.size]).size
            chosen = [a for a in members if a.size == extreme]
            others = [a for a in members if a.size != extreme]
            if others and _sized_clearly(sightings, chosen, others, sign):
                yield Claim("size", kind, detail, _ids(chosen))


def _sized_clearly(sightings: Sightings, chosen: list[Actor], others: list[Actor], sign: int) -> bool:
    def peaks(actors: list[Actor]) -> np.ndarray:
        return np.asarray(sightings.area[:, [sightings.column(a) for a in actors]].max(0))

    larger, smaller = (chosen, others) if sign > 0 else (others, chosen)
    return bool(peaks(larger).min() >= _CLEARLY_LARGER * peaks(smaller).max())


def _places(sightings: Sightings) -> Iterator[Claim]:
    for noun in (*KINDS, "child", "animal"):
        members = _members(sightings, GROUPS.get(noun, (noun,)))
        if not members:
            continue
        places = {a: third(sightings, a) for a in members}
        if None not in places.values():
            for place in PLACES:
                yield Claim("place", noun, place, _ids([a for a in members if places[a] == place]))


def _motions(sightings: Sightings) -> Iterator[Claim]:
    for kind in KINDS:
        members = _members(sightings, (kind,))
        if not members:
            continue
        shown = {a: tendency(sightings, a) for a in members}
        if None in shown.values():
            continue
        for way in ("left", "right"):
            going = [a for a in members if shown[a] == way]
            yield Claim("motion", kind, f"move {way}", _ids(going))
            for verb in VERBS[kind]:
                yield Claim("motion", kind, f"{verb} {way}", _ids([a for a in going if a.motion == verb]))
        for detail in _undirected(kind):
            yield Claim("motion", kind, detail, _ids([a for a in members if shown[a] == detail]))
        if "run" in VERBS[kind]:
            yield Claim("motion", kind, "run", _ids([a for a in members if a.motion == "run"]))


def _undirected(kind: str) -> tuple[str, ...]:
    return ("still", *{"ball": ("bounce",), "balloon": ("up",)}.get(kind, ()))


def motions_of(kind: str) -> tuple[str, ...]:
    """Every motion that may be told of a kind of actor."""
    directed = tuple(f"{verb} {way}" for verb in ("move", *VERBS[kind]) for way in ("left", "right"))
    return (*directed, *_undirected(kind), *(("run",) if "run" in VERBS[kind] else ()))


def _relations(sightings: Sightings) -> Iterator[Claim]:
    for noun in (*KINDS, "animal", "child", "thing"):
        members = _members(sightings, GROUPS.get(noun, (noun,)))
        if not members:
            continue
        best = largest(sightings, members, _LARGEST_OF_ALL if noun == "thing" else _CLEARLY_LARGER)
        if best is not None:
            yield Claim("relation", noun, "largest", (best.id,))
        for mark in LANDMARK_KINDS if noun != "thing" else ():
            near = nearest(sightings, members, mark, _CLEARLY_NEARER)
            if near is not None:
                yield Claim("relation", noun, mark, (near.id,))


def _plurals(sightings: Sightings) -> Iterator[Claim]:
    for noun in (*KINDS, "animal", "child"):
        kinds = GROUPS.get(noun, (noun,))
        members = _members(sightings, kinds)
        if members and len(members) > 1:
            yield Claim("plural", noun, "", _ids(members))
        elif members is not None and not _in_scene(sightings, kinds):
            yield Claim("plural", noun, "", ())
    for colour in COLOURS:
        if colour == "green" or _in_scene(sightings, GROUPS["child"], colour):
            continue  # trees are green too, and is a girl in red a red thing?
        members = _members(sightings, KINDS, colour)
        if members and len(members) > 1:
            yield Claim("plural", "thing", colour, _ids(members))
        elif not _in_scene(sightings, KINDS, colour):
            yield Claim("plural", "thing", colour, ())
