"""Reads the JSON files of a checkpoint folder, which anyone may have written.

The one place where JSON of a checkpoint is parsed, so that whatever is wrong with a file ends in one line.
Knows nothing about what the values mean, and nothing of torch.
"""

import json
import math
from pathlib import Path
from typing import Any

from sa2va_cli.errors import ModelError

Config = dict[str, Any]
"""A JSON object."""

DEEPEST = 64
"""Levels of nesting that are read; configs of transformers have about five."""

LONGEST_INTEGER = 40
"""Digits. ``model_max_length`` of many tokenizers is 10^30, which has 31."""


def read_json_object(path: Path) -> Config:
    """Reads a file that holds one JSON object.

    Raises:
        ModelError: the file is missing, or is not what ``parse_json_object`` takes.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; is this a checkpoint folder?") from error
    return parse_json_object(data, str(path))


def parse_json_object(data: bytes, source: str) -> Config:
    """Parses one JSON object in UTF-8.

    Args:
        data: the text.
        source: where it comes from, for messages.

    Raises:
        ModelError: it is not JSON, not an object, nested too deeply, or has a number that cannot be meant
            (NaN, infinite, an integer of more than ``LONGEST_INTEGER`` digits) or a lone surrogate.
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_number)
    except RecursionError as error:
        raise ModelError(f"{source} is nested more than {DEEPEST} levels deep") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{source} is not valid JSON: it is not in UTF-8 (byte {error.start})") from error
    except ValueError as error:
        raise ModelError(f"{source} is not valid JSON: {one_line(error)}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{source} should hold a JSON object, got a {type(value).__name__}")
    if _is_deeper(value, DEEPEST):
        raise ModelError(f"{source} is nested more than {DEEPEST} levels deep")
    if "\\ud" in text.lower() and not _is_unicode(value):
        raise ModelError(f"{source} is not valid JSON: a string holds half of a surrogate pair")
    return value


def one_line(error: Exception) -> str:
    """Puts the text of another library's error into one line that fits a message."""
    words = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return " ".join(words.split())[:200] or type(error).__name__


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:LONGEST_INTEGER]} is too large")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether containers are nested in more than this many levels; goes level by level, not recursively."""
    containers = [value]
    for _ in range(levels):
        children = [
            child
            for container in containers
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not children:
            return False
        containers = children
    return True


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
