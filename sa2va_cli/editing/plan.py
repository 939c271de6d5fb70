"""A plan of edits as a value: what is changed, how, when, and in which order.

Knows nothing about how a plan is written; ``schema`` has it as JSON, ``grammar`` makes one of a sentence.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sa2va_cli.editing.times import WHOLE, Span
from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.parameters import Match, read_value
from sa2va_cli.render.effects.reading import effect_row

_T = TypeVar("_T")

GENERATE = "generate"
"""The effect that a back-end makes from words."""


@dataclass(frozen=True)
class Target:
    """What an edit changes.

    With neither prompts nor objects it is everything that the run finds, or that the tracks hold.

    Attributes:
        prompts: the words that name it.
        objects: numbers of objects in tracks.
        inverse: whether everything else is meant.
        picture: whether the whole picture is meant, for which nothing is looked for.
    """

    prompts: tuple[str, ...] = ()
    objects: tuple[int, ...] = ()
    inverse: bool = False
    picture: bool = False

    def __post_init__(self) -> None:
        if any(not prompt.strip() for prompt in self.prompts):
            raise UsageError('a target is empty; name one, such as "the dog"')
        if any(number < 1 for number in self.objects):
            raise UsageError(f"objects are numbered from 1, got {min(self.objects)}")
        if self.picture and (self.prompts or self.objects or self.inverse):
            raise UsageError("a target is the whole picture or a part of it, not both")

    @property
    def is_named(self) -> bool:
        """Whether it says by itself what is looked for."""
        return bool(self.prompts or self.objects)

    @property
    def words(self) -> str:
        """For people."""
        if self.picture:
            return "the whole picture"
        names = [*self.prompts, *(f"object {number}" for number in self.objects)]
        if not names:
            return "everything else" if self.inverse else "everything that is found"
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"everything except {listed}" if self.inverse else listed


FOUND = Target()
REST = Target(inverse=True)
PICTURE = Target(picture=True)


_NUMBERED = re.compile(r"(?:object\s+|#)(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Edit:
    """One change.

    Attributes:
        target: what is changed.
        effect: a name in the table of effects.
        parameters: what the effect is told, as texts, in order of their names.
        span: when it is seen.

    Raises:
        UsageError: the effect is unknown, is told what it does not know, or is not for such a target.
    """

    target: Target
    effect: str
    parameters: tuple[tuple[str, str], ...] = ()
    span: Span = WHOLE

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(sorted(self.parameters)))
        row = effect_row(self.effect)
        object.__setattr__(self, "effect", row.name)
        row.complete(self.values)
        if row.area in ("outside", "frame") and (self.target.inverse or self.target.picture):
            raise UsageError(
                f"effect {row.name}: its target cannot be {self.target.words}, as it is about what is around "
                f'a target; name the subject, as in --target "the dog" --effect {row.name}'
            )

    @property
    def values(self) -> dict[str, Any]:
        """What the effect is told, by the names of its parameters; what is not given is left out.

        Raises:
            UsageError: the effect has no such parameter, or a value cannot be meant.
        """
        row = effect_row(self.effect)
        known = {one.name: one for one in row.all_parameters}
        for name, _ in self.parameters:
            if name not in known:
                row.complete({name: None})  # says which there are
        return {name: read_value(row.name, known[name], value) for name, value in self.parameters}

    @property
    def reference(self) -> Target | None:
        """The object whose colour is matched; None where none is."""
        words = next((value.words for value in self.values.values() if isinstance(value, Match)), None)
        if words is None:
            return None
        numbered = _NUMBERED.fullmatch(words)
        return Target(objects=(int(numbered[1]),)) if numbered else Target(prompts=(words,))

    @property
    def prompt(self) -> str:
        """The words that a back-end makes something of."""
        return dict(self.parameters).get("prompt", "")

    @property
    def protects(self) -> bool:
        """Whether people rely on it to hide something."""
        return effect_row(self.effect).protects

    @property
    def generates(self) -> bool:
        """Whether a back-end has to make its frames."""
        return self.effect == GENERATE and "frames" not in dict(self.parameters)

    @property
    def words(self) -> str:
        """For people: ``the dog: outline, colour=red, from 3 s``."""
        told = "".join(f", {name}={value}" for name, value in self.parameters)
        when = f", {self.span.words}" if self.span.words else ""
        return f"{self.target.words}: {self.effect}{told}{when}"


@dataclass(frozen=True)
class EditPlan:
    """Changes in the order in which they are made.

    Attributes:
        edits: at least one.
        instruction: the sentence it was made of, if there was one.

    Raises:
        UsageError: there is nothing to change.
    """

    edits: tuple[Edit, ...]
    instruction: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.edits:
            raise UsageError(
                'there is nothing to change; say what, as in "blur the dog", or name an --effect'
            )

    @property
    def _targets(self) -> Iterator[Target]:
        """What is changed, and what colours are taken from."""
        for edit in self.edits:
            yield edit.target
            if edit.reference is not None:
                yield edit.reference

    @property
    def prompts(self) -> tuple[str, ...]:
        """What must be looked for, in order, each once."""
        return _once(prompt for target in self._targets for prompt in target.prompts)

    @property
    def objects(self) -> tuple[int, ...]:
        """The objects that are named by their numbers, in order, each once."""
        return _once(number for target in self._targets for number in target.objects)

    @property
    def generates(self) -> bool:
        """Whether a back-end has something to do."""
        return any(edit.generates for edit in self.edits)

    @property
    def protects(self) -> bool:
        """Whether people rely on it to hide something."""
        return any(edit.protects for edit in self.edits)

    @property
    def only_pictures(self) -> bool:
        """Whether whole pictures are changed, for which nothing has to be found."""
        return all(target.picture for target in self._targets)

    @property
    def lines(self) -> tuple[str, ...]:
        """For people, one for each edit."""
        return tuple(f"{number}. {edit.words}" for number, edit in enumerate(self.edits, 1))


def _once(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))
