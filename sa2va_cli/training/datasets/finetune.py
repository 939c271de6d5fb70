"""The official fine-tuning format: ``annotations.json`` beside a folder ``images``.

The file is a list of ``{"image", "mask", "text"}``; ``mask[i]`` is the list of polygons of ``text[i]``. The
official code adds overlapping polygons up, which gives a 2; here a mask is their union, and
``ReferringSample.counts`` still has the sum. An empty text makes the official code crash; here it is told.
Source: ``docs/finetune.md`` and ``projects/sa2va/datasets/sa2va_data_finetune.py`` of bytedance/Sa2VA.
"""

from pathlib import Path
from typing import Any

from sa2va_cli.training.datasets.entries import Problems, list_in, read_json
from sa2va_cli.training.datasets.masks import Polygons
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample

NAME = "finetune"
FILE = "annotations.json"


def recognised(path: Path) -> bool:
    """Whether it is a folder with ``annotations.json``, or that file."""
    return (path / FILE).is_file() or (path.name == FILE and path.is_file())


def read(path: Path, split: str | None) -> Dataset:  # noqa: ARG001  (there are no parts)
    """Reads a data set.

    Raises:
        InputError: ``annotations.json`` is missing, or is something else.
    """
    file = path / FILE if path.is_dir() else path
    problems, samples = Problems(), []
    for where, index, entry in problems.entries(file.name, list_in(file, read_json(file))):
        image, texts, masks = entry.get("image"), entry.get("text"), entry.get("mask")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(image, str) or not image:
            problems.add(where, "names no image")
        elif not isinstance(texts, list) or not isinstance(masks, list):
            problems.add(where, "has no lists text and mask")
        elif len(texts) != len(masks):
            problems.add(where, f"has {len(texts)} texts and {len(masks)} masks; they go in pairs")
        else:
            picture = Pictures([file.parent / "images" / image])
            samples += _sentences(where, index, picture, texts, masks, problems)
    return Dataset(NAME, path, samples, problems.found)


def _sentences(
    where: str, index: int, picture: Pictures, texts: list[Any], masks: list[Any], problems: Problems
) -> list[ReferringSample]:
    samples = []
    for number, (text, polygons) in enumerate(zip(texts, masks, strict=True)):
        place = f"{where}, text {number}"
        sentence = problems.text(place, text)
        if not isinstance(polygons, list):
            problems.add(place, "its mask is not a list of polygons")
        elif sentence is not None:
            objects = (Polygons(polygons),) if polygons else ()
            samples.append(ReferringSample(str(index), str(number), sentence, picture, objects, place))
    return samples
