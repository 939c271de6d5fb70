"""MeViS: ``{train,valid_u,valid}/{JPEGImages, meta_expressions.json, mask_dict.json}``.

Expressions name the masks of all their objects in ``anno_id``; in version 2 that list is empty where nothing
is meant. ``valid`` has no masks: its truth is on the server.
"""

from pathlib import Path

from sa2va_cli.training.datasets.expressions import Layout, read_expressions
from sa2va_cli.training.datasets.sample import Dataset

NAME = "mevis"
SPLITS = ("train", "valid_u", "valid")
_META = "meta_expressions.json"


def recognised(path: Path) -> bool:
    """Whether it is one of the parts, or the folder of them."""
    return any((folder / _META).is_file() and (folder / "JPEGImages").is_dir() for folder in _folders(path))


def _folders(path: Path) -> list[Path]:
    return [path, *(path / split for split in SPLITS)]


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part: the one that is named, or that ``path`` is, or else the first one that is there.

    Raises:
        InputError: a file is missing, or is something else.
    """
    folder = path if (path / _META).is_file() and split is None else path / (split or _first(path))
    masks = folder / "mask_dict.json"
    return read_expressions(
        Layout(
            NAME,
            path,
            folder / _META,
            folder / "JPEGImages",
            masks if masks.is_file() else None,
            split or folder.name,
        )
    )


def _first(path: Path) -> str:
    """The part whose truth is public and that is not for training, if it is there."""
    there = [name for name in ("valid_u", "train", "valid") if (path / name / _META).is_file()]
    return there[0] if there else "valid_u"
