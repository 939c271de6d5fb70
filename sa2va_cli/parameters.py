"""What can be set, declared once: the fields of values such as ``Search`` say how they are set and to what.

A field that people can set on the command line is annotated with an ``Option``, an ``Argument`` or
``Switches``; the same row gives the allowed values for checks, help and messages::

    @dataclass(frozen=True)
    class Search:
        sampling: Annotated[str, Option("Which frames are seen.", choices=("uniform", "first"))] = "uniform"

        def __post_init__(self) -> None:
            check_fields(self)

Knows nothing about how a command line is parsed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from sa2va_cli.errors import UsageError, parameter

LOOKING, SAVING, DRAWING, MODEL = "Looking", "Saving", "Drawing", "Model"
TALKING, TIMING, ANSWERING = "Talking", "Timing", "Answering"
PANELS = (TIMING, LOOKING, ANSWERING, SAVING, DRAWING, MODEL, TALKING)
"""The groups of options under which ``--help`` lists them, in this order."""


@dataclass(frozen=True)
class Option:
    """A field that an option of the command line sets.

    Attributes:
        help: what it does, for ``--help``; or what makes that text when it is wanted.
        panel: one of ``PANELS``.
        metavar: stands for its value.
        names: of the option where it is not called after its field: ``--model``, ``-m``.
        choices: the allowed values, if there are few.
        offered: values that a shell completes, where others are allowed, or several with commas.
        least: the smallest allowed number.
        between: both ends of an open interval in which a number must lie.
        within: the smallest and the largest allowed number.
        read: makes the field's value of what is written on the command line.
        shown: the default as it is written, where that is not the field's default.
        experimental: what about it was never measured; is told in its help.
    """

    help: str | Callable[[], str]
    panel: str = ""
    metavar: str = ""
    names: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    least: int | None = None
    between: tuple[float, float] | None = None
    within: tuple[float, float] | None = None
    read: Callable[[Any], Any] | None = None
    shown: str = ""
    experimental: str = ""


@dataclass(frozen=True)
class Argument:
    """A field that is given without a name, by its place.

    Attributes:
        help: what it is.
        metavar: stands for it.
        several: whether it may be given more than once.
        optional: whether it may be left out.
    """

    help: str
    metavar: str
    several: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Switch:
    """One of several options without a value that set the same field.

    Attributes:
        name: of the option, with its dashes.
        value: what it sets the field to.
        help: what that means.
    """

    name: str
    value: str
    help: str


@dataclass(frozen=True)
class Switches:
    """A field that several options without a value set, one of them at a time.

    Attributes:
        panel: one of ``PANELS``.
        switches: those options.
    """

    panel: str
    switches: tuple[Switch, ...]

    @property
    def choices(self) -> tuple[str, ...]:
        """What the options set."""
        return tuple(switch.value for switch in self.switches)


Setting = Option | Argument | Switches


@dataclass(frozen=True)
class Declared:
    """A field that people can set.

    Attributes:
        name: of the field.
        kind: its type, without the annotation.
        default: what it is when nobody sets it; ``dataclasses.MISSING`` for nothing.
        setting: how it is set.
    """

    name: str
    kind: Any
    default: Any
    setting: Setting

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return get_origin(self.kind) in (Union, UnionType) and type(None) in get_args(self.kind)


def declared(group: type) -> tuple[Declared, ...]:
    """The fields of a dataclass that people can set, in order."""
    return _declared(group)


@cache
def _declared(group: Any) -> tuple[Declared, ...]:
    found = []
    for one in fields(group):
        if get_origin(one.type) is not Annotated:
            continue
        kind, *more = get_args(one.type)
        setting = next((item for item in more if isinstance(item, Option | Argument | Switches)), None)
        if setting is not None:
            found.append(Declared(one.name, kind, one.default, setting))
    return tuple(found)


def named(group: type, name: str, value: object = None) -> str:
    """Names a field of a group for a message; on the command line by the first name of its option."""
    names = {one.name: one.setting.names for one in declared(group) if isinstance(one.setting, Option)}
    option = names[name][0] if names.get(name) else ""
    return parameter(name, value, option=option and f"{option} {'' if value is None else value}".strip())


def check_fields(value: Any) -> None:
    """Checks every field of a value against what its row allows.

    Raises:
        UsageError: one is not allowed; names it, what it is, and what it may be.
    """
    for one in declared(type(value)):
        given = getattr(value, one.name)
        if isinstance(one.setting, Option) and not (given is None and one.optional):
            _check(type(value), one.name, one.setting, given)


def _check(group: type, name: str, option: Option, given: Any) -> None:
    if option.choices and given not in option.choices:
        raise UsageError(f"unknown {named(group, name)} {given!r}; choose {one_of(option.choices)}")
    if option.least is not None and not (_is_number(given, int) and given >= option.least):
        raise UsageError(f"{named(group, name)} must be at least {option.least}, got {given!r}")
    if option.between is not None:
        low, high = option.between
        if not (_is_number(given, int | float) and math.isfinite(given) and low < given < high):
            shown = f"{given:g}" if isinstance(given, float) else repr(given)
            raise UsageError(f"{named(group, name)} must lie between {low:g} and {high:g}, got {shown}")
    if option.within is not None:
        low, high = option.within
        if not (_is_number(given, int | float) and low <= given <= high):
            shown = f"{given:g}" if isinstance(given, float) else repr(given)
            raise UsageError(f"{named(group, name)} must be from {low:g} to {high:g}, got {shown}")


def _is_number(given: Any, kind: Any) -> bool:
    return isinstance(given, kind) and not isinstance(given, bool)


def one_of(choices: tuple[str, ...]) -> str:
    """Lists what can be chosen: ``a``, ``a or b``, ``a, b or c``."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def expanded(path: str) -> str:
    """A path whose ``~`` the shell has left alone, as it does between quotes; other texts stay as they are.

    A file that is really called ``~name`` is found as it is.
    """
    if not path.startswith("~"):
        return path
    try:
        if Path(path).exists():
            return path
        return f"{Path(path).expanduser()}{'/' if path.endswith('/') else ''}"
    except (OSError, RuntimeError, ValueError):  # a name too long, no home
        return path
