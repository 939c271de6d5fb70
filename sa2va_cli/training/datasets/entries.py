"""Reading annotation files: JSON with the path in every message, and what is checked of every entry."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError
from sa2va_cli.training.datasets.masks import MALFORMED
from sa2va_cli.training.datasets.sample import Problem

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


def read_json(path: Path, otherwise: str | None = None) -> Any:
    """Reads a JSON file.

    Args:
        path: of the file.
        otherwise: how its letters are encoded where they are not UTF-8.

    Raises:
        InputError: it is missing, or no JSON.
    """
    try:
        data = path.read_bytes()
        try:
            return json.loads(data.decode("utf-8-sig"))  # some editors put a mark before it
        except UnicodeDecodeError:
            if otherwise is None:
                raise
            return json.loads(data.decode(otherwise))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}{_pickled_instead(path)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error


def _pickled_instead(path: Path) -> str:
    for ending in (".pkl", ".p"):
        pickled = path.with_suffix(ending)
        if pickled.exists():
            return (
                f"; there is {pickled.name}, which is a program as much as data: make JSON of it with "
                f"sa2va data convert {pickled}"
            )
    return ""


def mapping_in(path: Path, document: Any, key: str | None = None) -> Mapping[str, Any]:
    """Takes a mapping out of a document, or the document itself.

    Raises:
        InputError: there is none.
    """
    found = document.get(key) if key is not None and isinstance(document, dict) else document
    if not isinstance(found, dict):
        raise InputError(f"{path}: {key or 'the document'} must be an object of JSON, got {_kind(found)}")
    return found


def list_in(path: Path, document: Any, key: str | None = None) -> Sequence[Any]:
    """Takes a list out of a document, or the document itself.

    Raises:
        InputError: there is none.
    """
    found = document.get(key) if key is not None and isinstance(document, dict) else document
    if not isinstance(found, list):
        raise InputError(f"{path}: {key or 'the document'} must be a list, got {_kind(found)}")
    return found


def by_id(path: Path, document: Any, key: str) -> dict[Any, dict[str, Any]]:
    """The objects of a list by their ``id``; what has none that is a number or a text is left out.

    Raises:
        InputError: there is no list.
    """
    entries = [one for one in list_in(path, document, key) if isinstance(one, dict)]
    return {one["id"]: one for one in entries if isinstance(one.get("id"), int | str)}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}")


@dataclass
class Problems:
    """Collects what is broken while a file is read.

    Attributes:
        found: so far.
    """

    found: list[Problem] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Notes one."""
        self.found.append(Problem(where, what))

    @contextmanager
    def guarded(self, where: str) -> Generator[None, None, None]:
        """Notes an entry whose values are of another shape than they should be, and goes on behind it."""
        try:
            yield
        except MALFORMED as error:
            self.add(where, f"is not understood ({type(error).__name__}: {error})")

    def text(self, where: str, value: Any) -> str | None:
        """Takes a sentence, which must be a text with something in it; None where it is not."""
        if not isinstance(value, str):
            self.add(where, f"its text is {_kind(value)}, not a text")
            return None
        if not value.strip():
            self.add(where, "its text is empty")
            return None
        return value.strip()

    def entries(self, where: str, values: Sequence[Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Goes through a list of objects; gives the place, the index and the object of each."""
        for index, value in enumerate(values):
            place = f"{where}: entry {index}"
            if isinstance(value, dict):
                yield place, index, value
            else:
                self.add(place, f"is {_kind(value)}, not an object")


def picture_of(folder: Path, stem: str) -> Path:
    """The file of a frame that is named without an ending; ``.jpg`` where there is none yet."""
    return next((p for e in _PICTURES if (p := folder / f"{stem}{e}").exists()), folder / f"{stem}.jpg")
