"""ReVOS: ``meta_expressions_{train,valid}_.json``, ``mask_dict{,_foreground}.json`` and ``JPEGImages``.

``type_id`` 0 is a referring sentence, 1 one that needs reasoning; 2 is left out of the official table.
``mask_dict_foreground.json`` has for each video ``{"masks_rle": [...]}``, and in that for each frame the
run lengths of everything annotated, or a list of them. Files: ``README.md`` of cilinyan/ReVOS-api, where
pictures lie in ``JPEGImages``, and ``sa2va_eval_ref_vos.py`` of bytedance/Sa2VA, where the videos lie
beside the files; contents: ``tools/eval_revos.py`` of cilinyan/VISA and ``tools/eval/eval_revos.py`` of
bytedance/Sa2VA.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sa2va_cli.training.datasets.expressions import Layout, read_expressions
from sa2va_cli.training.datasets.sample import Dataset

NAME = "revos"
SPLITS = ("valid", "train", "train_sub")
KINDS = {0: "referring", 1: "reasoning"}


def recognised(path: Path) -> bool:
    """Whether it has one of ReVOS's files of expressions."""
    return any(_meta(path, split).is_file() for split in SPLITS)


def _meta(path: Path, split: str) -> Path:
    return path / f"meta_expressions_{split}_.json"


def _kind(entry: Mapping[str, Any]) -> str:
    number = entry.get("type_id", 0)
    return KINDS.get(number, f"type {number}")


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part; where none is named ``valid``, if it is there.

    Raises:
        InputError: a file is missing, or is something else.
    """
    part = split or next((one for one in SPLITS if _meta(path, one).is_file()), "valid")
    pictures, ground = path / "JPEGImages", path / "mask_dict_foreground.json"
    return read_expressions(
        Layout(
            NAME,
            path,
            _meta(path, part),
            pictures if pictures.is_dir() else path,
            path / "mask_dict.json",
            part,
            kind=_kind,
            foreground=ground if ground.is_file() else None,
        )
    )
