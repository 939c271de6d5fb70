"""Ref-YouTube-VOS: ``meta_expressions/{split}/meta_expressions.json``, ``{split}/{JPEGImages, Annotations}``.

Masks come from ``mask_dict.json`` (which ``sa2va data convert`` makes of the official ``mask_dict.pkl``),
under running numbers, since expressions name none: videos in the order of the file, expressions sorted as
texts. Without that file they come from the palette PNGs of ``Annotations``, under ``obj_id``. The
expressions of ``valid`` are of 507 videos, of which 305 are those of ``test``: where both files are there,
``valid`` is the 202 others, which is what the server took. Sources: ``docs/data.md``, ``datasets/ytvos.py``
and ``inference_ytvos.py`` of wjn922/ReferFormer (files, ``obj_id``, the 202 videos);
``configs/sa2va_in30_8b.py`` and ``sa2va_data_03_refvos.py`` of bytedance/Sa2VA (``rvos/mask_dict.pkl`` and
its running numbers); ``README.md`` of cilinyan/VISA, where ``mask_dict.pkl`` lies in ``train``.
"""

from collections.abc import Callable
from pathlib import Path

from sa2va_cli.errors import InputError
from sa2va_cli.training.datasets.entries import mapping_in, read_json
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
    drawn = path / part / "Annotations"
    places = [path / part / "mask_dict.json", *([path / "mask_dict.json"] if part == "train" else [])]
    masks = next((file for file in places if file.is_file()), None)
    pickled = next((file for one in places if (file := one.with_suffix(".pkl")).is_file()), None)
    if masks is None and not drawn.is_dir() and pickled is not None:
        raise InputError(
            f"{pickled} is a program as much as data; make JSON of it with: sa2va data convert {pickled}"
        )
    return read_expressions(
        Layout(
            NAME,
            path,
            _meta(path, part),
            path / part / "JPEGImages",
            masks,
            part,
            annotations=lambda one: listed(one.entry, "anno_id") or running_number(one),
            objects=drawn_objects(drawn) if masks is None else None,
            left_out=_of_test(path) if part == "valid" else frozenset(),
        )
    )


def drawn_objects(folder: Path) -> Callable[[Expression], tuple[MaskSource, ...] | None]:
    """Finds the masks of expressions in palette PNGs, ``{video}/{frame}.png``, under their ``obj_id``."""

    def objects(one: Expression) -> tuple[MaskSource, ...] | None:
        numbers = listed(one.entry, "obj_id")
        if numbers is None or not folder.is_dir():
            return None
        paths = [folder / one.video / f"{name}.png" for name in one.frames]
        return tuple(Values(paths, int(number)) for number in numbers)

    return objects


def _of_test(path: Path) -> frozenset[str]:
    meta = _meta(path, "test")
    return frozenset(mapping_in(meta, read_json(meta), "videos")) if meta.is_file() else frozenset()
