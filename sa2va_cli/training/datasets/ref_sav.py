"""Ref-SAV: the evaluation set, and ``Ref-SAV.json`` with SA-V's videos for training.

The first has ``meta_expressions_valid.json``, ``mask_dict.json`` and ``videos/{video}/{frame}.jpg``;
sentences are long (type 0) or short. The second names sentences by ``video_id`` and object; its masks are
those of SA-V, ``{video_id}_manual.json`` with ``masklet[frame][object]``, on every 4th frame of the video.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sa2va_cli.training.datasets.entries import Problems, list_in, mapping_in, read_json
from sa2va_cli.training.datasets.expressions import Layout, read_expressions
from sa2va_cli.training.datasets.masks import Counts, Size, decoded, failure
from sa2va_cli.training.datasets.sample import Dataset, ReferringSample, VideoFrames

NAME = "ref-sav"
SPLITS = ("valid", "train")
EVERY = 4
"""SA-V is annotated at 6 frames per second, its videos have 24."""

_TRAIN, _VALID = "Ref-SAV.json", "meta_expressions_valid.json"


def recognised(path: Path) -> bool:
    """Whether it has a file of Ref-SAV."""
    return (path / _TRAIN).is_file() or (path / _VALID).is_file()


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part; where none is named ``valid``, if it is there.

    Raises:
        InputError: a file is missing, or is something else.
    """
    part = split or ("valid" if (path / _VALID).is_file() else "train")
    if part == "train":
        return _read_train(path)
    videos = next((p for n in ("videos", "JPEGImages") if (p := path / n).is_dir()), path / "videos")
    return read_expressions(
        Layout(NAME, path, path / _VALID, videos, path / "mask_dict.json", part, kind=_kind)
    )


def _kind(entry: Mapping[str, Any]) -> str:
    return "long" if entry.get("type_id", 0) == 0 else "short"


@lru_cache(maxsize=4)
def _masklets(file: Path) -> Mapping[str, Any]:
    return mapping_in(file, read_json(file))


@dataclass(frozen=True)
class Masklet:
    """An object of SA-V; the file of its video is read when a mask is asked for.

    Attributes:
        file: ``{video_id}_manual.json``.
        number: its ``masklet_id``.
    """

    file: Path
    number: int

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``."""
        content = _masklets(self.file)
        numbers = [int(one) for one in content.get("masklet_id", [])]
        if self.number not in numbers:
            raise ValueError(f"{self.file.name} has no object {self.number}")
        rows = content.get("masklet", [])
        if frame >= len(rows):
            return np.zeros(size, np.uint8)
        rle = rows[frame][numbers.index(self.number)]
        return np.zeros(size, np.uint8) if rle is None else decoded(rle, size)

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        return failure(self, frame, size)


def _read_train(path: Path) -> Dataset:
    document = read_json(path / _TRAIN)
    pairs = list(document.items()) if isinstance(document, dict) else None
    if pairs is None:
        pairs = [
            (str(one.get("video_id", "")) if isinstance(one, dict) else f"entry {k}", one)
            for k, one in enumerate(list_in(path / _TRAIN, document))
        ]
    files = {file.stem: file for file in sorted(path.rglob("sav_*.mp4"))}
    problems, samples = Problems(), []
    for video, entry in pairs:
        where = f"{_TRAIN}: {video}"
        objects = entry.get("objects") if isinstance(entry, dict) else None
        file = files.get(video)
        if not isinstance(objects, dict):
            problems.add(where, "has no objects")
        elif file is None:
            problems.add(where, f"there is no {video}.mp4 in {path}")
        else:
            samples += _of_video(where, video, file, objects, problems)
    return Dataset(NAME, path, samples, problems.found)


def _of_video(
    where: str, video: str, file: Path, objects: Mapping[str, Any], problems: Problems
) -> list[ReferringSample]:
    masks = file.with_name(f"{video}_manual.json")
    if not masks.is_file():
        problems.add(where, f"there is no {masks.name} beside {file.name}")
        return []
    count = len(list_in(masks, _masklets(masks), "masklet"))
    frames = VideoFrames(file, [EVERY * k for k in range(count)])
    samples = []
    for name, entry in objects.items():
        place = f"{where}/objects/{name}"
        with problems.guarded(place):
            said = entry.get("formated") if isinstance(entry, dict) else None
            sentence = problems.text(place, said)
            if sentence is not None:
                masklet = Masklet(masks, int(name))
                samples.append(
                    ReferringSample(video, name, sentence, frames, (masklet,), place, "long", "train")
                )
    return samples
