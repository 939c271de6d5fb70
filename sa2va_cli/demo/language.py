"""Referring expressions about a scene, in English and in Chinese, that are true and unambiguous."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sa2va_cli.demo import chinese, english
from sa2va_cli.demo.actors import COLOURS, KINDS
from sa2va_cli.demo.claims import PLACES, Claim, claims, motions_of
from sa2va_cli.demo.scene import LANDMARK_KINDS, Scene

FORMS = ("kind", "colour", "size", "place", "motion", "relation", "plural")
_SHARE_OF_NONE = 0.2
_SHARE_OF_CHINESE = 1 / 3
_PER_FORM = 2


@dataclass(frozen=True)
class Expression:
    """Words, and whom they mean.

    Attributes:
        text: a noun phrase or a request.
        language: ``en`` or ``zh``.
        kind: one of ``FORMS``, or ``none`` for words that nothing in the scene fits.
        actors: numbers of all actors that the words fit, ascending.
    """

    text: str
    language: str
    kind: str
    actors: tuple[int, ...]


def expressions(
    scene: Scene,
    times: Sequence[int],
    rng: np.random.Generator,
    language: str | None = None,
    count: int | None = None,
    none_share: float = _SHARE_OF_NONE,
    stressed: Mapping[str, float] | None = None,
) -> list[Expression]:
    """Expressions that are true over exactly the given times.

    Args:
        scene: the scene.
        times: frame numbers; a single one is a still image, of which no motion is told.
        rng: chooses statements and wordings.
        language: ``en`` or ``zh``; both (a third Chinese) when None.
        count: how many, drawn so that the kinds of expression are balanced; when None, up to two of every
            kind in each language.
        none_share: share of the ``count`` that names nothing.
        stressed: how much oftener than others, among the ``count``, a form of ``FORMS`` is drawn.
    """
    found = claims(scene, times)
    pools = {form: [c for c in found if c.form == form and c.actors] for form in FORMS}
    pools = {form: pool for form, pool in pools.items() if pool}
    empty = {form: [c for c in found if c.form == form and not c.actors] for form in FORMS}
    empty = {form: pool for form, pool in empty.items() if pool}
    if count is None:
        return _all_kinds(pools, empty, rng, [language] if language else ["en", "zh"])
    drawn = []
    for _ in range(count):
        source = empty if not pools or (empty and rng.random() < none_share) else pools
        pool = source[_drawn_form(list(source), stressed or {}, rng)]
        chosen = language or ("zh" if rng.random() < _SHARE_OF_CHINESE else "en")
        drawn.append(_express(pool[int(rng.integers(len(pool)))], chosen, rng))
    return drawn


def _drawn_form(forms: Sequence[str], stressed: Mapping[str, float], rng: np.random.Generator) -> str:
    shares = np.array([stressed.get(form, 1.0) for form in forms])
    return str(rng.choice(forms, p=shares / shares.sum()))


def _all_kinds(
    pools: dict[str, list[Claim]],
    empty: dict[str, list[Claim]],
    rng: np.random.Generator,
    languages: Sequence[str],
) -> list[Expression]:
    nothing = [pool[int(rng.integers(len(pool)))] for pool in empty.values()]
    listed = []
    for pool in (*pools.values(), nothing):
        for language in languages:
            order = rng.permutation(len(pool))[:_PER_FORM]
            listed += [_express(pool[int(k)], language, rng) for k in order]
    return listed


def _express(claim: Claim, language: str, rng: np.random.Generator) -> Expression:
    words = english.word(claim, rng) if language == "en" else chinese.word(claim, rng)
    return Expression(words, language, claim.form if claim.actors else "none", claim.actors)


def caption(scene: Scene, times: Sequence[int], actors: Sequence[int], language: str) -> str:
    """A short naming of a set of actors, the same for the same set: ``the red girl and the two blue dogs``.

    Args:
        scene: the scene.
        times: frame numbers; a name does not depend on them.
        actors: numbers of the actors; must not be empty.
        language: ``en`` or ``zh``.
    """
    del times
    if not actors:
        raise ValueError("a caption needs at least one actor, got none")
    groups: dict[tuple[str, str], int] = {}
    for actor in scene.actors:
        if actor.id in set(actors):
            groups[actor.colour, actor.kind] = groups.get((actor.colour, actor.kind), 0) + 1
    order = sorted(groups, key=lambda pair: (KINDS.index(pair[1]), list(COLOURS).index(pair[0])))
    named = [(colour, kind, groups[colour, kind]) for colour, kind in order]
    return english.name(named) if language == "en" else chinese.name(named)


def corpus(rng: np.random.Generator, n: int) -> Iterator[str]:
    """``n`` texts to train a tokenizer on: expressions and captions, about no particular scenes."""
    for k in range(n):
        claim, colours = _invent(rng), list(COLOURS)
        language = "zh" if rng.random() < _SHARE_OF_CHINESE else "en"
        if k % 5:
            yield _express(claim, language, rng).text
            continue
        kinds = rng.choice(KINDS, int(rng.integers(1, 5)), replace=False).tolist()
        named = [(str(rng.choice(colours)), kind, int(rng.choice([1, 1, 1, 2, 3]))) for kind in kinds]
        yield english.name(named) if language == "en" else chinese.name(named)


def _invent(rng: np.random.Generator) -> Claim:
    """A claim about no scene, for its words."""
    form = str(rng.choice(FORMS))
    kind = str(rng.choice(KINDS))
    details: dict[str, Sequence[str]] = {
        "colour": tuple(COLOURS),
        "size": ("large", "small"),
        "place": PLACES,
        "motion": motions_of(kind),
        "relation": ("largest", *LANDMARK_KINDS),
    }
    nouns = (kind, kind, "animal", "child") if form in {"place", "relation", "plural"} else (kind,)
    detail = str(rng.choice(details[form])) if form in details else ""
    count = int(rng.choice([1, 1, 2, 3])) if form != "plural" else int(rng.integers(2, 7))
    return Claim(form, str(rng.choice(nouns)), detail, tuple(range(1, count + 1)))
