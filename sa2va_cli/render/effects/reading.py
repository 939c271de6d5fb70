"""Effects as people write them: ``NAME``, ``NAME=VALUE`` and ``NAME=VALUE,key=value``; instant to import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.parameters import Match, Text, read_value
from sa2va_cli.render.effects.plates import OpenPlate
from sa2va_cli.render.effects.row import EffectRow
from sa2va_cli.render.effects.table import EFFECTS

if TYPE_CHECKING:
    from sa2va_cli.render.effects.effect import Effect


@dataclass(frozen=True)
class Target:
    """What an effect is about.

    Attributes:
        prompts: identities of the prompts whose objects are meant; None for all.
        objects: identities of the objects that are meant; None for all of those prompts'.
        inverted: whether everything else is meant instead.
    """

    prompts: tuple[int, ...] | None = None
    objects: tuple[int, ...] | None = None
    inverted: bool = False


@dataclass(frozen=True)
class EffectUse:
    """One effect, as it is to be drawn.

    Attributes:
        name: in ``EFFECTS``.
        values: of its parameters; what is not given has its default.
        target: what it is about.
        begin_seconds: from when on, in the time of the source.
        end_seconds: until when, that moment left out; None for the end.
        reference: the object whose colour is matched; None where none is.

    Raises:
        UsageError: the effect is unknown, or the values are not for it.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    target: Target = field(default_factory=Target)
    begin_seconds: float = 0.0
    end_seconds: float | None = None
    reference: Target | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", effect_row(self.name).name)
        object.__setattr__(self, "values", self.row.complete(self.values))
        if self.end_seconds is not None and self.end_seconds <= self.begin_seconds:
            raise UsageError(
                f"effect {self.name}: it must end after it begins, "
                f"got {self.begin_seconds:g} s to {self.end_seconds:g} s"
            )

    @cached_property
    def row(self) -> EffectRow:
        """What is known of it."""
        return EFFECTS[self.name]

    def made(self, open_plate: OpenPlate | None = None) -> "Effect":
        """The effect itself, for one clip; see ``EffectRow.made``."""
        return self.row.made(self.values, open_plate)

    @property
    def matched(self) -> str:
        """The words that name the object whose colour is matched; empty where none is."""
        return next((value.words for value in self.values.values() if isinstance(value, Match)), "")

    def covers(self, seconds: float) -> bool:
        """Whether it is to be seen at a time."""
        return self.begin_seconds <= seconds and (self.end_seconds is None or seconds < self.end_seconds)


def _names() -> dict[str, EffectRow]:
    return {word: row for row in EFFECTS.values() for word in (*row.chinese, *row.english, row.name)}


def effect_row(word: str) -> EffectRow:
    """The row of an effect by its name or by another word for it.

    Raises:
        UsageError: there is none; names the nearest.
    """
    names = _names()
    found = names.get(" ".join(word.strip().lower().split()))
    if found is not None:
        return found
    near = get_close_matches(word.strip().lower(), names, n=3, cutoff=0.6)
    guess = tuple(dict.fromkeys(names[one].name for one in near))
    hint = f"did you mean {' or '.join(guess)}? " if guess else ""
    raise UsageError(f"unknown effect {word.strip()!r}; {hint}choose from {', '.join(EFFECTS)}")


def read_effect(text: str) -> EffectUse:
    """Reads ``NAME``, ``NAME=VALUE`` or ``NAME=VALUE,key=value``, for all objects and the whole clip.

    A text such as a label may have commas: only what looks like one of the effect's own parameters ends it.

    Raises:
        UsageError: it cannot be meant; one line that says what can.
    """
    head, equals, rest = re.fullmatch(r"([^=,]*)([=,]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    row = effect_row(head)
    first, pairs = _parts(row, rest) if equals else ("", ())
    given: dict[str, Any] = {}
    if equals == ",":
        first, pairs = "", _parts(row, f",{rest}")[1]
    elif equals:
        if row.value is None:
            raise UsageError(f"effect {row.name} takes no value, got {first!r}{_more(row)}")
        given[row.value.name] = read_value(row.name, row.value, first)
    known = {one.name: one for one in row.all_parameters}
    for key, value in pairs:
        if key not in known:
            row.complete({key: value})  # says what is allowed
        given[key] = read_value(row.name, known[key], value)
    return EffectUse(row.name, given)


def _more(row: EffectRow) -> str:
    names = ", ".join(f"{one.name}={one.metavar}" for one in row.parameters)
    return f"; it has {names}" if names else ""


def _parts(row: EffectRow, rest: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Takes what is behind the name apart: the value, and pairs of key and value."""
    takes_text = isinstance(row.value, Text)
    keys = "|".join(re.escape(one.name) for one in row.all_parameters)
    pattern = rf",\s*({keys})\s*=" if takes_text else r",\s*([^=,]*?)\s*(?:=|(?=,)|$)"
    first, *others = re.split(pattern, rest)
    return first, tuple(zip(others[::2], (one.strip() for one in others[1::2]), strict=True))


def written_effect(use: EffectUse) -> str:
    """The effect as ``read_effect`` reads it."""
    own = use.row.value.name if use.row.value is not None else None
    said = written_values(use)
    first = "".join(f"={value}" for name, value in said if name == own)
    return use.name + first + "".join(f",{name}={value}" for name, value in said if name != own)


def written_values(use: EffectUse) -> tuple[tuple[str, str], ...]:
    """What the effect is told besides its defaults, as pairs of name and text."""
    values = [(one, use.values[one.name]) for one in use.row.all_parameters]
    return tuple((one.name, _written(value)) for one, value in values if value not in (None, one.default))


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "#" + bytes(value).hex()
    return f"{value:g}" if isinstance(value, float) else str(value)
