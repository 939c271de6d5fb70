"""Defaults of options from the environment and the configuration file, handed to the command line's parser.

One rule: what is said more directly wins. The command line, then ``SA2VA_SEGMENT_KEYFRAMES`` (for one
command), then ``SA2VA_KEYFRAMES`` (for every command that has this option), then the table ``[segment]`` of
the file, then what stands in the file before any table, then the built-in default. Options of one command
alone, which stand in no panel of ``parameters.PANELS``, have no name for every command.

Knows nothing about what options mean.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import typer

from sa2va_cli.configuration import Configuration, Kind, Schema
from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import PANELS

PREFIX = "SA2VA"
_STRENGTHS = ("DEFAULT", "DEFAULT_MAP", "ENVIRONMENT", "PROMPT", "COMMANDLINE")
"""The parser's names of where a value comes from, the weakest first."""

TYPED = _STRENGTHS.index("COMMANDLINE")
"""How directly an option is set that stands on the command line."""


@dataclass(frozen=True)
class Known:
    """An option that can have a default from elsewhere.

    Attributes:
        name: as it is typed: ``--max-frames``.
        kind: what it takes.
        shared: whether it means the same in every command that has it.
        variables: the environment variables that set it, the stronger one first.
    """

    name: str
    kind: Kind
    shared: bool
    variables: tuple[str, ...]

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it now; None where none does."""
        return next((name for name in self.variables if os.environ.get(name)), None)


KNOWN: dict[tuple[str, ...], dict[str, Known]] = {}
"""The options of every command by their keys; commands by the words that lead to them."""


def remember(path: tuple[str, ...], key: str, name: str, annotation: Any, panel: str | None) -> Known:
    """Enters an option of a command into ``KNOWN``.

    Args:
        path: the words that lead to the command.
        key: what the parser calls the option, and the configuration file.
        name: as it is typed.
        annotation: the type that it is read as.
        panel: where it stands in the help.
    """
    shared = panel in PANELS
    words = [(PREFIX, *path, written(key)), *([(PREFIX, written(key))] if shared else [])]
    names = tuple("_".join(name).upper().replace("-", "_") for name in words)
    known = Known(name, _kind(annotation), shared, names)
    KNOWN.setdefault(path, {})[key] = known
    return known


def _kind(annotation: Any) -> Kind:
    plain: dict[Any, Kind] = {bool: "true or false", int: "whole number", float: "number", list[str]: "texts"}
    whole: dict[Any, Kind] = {kind | None: name for kind, name in plain.items()}
    return (plain | whole).get(annotation, "text")


def written(key: str) -> str:
    """An option's key as people write it: without what Python's own words need."""
    return key.removesuffix("_")


def schema() -> Schema:
    """What a configuration file may say."""
    tables: dict[tuple[str, ...], dict[str, Kind]] = {}
    shared: dict[str, Kind] = {}
    for path, options in KNOWN.items():
        tables[path] = {written(key): known.kind for key, known in options.items()}
        shared |= {written(key): known.kind for key, known in options.items() if known.shared}
    return {(): shared, **tables}


def default_map(configuration: Configuration) -> dict[str, Any]:
    """The values of a configuration file, as the parser takes them: nested by command."""
    everywhere = configuration.tables.get((), {})
    nested: dict[str, Any] = {}
    for path, options in KNOWN.items():
        place = nested
        for word in path:
            place = place.setdefault(word, {})
        own = configuration.tables.get(path, {})
        for key, known in options.items():
            if known.shared and written(key) in everywhere:
                place[key] = everywhere[written(key)]
            if written(key) in own:
                place[key] = own[written(key)]
    return nested


def strength_of(context: typer.Context, key: str) -> int:
    """How directly an option was set: the greater, the more so."""
    source = context.get_parameter_source(key)
    return 0 if source is None else _STRENGTHS.index(source.name)


def origin_of(context: typer.Context, key: str, known: Known) -> str | None:
    """Where an option's value comes from, for people; None for the command line and built-in defaults."""
    source = context.get_parameter_source(key)
    if source is not None and source.name == "ENVIRONMENT":
        return known.variable
    if source is not None and source.name == "DEFAULT_MAP":
        configuration: Configuration | None = getattr(context.obj, "configuration", None)
        return str(configuration.path) if configuration else None
    return None


def path_of(context: typer.Context) -> tuple[str, ...]:
    """The words that lead to a command, by its context."""
    return tuple(context.command_path.split()[1:])


def typed_options(context: typer.Context) -> frozenset[str]:
    """The long names of the options that stand on the command line."""
    names = {one.name: next(iter(one.opts)) for one in context.command.params if one.name}
    told = {name: long for name, long in names.items() if strength_of(context, name) == TYPED}
    return frozenset(long for long in told.values() if long.startswith("--"))


def known_options(context: typer.Context) -> Iterable[tuple[str, Known]]:
    """The options of a command that can have a default from elsewhere, by their keys."""
    return KNOWN.get(path_of(context), {}).items()


def origins_in(error: UsageError, context: typer.Context) -> str:
    """Where the options that a message speaks of come from, if not from the command line."""
    words = error.command_line.split()
    spoken_of = [(key, known) for key, known in known_options(context) if known.name in words]
    origins = {known.name: origin_of(context, key, known) for key, known in spoken_of}
    return "; ".join(f"{name} comes from {origin}" for name, origin in origins.items() if origin)
