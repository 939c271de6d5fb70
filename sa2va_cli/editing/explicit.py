"""From options to a plan, without any parsing of sentences: ``--target "the dog" --effect recolour=blue``."""

import re
from collections.abc import Sequence

from sa2va_cli.editing.plan import FOUND, PICTURE, REST, Edit, EditPlan, Target
from sa2va_cli.editing.times import Span, TimePoint, parse_point
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.render.effects.reading import read_effect, written_values

_REST = ("background", "the background", "everything else", "背景", "其他")
_PICTURE = ("picture", "the whole picture", "everything", "画面", "整个画面")
_OBJECTS = re.compile(r"(?:objects?\s+|#)(\d+(?:\s*,\s*#?\d+)*)", re.IGNORECASE)
_EXCEPT = re.compile(r"everything\s+except\s+(.+)", re.IGNORECASE)


def read_target(words: str) -> Target:
    """Reads what an edit is about.

    Args:
        words: ``background`` for everything else, ``picture`` for all of it, ``#2`` or ``object 2`` for an
            object of tracks, ``everything except WORDS``, or else words that are looked for.

    Raises:
        UsageError: there are no words.
    """
    plain = " ".join(words.split())
    if plain.lower() in _REST:
        return REST
    if plain.lower() in _PICTURE:
        return PICTURE
    if found := _OBJECTS.fullmatch(plain):
        return Target(objects=tuple(int(number) for number in re.findall(r"\d+", found[1])))
    if found := _EXCEPT.fullmatch(plain):
        inner = read_target(found[1])
        if inner.inverse or inner.picture:
            raise UsageError(f"{parameter('target')} {words!r} leaves nothing, or everything")
        return Target(inner.prompts, inner.objects, inverse=True)
    return Target(prompts=(plain,))


def joined(targets: Sequence[Target]) -> Target:
    """One target of several.

    Raises:
        UsageError: some are a part of the picture, and others what is left of it.
    """
    if not targets:
        return FOUND
    if len(targets) == 1:
        return targets[0]
    if any(one.inverse or one.picture for one in targets):
        odd = next(one for one in targets if one.inverse or one.picture)
        raise UsageError(
            f"{parameter('target')}: {odd.words} cannot be joined with other targets; give it alone"
        )
    return Target(
        tuple(prompt for one in targets for prompt in one.prompts),
        tuple(number for one in targets for number in one.objects),
    )


def read_time(text: str | None, option: str) -> TimePoint | None:
    """Reads a time that was given with an option.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    try:
        return parse_point(text)
    except ValueError as error:
        raise UsageError(f"{parameter(option, option=f'--{option}')}: {error}") from error


def explicit_plan(
    targets: Sequence[str], effects: Sequence[str], start: str | None = None, end: str | None = None
) -> EditPlan:
    """Makes a plan of options: all effects in their order, on the same targets, at the same time.

    Args:
        targets: see ``read_target``; none for all that is found.
        effects: ``NAME``, ``NAME=VALUE`` or ``NAME=VALUE,key=value`` each.
        start: where the effects begin.
        end: before where they end.

    Raises:
        UsageError: something cannot be meant.
    """
    target = joined([read_target(words) for words in targets])
    span = Span(read_time(start, "from"), read_time(end, "to"))
    return EditPlan(tuple(_edit(text, target, span) for text in effects))


def _edit(text: str, target: Target, span: Span) -> Edit:
    use = read_effect(text)
    return Edit(target, use.name, written_values(use), span)
