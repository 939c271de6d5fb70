"""What an effect can be told: named values with their types, ranges and defaults. Importing it is instant."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import one_of
from sa2va_cli.render.effects.colour_words import COLOUR_WORDS, named_colour
from sa2va_cli.render.palette import Colour

REQUIRED: Any = object()
"""Stands for the default of what has none."""


@dataclass(frozen=True)
class Parameter:
    """Something that an effect can be told.

    Attributes:
        name: of it.
        help: one line for people.
        default: where nothing is said; ``REQUIRED`` for none.
        metavar: stands for its value in help.
    """

    name: str
    help: str
    default: Any = REQUIRED
    metavar: str = "VALUE"

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    @property
    def allowed(self) -> str:
        """What it may be, for messages."""
        raise NotImplementedError

    def read(self, given: str) -> Any:
        """Makes the value of a text.

        Raises:
            ValueError: it cannot be meant.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Number(Parameter):
    """A number.

    Attributes:
        least: the smallest.
        most: the largest.
        whole: whether it counts something.
        unit: what it counts, for people.
    """

    metavar: str = "NUMBER"
    least: float = 0.0
    most: float = math.inf
    whole: bool = False
    unit: str = ""

    @property
    def allowed(self) -> str:
        """What it may be, for messages."""
        kind = "a whole number" if self.whole else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        if math.isinf(self.most):
            return f"{kind}{unit}, at least {self.least:g}"
        return f"{kind}{unit} from {self.least:g} to {self.most:g}"

    def read(self, given: str) -> float | int:
        """Makes a number of a text, ``50%`` being 0.5."""
        text = given.strip().removesuffix(self.unit or "\0").strip()
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        if not (math.isfinite(value) and self.least <= value <= self.most):
            raise ValueError(given)
        if self.whole and value != int(value):
            raise ValueError(given)
        return int(value) if self.whole else value


@dataclass(frozen=True)
class ColourParameter(Parameter):
    """A colour: a word, English or Chinese, or ``#rrggbb``."""

    metavar: str = "COLOUR"

    @property
    def allowed(self) -> str:
        """What it may be, for messages."""
        english = [word for word in COLOUR_WORDS if word.isascii() and " " not in word]
        return f"#rrggbb or one of {', '.join(english)}"

    def read(self, given: str) -> Colour:
        """Makes a colour of a text."""
        found = named_colour(given)
        if found is None:
            raise ValueError(given)
        return found


@dataclass(frozen=True)
class Match:
    """Stands for the colour that another object has.

    Attributes:
        words: that name it, or its number as ``#2``.
    """

    words: str

    def __str__(self) -> str:
        return f"{MATCH}{self.words}"


MATCH = "match:"


@dataclass(frozen=True)
class ColourOrMatch(ColourParameter):
    """A colour, or that of another object: ``match:the dog``, ``match:#2``."""

    @property
    def allowed(self) -> str:
        """What it may be, for messages."""
        return f"{super().allowed}, or {MATCH}OBJECT"

    def read(self, given: str) -> Any:
        """Makes a ``Colour`` or a ``Match`` of a text."""
        text = given.strip()
        if not text.lower().startswith(MATCH):
            return super().read(given)
        words = " ".join(text[len(MATCH) :].split())
        if not words:
            raise ValueError(given)
        return Match(words)


@dataclass(frozen=True)
class Word(Parameter):
    """One of a few words.

    Attributes:
        choices: those.
    """

    metavar: str = "WORD"
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What it may be, for messages."""
        return one_of(self.choices)

    def read(self, given: str) -> str:
        """Makes a word of a text."""
        word = given.strip().lower()
        if word not in self.choices:
            raise ValueError(given)
        return word


@dataclass(frozen=True)
class Text(Parameter):
    """Any words that are not empty."""

    metavar: str = "TEXT"

    @property
    def allowed(self) -> str:
        """What it may be, for messages."""
        return "a text that is not empty"

    def read(self, given: str) -> str:
        """Takes the text as it is."""
        if not given.strip():
            raise ValueError(given)
        return given


Values = Mapping[str, Any]
"""What an effect was told, by the names of its parameters."""


def read_value(effect: str, parameter: Parameter, given: str) -> Any:
    """Makes the value of a parameter.

    Raises:
        UsageError: it cannot be meant; one line that says what can.
    """
    try:
        return parameter.read(given)
    except ValueError:
        raise UsageError(
            f"effect {effect}: {parameter.name} must be {parameter.allowed}, got {given!r}"
        ) from None
