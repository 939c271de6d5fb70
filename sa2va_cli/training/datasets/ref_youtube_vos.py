"""Ref-YouTube-VOS: ``meta_expressions/{split}/meta_expressions.json``, ``{split}/{JPEGImages, Annotations}``.

Masks come from ``mask_dict.json`` (which ``sa2va data convert`` makes of the official ``mask_dict.pkl``),
under running numbers, since expressions name none: videos in the order of the file, expressions sorted as
texts. Without that file they come from the palette PNGs of ``Annotations``, under ``obj_id``.
"""

from pathlib import Path

from sa2va_cli.errors import InputError
from sa2va_cli.training.datasets.expressions import (
    Expression,
    Layout,
    listed,
    read_expressions,
    running_number,
)
from sa2va_cli.training.datasets.masks import MaskSource, Values
from sa2va_cli.training.datasets.sample import Dataset

NAME = "ref-youtube-vos"
SPLITS = ("train", "valid", "test")


def recognised(path: Path) -> bool:
    """Whether it is the folder that the official code calls ``rvos``."""
    return bool(_there(path)) and any((path / split / "JPEGImages").is_dir() for split in _there(path))


def _there(path: Path) -> list[str]:
    return [split for split in SPLITS if _meta(path, split).is_file()]


def _meta(path: Path, split: str) -> Path:
    return path / "meta_expressions" / split / "meta_expressions.json"


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part, the first that is there where none is named.

    Raises:
        InputError: a file is missing, or is something else.
    """
    part = split or (_there(path) or ["train"])[0]
    masks, drawn = path / "mask_dict.json", path / part / "Annotations"
    if part != "train":
        masks = path / part / "mask_dict.json"
    pickled = masks.with_suffix(".pkl")
    if not masks.is_file() and not drawn.is_dir() and pickled.is_file():
        raise InputError(
            f"{pickled} is a program as much as data; make JSON of it with: sa2va data convert {pickled}"
        )

    def objects(one: Expression) -> tuple[MaskSource, ...] | None:
        numbers = listed(one.entry, "obj_id")
        if numbers is None or not drawn.is_dir():
            return None
        paths = [drawn / one.video / f"{name}.png" for name in one.frames]
        return tuple(Values(paths, int(number)) for number in numbers)

    return read_expressions(
        Layout(
            NAME,
            path,
            _meta(path, part),
            path / part / "JPEGImages",
            masks if masks.is_file() else None,
            part,
            annotations=lambda one: listed(one.entry, "anno_id") or running_number(one),
            objects=None if masks.is_file() else objects,
        )
    )
