"""Ref-SAV: the evaluation set, and ``Ref-SAV.json`` with SA-V's videos for training.

The first has ``meta_expressions_valid.json``, ``mask_dict.json`` and ``videos/{video}/{frame}.jpg``;
sentences are long (type 0) or short (type 1). The second has for each video ``video_path``, ``anno_path``
and ``objects/{number}/formated``; its masks are those of SA-V (``{video_id}_manual.json`` where no
``anno_path`` says otherwise), ``masklet[frame][object]`` on every 4th frame of the video. The number of an
object is its place in a row, whatever ``masklet_id`` says. The folders in ``video_path`` are those of one
archive of SA-V and not always those on disk, so files are found by their names. Sources:
``sa2va_data_03_refvos.py``, ``data_utils.py`` (``sam2_path_patch``), ``sa2va_eval_ref_vos.py`` and
``tools/eval/eval_ref_sav.py`` of bytedance/Sa2VA.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
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

_KINDS = {0: "long", 1: "short"}
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
    number = entry.get("type_id", 0)
    return _KINDS.get(number, f"type {number}") if isinstance(number, int) else f"type {number}"


@lru_cache(maxsize=4)
def _masklets(file: Path) -> Mapping[str, Any]:
    return mapping_in(file, read_json(file))


@dataclass(frozen=True)
class Masklet:
    """An object of SA-V; the file of its video is read when a mask is asked for.

    Attributes:
        file: of masks.
        number: its place among the objects of a frame.
    """

    file: Path
    number: int

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``."""
        rows = _masklets(self.file).get("masklet", [])
        if frame >= len(rows):
            return np.zeros(size, np.uint8)
        if not 0 <= self.number < len(rows[frame]):
            raise ValueError(f"{self.file.name} has {len(rows[frame])} objects, and no object {self.number}")
        rle = rows[frame][self.number]
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
        stem = _stem(entry, "video_path", video)
        file = files.get(stem)
        if not isinstance(objects, dict):
            problems.add(where, "has no objects")
        elif file is None:
            problems.add(where, f"there is no {stem}.mp4 in {path}")
        else:
            masks = file.with_name(f"{_stem(entry, 'anno_path', f'{stem}_manual')}.json")
            samples += _of_video(where, video, file, masks, objects, problems)
    return Dataset(NAME, path, samples, problems.found)


def _stem(entry: Any, key: str, otherwise: str) -> str:
    """The name of a file that an entry gives the path of, without its ending."""
    named = entry.get(key) if isinstance(entry, dict) else None
    return PurePosixPath(named).stem if isinstance(named, str) and named else otherwise


def _of_video(
    where: str, video: str, file: Path, masks: Path, objects: Mapping[str, Any], problems: Problems
) -> list[ReferringSample]:
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
