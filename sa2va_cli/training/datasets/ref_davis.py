"""Ref-DAVIS17: ``meta_expressions/{split}/meta_expressions.json``, ``{split}/{JPEGImages, mask_dict.json}``.

``mask_dict.json`` is what ``sa2va data convert`` makes of the official ``mask_dict.pkl``. Its names are
running numbers over *sorted* videos and expressions sorted as texts; a sentence has one object.
"""

from pathlib import Path

from sa2va_cli.training.datasets.expressions import Layout, listed, read_expressions, running_number
from sa2va_cli.training.datasets.sample import Dataset

NAME = "ref-davis17"
SPLITS = ("valid", "train")


def recognised(path: Path) -> bool:
    """Whether it is the folder that the official code calls ``davis17``."""
    there = [one for one in SPLITS if _meta(path, one).is_file()]
    return "davis" in path.name.lower() and any(any((path / one).glob("mask_dict.*")) for one in there)


def _meta(path: Path, split: str) -> Path:
    return path / "meta_expressions" / split / "meta_expressions.json"


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part, ``valid`` where none is named.

    Raises:
        InputError: a file is missing, or is something else.
    """
    part = split or "valid"
    return read_expressions(
        Layout(
            NAME,
            path,
            _meta(path, part),
            path / part / "JPEGImages",
            path / part / "mask_dict.json",
            part,
            annotations=lambda one: listed(one.entry, "anno_id") or running_number(one),
            order=sorted,
        )
    )
