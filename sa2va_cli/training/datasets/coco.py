"""COCO: instances and panoptic segmentation with names of categories as sentences, and our own exports.

Instances: all objects of one category in a picture are one sentence. Panoptic: a JSON whose annotations
name a PNG each, beside a folder of the same name; every category in a picture is a sentence. Our own
exports (``--save coco``) say ``videos``: what a prompt found on all frames is one sentence over a clip, so
that a result, corrected in an annotation program, is something to learn from. What the files hold:
``pycocotools/coco.py`` of cocodataset/cocoapi and ``panopticapi/utils.py`` of cocodataset/panopticapi (a
segment's number is R + 256 G + 65536 B of its colour).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sa2va_cli.training.datasets.entries import Problems, by_id, list_in, read_json
from sa2va_cli.training.datasets.masks import Counts, MaskSource, Size, Values, failure, fitted
from sa2va_cli.training.datasets.refcoco import shape_of
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample

INSTANCES, PANOPTIC, EXPORT = "coco", "coco-panoptic", "coco-export"
_KEYS = ("images", "annotations", "categories")


@dataclass(frozen=True, eq=False)
class OnFrames:
    """An object with an annotation on some frames.

    Attributes:
        shapes: by frame; a frame without one does not show it.
    """

    shapes: Mapping[int, Sequence[MaskSource]]

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``."""
        total = np.zeros(size, np.uint8)
        for one in self.shapes.get(frame, ()):
            total |= fitted(one.on(0, size), size)
        return total

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        told = (one.problem(0, size) for one in self.shapes.get(frame, ()))
        return next((text for text in told if text), None) or failure(self, frame, size)


@lru_cache(maxsize=1)  # three formats ask what a file is
def _document(path: Path) -> dict[str, Any] | None:
    if path.suffix != ".json" or not path.is_file():
        return None
    document = read_json(path)
    whole = isinstance(document, dict) and all(isinstance(document.get(key), list) for key in _KEYS)
    return document if whole else None


def _is_panoptic(document: Mapping[str, Any]) -> bool:
    return any(isinstance(one, dict) and "segments_info" in one for one in document["annotations"][:1])


def recognised_export(path: Path) -> bool:
    """Whether it is a COCO file whose pictures are frames of videos."""
    document = _document(path)
    return document is not None and bool(document.get("videos")) and not _is_panoptic(document)


def recognised_panoptic(path: Path) -> bool:
    """Whether it is a COCO file of panoptic segmentation."""
    document = _document(path)
    return document is not None and _is_panoptic(document)


def recognised_instances(path: Path) -> bool:
    """Whether it is any other COCO file with categories."""
    return _document(path) is not None and not recognised_export(path) and not recognised_panoptic(path)


def read_instances(path: Path, split: str | None) -> Dataset:
    """Reads instances: one sentence for each category in each picture.

    Raises:
        InputError: the file is missing, or is something else.
    """
    problems, document = Problems(), read_json(path)
    images, names = by_id(path, document, "images"), by_id(path, document, "categories")
    found: dict[tuple[Any, Any], list[MaskSource]] = defaultdict(list)
    places: dict[tuple[Any, Any], str] = {}
    where = f"{path.name}: annotations"
    for place, _, entry in problems.entries(where, list_in(path, document, "annotations")):
        with problems.guarded(place):
            key = entry.get("image_id"), entry.get("category_id")
            if key[0] not in images or key[1] not in names:
                problems.add(place, f"there is no image {key[0]!r} with a category {key[1]!r}")
            elif not entry.get("iscrowd"):
                found[key].append(shape_of(entry))
                places.setdefault(key, place)
    folder = _pictures(path, images)
    samples = []
    for (image, category), shapes in found.items():
        sentence = problems.text(places[image, category], names[category].get("name"))
        if sentence:
            picture = Pictures([folder / str(images[image].get("file_name"))])
            samples.append(
                ReferringSample(
                    str(image),
                    str(category),
                    sentence,
                    picture,
                    tuple(shapes),
                    places[image, category],
                    "category",
                    split or "",
                )
            )
    return Dataset(INSTANCES, path, samples, problems.found)


def read_panoptic(path: Path, split: str | None) -> Dataset:
    """Reads panoptic segmentation: one sentence for each category in each picture.

    Raises:
        InputError: the file is missing, or is something else.
    """
    problems, document = Problems(), read_json(path)
    images, names = by_id(path, document, "images"), by_id(path, document, "categories")
    folder, samples = _pictures(path, images), []
    where = f"{path.name}: annotations"
    for place, _, entry in problems.entries(where, list_in(path, document, "annotations")):
        with problems.guarded(place):
            image = images.get(entry.get("image_id"))
            if image is None:
                problems.add(place, f"there is no image {entry.get('image_id')!r}")
                continue
            picture = Pictures([folder / str(image.get("file_name"))])
            drawn = path.with_suffix("") / str(entry.get("file_name"))
            if not drawn.is_file():
                problems.add(place, f"there is no file {drawn}")
                continue
            for category, shapes in _segments(entry, drawn).items():
                sentence = problems.text(place, names.get(category, {}).get("name"))
                if sentence:
                    name = str(image["id"]), str(category)
                    objects, part = tuple(shapes), split or ""
                    samples.append(
                        ReferringSample(*name, sentence, picture, objects, place, "category", part)
                    )
    return Dataset(PANOPTIC, path, samples, problems.found)


def _segments(entry: Mapping[str, Any], drawn: Path) -> dict[Any, list[MaskSource]]:
    """The segments of a picture by their categories, without crowds."""
    found: dict[Any, list[MaskSource]] = defaultdict(list)
    for one in entry.get("segments_info", []):
        if not one.get("iscrowd"):
            found[one.get("category_id")].append(Values([drawn], int(one["id"])))
    return found


def read_export(path: Path, split: str | None) -> Dataset:
    """Reads frames of videos: one sentence for each category in each video.

    Raises:
        InputError: the file is missing, or is something else.
    """
    problems, document = Problems(), read_json(path)
    names, videos = by_id(path, document, "categories"), by_id(path, document, "videos")
    clips: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for image in by_id(path, document, "images").values():
        clips[image.get("video_id")].append(image)
    shapes: dict[Any, list[MaskSource]] = defaultdict(list)
    where = f"{path.name}: annotations"
    for place, _, entry in problems.entries(where, list_in(path, document, "annotations")):
        with problems.guarded(place):
            if entry.get("category_id") not in names:
                problems.add(place, f"there is no category {entry.get('category_id')!r}")
            shapes[entry.get("image_id"), entry.get("category_id")].append(shape_of(entry))
    samples = []
    for video, unsorted in clips.items():
        with problems.guarded(f"{path.name}: videos/{video}"):
            images = sorted(unsorted, key=lambda one: one.get("frame_id", one.get("frame_index", 0)))
            folder = _pictures(path, {one["id"]: one for one in images})
            frames = Pictures([folder / str(one.get("file_name")) for one in images])
            for category, one in names.items():
                place = f"{path.name}: videos/{video}, category {category}"
                sentence = problems.text(place, one.get("name"))
                on = {k: shapes[image["id"], category] for k, image in enumerate(images)}
                if sentence:
                    title = str(videos.get(video, {}).get("name", video))
                    samples.append(
                        ReferringSample(
                            title, str(category), sentence, frames, (OnFrames(on),), place, "", split or ""
                        )
                    )
    return Dataset(EXPORT, path, samples, problems.found)


def _pictures(path: Path, images: Mapping[Any, Mapping[str, Any]]) -> Path:
    """The folder that names of pictures begin in: the first one that has the first picture."""
    first = str(next(iter(images.values()), {}).get("file_name"))
    stem = path.stem.removeprefix("instances_").removeprefix("panoptic_")
    above = path.parent, path.parent.parent
    places = [folder / name for folder in above for name in ("", "images", stem, f"images/{stem}")]
    return next((place for place in places if (place / first).is_file()), path.parent)
