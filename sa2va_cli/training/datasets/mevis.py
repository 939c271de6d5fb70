"""MeViS: ``{train,valid_u,valid,test}/{JPEGImages, meta_expressions.json, mask_dict.json}``.

Expressions name the masks of all their objects in ``anno_id``; in version 2 that list is empty where
nothing is meant. ``valid`` and ``test`` have no masks: their truth is on the server. Version 2, as it can
be downloaded (FudanCVL/MeViSv2 on the Hugging Face hub), calls the file of expressions
``meta_expressions_v2.json``, and that of a part without truth ``meta_expressions_v2_release.json``; where
those of both versions lie in one folder, the path of one of them says which is meant. Layout: ``README.md``
and ``lmpm/data/datasets/mevis.py`` of henghuiding/MeViS; ``test/meta_expressions_release.json``:
``sa2va_eval_ref_vos.py`` of bytedance/Sa2VA.
"""

from pathlib import Path

from sa2va_cli.training.datasets.expressions import Layout, read_expressions
from sa2va_cli.training.datasets.sample import Dataset

NAME = "mevis"
SPLITS = ("train", "valid_u", "valid", "test")
_META = "meta_expressions.json"
_METAS = (
    _META,
    "meta_expressions_v2.json",
    "meta_expressions_release.json",
    "meta_expressions_v2_release.json",
)


def recognised(path: Path) -> bool:
    """Whether it is one of the parts, the folder of them, or a part's file of expressions."""
    if path.is_file():
        return path.name in _METAS and (path.parent / "JPEGImages").is_dir()
    return any(_meta(folder).is_file() and (folder / "JPEGImages").is_dir() for folder in _folders(path))


def _folders(path: Path) -> list[Path]:
    return [path, *(path / split for split in SPLITS)]


def _meta(folder: Path) -> Path:
    return next((file for name in _METAS if (file := folder / name).is_file()), folder / _META)


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part: the one that is named, or that ``path`` is, or else the first one that is there.

    Raises:
        InputError: a file is missing, or is something else.
    """
    if path.is_file():
        folder, meta = path.parent, path
    else:
        folder = path if split is None and _meta(path).is_file() else path / (split or _first(path))
        meta = _meta(folder)
    masks = folder / "mask_dict.json"
    return read_expressions(
        Layout(
            NAME,
            path,
            meta,
            folder / "JPEGImages",
            masks if masks.is_file() else None,
            split or folder.name,
        )
    )


def _first(path: Path) -> str:
    """The part whose truth is public and that is not for training, if it is there."""
    there = [name for name in ("valid_u", "train", "valid", "test") if _meta(path / name).is_file()]
    return there[0] if there else "valid_u"
