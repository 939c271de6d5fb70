"""The configuration file: where it is, what is in it, and whether that can be meant.

``config.toml`` in the folder that the system has for such files (``~/.config/sa2va`` on Linux);
``SA2VA_CONFIG`` names another file. A table for each command, keys are the long names of its options::

    model = "1b"             # of every command that has such an option

    [segment]
    keyframes = 9
    save = ["mask", "matte"]

    [models.convert]
    dtype = "keep"

Knows nothing about how the command line is parsed.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from sa2va_cli.errors import UsageError

VARIABLE = "SA2VA_CONFIG"

Kind = Literal["text", "texts", "whole number", "number", "true or false"]
Schema = Mapping[tuple[str, ...], Mapping[str, Kind]]
"""What may stand in each table, by the words that lead to the command; the empty one for all commands."""


@dataclass(frozen=True)
class Configuration:
    """What a configuration file says.

    Attributes:
        path: of the file; None where the system has no place for one.
        tables: values by command and option; the empty command stands for all.
        there: whether there is one, and it was read.
        unread: why it was not read, if it is there; empty otherwise.
    """

    path: Path | None
    tables: Mapping[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)
    there: bool = False
    unread: str = ""


def configuration_path() -> Path | None:
    """Where the configuration file is, or would be; None where the system has no place for one."""
    if named := os.environ.get(VARIABLE):
        return Path(os.path.expanduser(named))  # noqa: PTH111  (the other one fails where there is no home)
    from platformdirs import user_config_path

    try:
        path = user_config_path("sa2va") / "config.toml"
    except (OSError, RuntimeError):
        return None
    return path if path.is_absolute() else None  # without a home, "~" stays "~"


def read_configuration(schema: Schema) -> Configuration:
    """Reads the configuration file, if there is one.

    Where the file was not asked for by name and its folder is closed, it is as if there were none.

    Raises:
        UsageError: the file that ``SA2VA_CONFIG`` names cannot be read, or what is in it cannot be meant.
    """
    path = configuration_path()
    if path is None:
        return Configuration(None)
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors put a mark before it
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not in UTF-8, which TOML is") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if os.environ.get(VARIABLE):
            raise UsageError(f"{path} ({VARIABLE}) cannot be read: {reason}") from error
        return Configuration(path, unread="" if isinstance(error, FileNotFoundError) else reason)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    return Configuration(path, checked(document, path, schema), there=True)


def checked(document: Mapping[str, Any], path: Path, schema: Schema) -> dict[tuple[str, ...], dict[str, Any]]:
    """Checks what a configuration file says.

    Args:
        document: as TOML gives it.
        path: of the file, for messages.
        schema: what it may say.

    Returns:
        The values by command and option.

    Raises:
        UsageError: a table or a key is unknown, or a value of the wrong type; names the nearest allowed one.
    """
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    for place, key, value in _entries(document, (), schema):
        where = f"{path}{f' [{_dotted(place)}]' if place else ''}"
        name = key.replace("-", "_")
        allowed = schema.get(place, {})
        if name not in allowed and any(path[: len(place) + 1] == (*place, key) for path in schema):
            raise UsageError(f"{where}: {key} must be a table: [{_dotted((*place, key))}], got {value!r}")
        if name not in allowed:
            raise UsageError(f"{where}: unknown key {key!r}; {_nearest(key, _names(schema, place))}")
        tables.setdefault(place, {})[name] = _value(value, allowed[name], f"{where}: {key}")
    return tables


def _entries(
    document: Mapping[str, Any], place: tuple[str, ...], schema: Schema
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every key that is no table of a command, with its place."""
    for key, value in document.items():
        inside = (*place, key)
        if isinstance(value, Mapping) and any(path[: len(inside)] == inside for path in schema):
            yield from _entries(value, inside, schema)
        else:
            yield place, key, value


def _names(schema: Schema, place: tuple[str, ...]) -> list[str]:
    keys = [key.replace("_", "-") for key in schema.get(place, {})]
    return keys + sorted({path[len(place)] for path in schema if path[: len(place)] == place != path})


def _dotted(place: tuple[str, ...]) -> str:
    return ".".join(place)


def _nearest(key: str, allowed: list[str]) -> str:
    near = get_close_matches(key.replace("_", "-"), allowed, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}" if near else f"allowed are {', '.join(allowed)}"


def _value(value: Any, kind: Kind, where: str) -> Any:
    """A value of the wanted kind.

    Raises:
        UsageError: it is another.
    """
    if kind == "texts" and isinstance(value, str):
        return [value]
    if kind == "text" and _is(value, "number"):
        return str(value)  # a time: start = 2.5
    if not _is(value, kind):
        wanted = {"texts": 'a list of texts, as in ["a", "b"]', "text": 'a text, as in "a"'}.get(
            kind, f"a {kind}" if kind != "true or false" else kind
        )
        raise UsageError(f"{where} must be {wanted}, got {value!r}")
    return value


def _is(value: Any, kind: Kind) -> bool:
    if kind == "texts":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return kind == "true or false"
    types: dict[str, tuple[type, ...]] = {"text": (str,), "whole number": (int,), "number": (int, float)}
    return isinstance(value, types.get(kind, ()))
