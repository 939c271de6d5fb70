"""ReasonSeg: ``{split}/NAME.jpg`` with ``NAME.json``: ``text``, ``is_sentence`` and ``shapes`` of polygons.

A shape is a target, an area to ignore, whose pixels do not count, or a ``flag``, which means nothing. They
are drawn from the largest to the smallest, outline included, and cover each other. Files are UTF-8 or
Windows-1252. Source: ``utils/data_processing.py``, ``utils/reason_seg_dataset.py`` and ``README.md`` of
dvlab-research/LISA.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from sa2va_cli.training.datasets.entries import Problems, list_in, mapping_in, read_json
from sa2va_cli.training.datasets.masks import Counts, Size, check_near, failure
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample

NAME = "reason-seg"
SPLITS = ("val", "test", "train")


@dataclass(frozen=True)
class Shape:
    """A polygon.

    Attributes:
        ignored: whether its pixels do not count.
        points: x and y of each corner.
    """

    ignored: bool
    points: Sequence[tuple[float, float]] = field(repr=False)

    def draw(self, picture: Counts, value: int) -> None:
        """Draws it with its outline, corners cut to whole pixels."""
        corners = [np.array(self.points).astype(np.int32)]
        cv2.polylines(picture, corners, True, value, 1)
        cv2.fillPoly(picture, corners, [value])


@dataclass(frozen=True, eq=False)
class Drawn:
    """The target, or what is ignored.

    Attributes:
        shapes: all of the picture, in the order of the file.
        ignored: which of both this is.
    """

    shapes: Sequence[Shape] = field(repr=False)
    ignored: bool

    def on(self, frame: int, size: Size) -> Counts:  # noqa: ARG002  (there is one picture)
        """See ``MaskSource``."""
        if any(len(one.points) < 1 for one in self.shapes):
            raise ValueError("a shape has no corners")
        check_near((number for one in self.shapes for corner in one.points for number in corner), size)
        picture = np.zeros(size, np.uint8)
        for one in [self.shapes[k] for k in np.argsort([_area(s, size) for s in self.shapes])[::-1]]:
            one.draw(picture, 1 + one.ignored)
        return (picture == 1 + self.ignored).astype(np.uint8)

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        told = failure(self, frame, size)
        is_drawn = any(one.ignored == self.ignored for one in self.shapes)
        if told is None and is_drawn and not self.on(frame, size).any():
            return "its shapes cover no pixel"
        return told


def _area(shape: Shape, size: Size) -> int:
    picture = np.zeros(size, np.uint8)
    shape.draw(picture, 1)
    return int(picture.sum())


def recognised(path: Path) -> bool:
    """Whether it has pictures with such JSON files beside them."""
    folder = _folder(path, None)
    first = next(iter(sorted(folder.glob("*.json"))), None) if folder.is_dir() else None
    return first is not None and first.with_suffix(".jpg").is_file() and "is_sentence" in _keys(first)


def _keys(path: Path) -> set[str]:
    document = read_json(path, otherwise="cp1252")
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
        document = mapping_in(file, read_json(file, otherwise="cp1252"))
        texts = document.get("text")
        shapes: list[Shape] = []
        for where, _, shape in problems.entries(f"{file.name}: shapes", list_in(file, document, "shapes")):
            with problems.guarded(where):
                label = str(shape["label"]).lower()
                if label != "flag":
                    points = [(float(x), float(y)) for x, y in shape["points"]]
                    shapes.append(Shape("ignore" in label, points))
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
                        (Drawn(shapes, ignored=False),),
                        place,
                        kind,
                        split or folder.name,
                        ignored=Drawn(shapes, ignored=True) if any(s.ignored for s in shapes) else None,
                    )
                )
    return Dataset(NAME, path, samples, problems.found)
