"""Lists of jobs in a file: JSON Lines or CSV, one job a row.

    {"input": "a.mp4", "prompts": ["the dog"], "save": "matte", "output": "out/{stem}.mov", "keyframes": 9}

``input`` is what the command would be given; ``prompts`` (or ``prompt``) is a list, in CSV separated by
``|``; ``output`` is ``-o``; every other key is the long name of an option without its dashes. What is null,
or an empty cell, is not said. Knows nothing about what the options mean.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.parameters import expanded

_SEPARATOR = "|"
_UTF_16 = b"\xff\xfe", b"\xfe\xff"


@dataclass(frozen=True)
class Entry:
    """One row.

    Attributes:
        input: what the job is about.
        prompts: what is looked for; empty for those of the command line.
        options: by long names with underscores; texts where they come from CSV.
        where: names the row, for messages.
    """

    input: str
    prompts: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


def read_manifest(path: Path) -> Iterator[Entry]:
    """Reads a list of jobs; what its inputs are relative to is the current folder.

    Raises:
        InputError: the file cannot be read.
        UsageError: a row cannot be meant; the line is named.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if data.startswith(_UTF_16):
        raise UsageError(f"{path}: its letters are those of UTF-16; store it as UTF-8")
    text = data.decode("utf-8-sig", "surrogateescape")
    if path.suffix.lower() == ".csv":
        yield from _rows(text, path)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _entry(_object(line, f"{path}:{number}"), f"{path}:{number}")


def _rows(text: str, path: Path) -> Iterator[Entry]:
    """The rows of CSV; cells that are empty say nothing."""
    lines = csv.reader(io.StringIO(text, newline=""))
    names: list[str] | None = None
    try:
        for row in lines:
            where = f"{path}:{lines.line_num}"
            if not any(row):
                continue
            if names is None:
                names = _header(row, where)
            elif len(row) > len(names) and any(row[len(names) :]):
                raise UsageError(f"{where}: {len(row)} values, and the first row names {len(names)} columns")
            else:
                yield _entry([pair for pair in zip(names, row, strict=False) if pair[1]], where)
    except csv.Error as error:
        raise UsageError(f"{path}:{lines.line_num}: this row cannot be read ({error})") from error


def _header(row: list[str], where: str) -> list[str]:
    """The names of columns."""
    if "input" not in map(_key, row):
        raise UsageError(
            f"{where}: no column is called input; the first row of CSV names the columns, with "
            f"commas between them, and this one has {', '.join(row)}"
        )
    return row


def _object(line: str, where: str) -> list[tuple[str, Any]]:
    """The names and values of an object; names stand there twice where the line says so."""
    try:
        value = json.loads(line, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not a JSON object on one line ({error})") from error
    if not isinstance(value, _Pairs):
        raise UsageError(f'{where}: not a JSON object; write {{"input": "clip.mp4", ...}}')
    return [pair for pair in value if pair[1] is not None]


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON."""

    def __repr__(self) -> str:
        return json.dumps(dict(self))


def _key(name: str) -> str:
    return name.strip().lstrip("-").replace("-", "_")


def _entry(row: Iterable[tuple[str, Any]], where: str) -> Entry:
    given: dict[str, Any] = {}
    for name, value in row:
        if _key(name) in given:
            raise UsageError(f"{where}: {name} is said twice")
        if isinstance(value, str) and "\0" in value:
            raise UsageError(f"{where}: {name} has a zero byte in it, which is in no name")
        given[_key(name)] = value
    source = given.pop("input", None)
    if source is not None and not isinstance(source, str):
        raise UsageError(f"{where}: input is a text, got {source!r}")
    if source is None or not source.strip():
        raise UsageError(f"{where}: there is no input; each job needs one")
    prompts = [*_texts(given.pop("prompts", ()), where), *_texts(given.pop("prompt", ()), where)]
    return Entry(expanded(source), tuple(prompts), given, where)


def _texts(value: Any, where: str) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(_SEPARATOR) if part.strip()]
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    raise UsageError(f"{where}: prompts are a list of texts, got {value!r}")
