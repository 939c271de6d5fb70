"""Ref-DAVIS17: ``meta_expressions/{split}/meta_expressions.json``, ``{split}/{JPEGImages, mask_dict.json}``.

``mask_dict.json`` is what ``sa2va data convert`` makes of the official ``mask_dict.pkl``. Its names are
running numbers over *sorted* videos and expressions sorted as texts; a sentence has one object. Without
that file masks come from the palette PNGs of ``{split}/Annotations``, under ``obj_id``. Sources:
``tools/eval/eval_davis.py`` and ``sa2va_eval_ref_vos.py`` of bytedance/Sa2VA and ``tools/eval_davis17.py``
of cilinyan/VISA (``mask_dict.pkl``); ``docs/data.md`` and ``tools/data/convert_davis_to_ytvos.py`` of
wjn922/ReferFormer (``Annotations``).
"""

from pathlib import Path

from sa2va_cli.training.datasets.expressions import Layout, listed, read_expressions, running_number
from sa2va_cli.training.datasets.ref_youtube_vos import drawn_objects
from sa2va_cli.training.datasets.sample import Dataset

NAME = "ref-davis17"
SPLITS = ("valid", "train")


def recognised(path: Path) -> bool:
    """Whether it is the folder that the official code calls ``davis17``."""
    there = [one for one in SPLITS if _meta(path, one).is_file()]
    masks = [
        file for one in there for name in ("mask_dict.*", "Annotations") for file in (path / one).glob(name)
    ]
    return "davis" in path.name.lower() and bool(masks)


def _meta(path: Path, split: str) -> Path:
    return path / "meta_expressions" / split / "meta_expressions.json"


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part, ``valid`` where none is named.

    Raises:
        InputError: a file is missing, or is something else.
    """
    part = split or "valid"
    masks, drawn = path / part / "mask_dict.json", path / part / "Annotations"
    by_name = masks.is_file() or not drawn.is_dir()
    return read_expressions(
        Layout(
            NAME,
            path,
            _meta(path, part),
            path / part / "JPEGImages",
            masks if by_name else None,
            part,
            annotations=lambda one: listed(one.entry, "anno_id") or running_number(one),
            order=sorted,
            objects=None if by_name else drawn_objects(drawn),
        )
    )
