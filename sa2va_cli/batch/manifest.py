"""Lists of jobs in a file: JSON Lines or CSV, one job a row.

    {"input": "a.mp4", "prompts": ["the dog"], "save": "matte", "output": "out/{stem}.mov", "keyframes": 9}

``input`` is what the command would be given; ``prompts`` (or ``prompt``) is a list, in CSV separated by
``|``; ``output`` is ``-o``; every other key is the long name of an option without its dashes. Knows nothing
about what the options mean.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError, UsageError

_SEPARATOR = "|"


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
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if path.suffix.lower() == ".csv":
        rows = csv.DictReader(io.StringIO(text), restkey="")
        for row in rows:
            yield _entry({key: value for key, value in row.items() if value}, f"{path}:{rows.line_num}")
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _entry(_object(line, f"{path}:{number}"), f"{path}:{number}")


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not a JSON object on one line ({error})") from error
    if not isinstance(value, dict):
        raise UsageError(f'{where}: not a JSON object; write {{"input": "clip.mp4", ...}}')
    return value


def _entry(row: dict[str, Any], where: str) -> Entry:
    given = {str(key).strip().lstrip("-").replace("-", "_"): value for key, value in row.items()}
    source = given.pop("input", None)
    if not isinstance(source, str) or not source.strip():
        raise UsageError(f"{where}: there is no input; each job needs one")
    prompts = [*_texts(given.pop("prompts", ()), where), *_texts(given.pop("prompt", ()), where)]
    return Entry(os.fspath(source), tuple(prompts), given, where)


def _texts(value: Any, where: str) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(_SEPARATOR) if part.strip()]
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    raise UsageError(f"{where}: prompts are a list of texts, got {value!r}")
