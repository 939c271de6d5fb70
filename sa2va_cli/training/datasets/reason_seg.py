"""ReasonSeg: ``{split}/NAME.jpg`` with ``NAME.json``: ``text``, ``is_sentence`` and ``shapes`` of polygons.

A shape is a ``target`` or an area to ``ignore``, whose pixels do not count.
"""

from pathlib import Path
from typing import Any

from sa2va_cli.training.datasets.entries import Problems, list_in, mapping_in, read_json
from sa2va_cli.training.datasets.masks import Polygons
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample

NAME = "reason-seg"
SPLITS = ("val", "test", "train")


def recognised(path: Path) -> bool:
    """Whether it has pictures with such JSON files beside them."""
    folder = _folder(path, None)
    first = next(iter(sorted(folder.glob("*.json"))), None) if folder.is_dir() else None
    return first is not None and first.with_suffix(".jpg").is_file() and "is_sentence" in _keys(first)


def _keys(path: Path) -> set[str]:
    document = read_json(path)
    return set(document) if isinstance(document, dict) else set()


def _folder(path: Path, split: str | None) -> Path:
    if split is not None:
        return path / split
    return next((path / one for one in SPLITS if (path / one).is_dir()), path)


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part; where none is named the first one that is there.

    Raises:
        InputError: a file is missing, or is something else.
    """
    folder = _folder(path, split)
    problems, samples = Problems(), []
    for file in sorted(folder.glob("*.json")):
        document = mapping_in(file, read_json(file))
        texts = document.get("text")
        shapes: dict[str, list[list[float]]] = {"target": [], "ignore": []}
        drawn = list_in(file, document, "shapes")
        for where, _, shape in problems.entries(f"{file.name}: shapes", drawn):
            with problems.guarded(where):
                points = [value for point in shape["points"] for value in point]
                shapes.get(_label(shape), []).append(points)
        kind = "sentence" if document.get("is_sentence") else "phrase"
        for number, text in enumerate(texts if isinstance(texts, list) else [texts]):
            place = f"{file.name}: text {number}"
            sentence = problems.text(place, text)
            if sentence:
                samples.append(
                    ReferringSample(
                        file.stem,
                        str(number),
                        sentence,
                        Pictures([file.with_suffix(".jpg")]),
                        (Polygons(shapes["target"]),),
                        place,
                        kind,
                        split or folder.name,
                        ignored=Polygons(shapes["ignore"]) if shapes["ignore"] else None,
                    )
                )
    return Dataset(NAME, path, samples, problems.found)


def _label(shape: dict[str, Any]) -> str:
    label = str(shape.get("label", ""))
    return "ignore" if "ignore" in label else "target" if label else "flag"
