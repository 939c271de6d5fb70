"""RefCOCO, RefCOCO+, RefCOCOg and gRefCOCO: ``refs(*).json`` and ``instances.json`` in a folder of each.

``refs(unc).json`` is what ``sa2va data convert`` makes of the official ``refs(unc).p``; gRefCOCO's
``grefs(unc).json`` is JSON from the start. Pictures are those of COCO's ``train2014``, found in the folder
or above it. Where a sentence of gRefCOCO means nothing, its ``ann_id`` is ``[-1]``; where it means several
objects their masks are united, and those that are crowds are left out. Sources:
``evaluation/dataset/RES.py``, ``evaluation/utils/refcoco_refer.py`` and ``grefcoco.py`` and
``configs/sa2va_in30_8b.py`` of bytedance/Sa2VA; ``datasets/DATASET.md`` and
``gres_model/data/datasets/grefcoco.py`` of henghuiding/ReLA; ``README.md`` and ``utils/refer.py`` of
dvlab-research/LISA.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError
from sa2va_cli.training.datasets.entries import Problems, by_id, list_in, read_json
from sa2va_cli.training.datasets.masks import MaskSource, Polygons, RunLengths, United
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample

NAME, GENERALIZED = "refcoco", "grefcoco"
SPLITS = ("val", "testA", "testB", "test", "train")
MERGED = {"test": ("testA", "testB", "test")}
"""``test`` of the official script that runs everything means testA and testB together."""

_REFS = ("refs(unc)", "refs(umd)", "refs(google)")
_PLACES = (
    "train2014",
    "images/train2014",
    "coco2014/train2014",
    "glamm_data/images/coco2014/train2014",
    "images/mscoco/images/train2014",
    "images",
)
_NOTHING = -1


def recognised(path: Path) -> bool:
    """Whether it has ``refs(*).json`` or ``refs(*).p``, and ``instances.json``."""
    return (path / "instances.json").is_file() and any(path.glob("refs(*).*"))


def recognised_generalized(path: Path) -> bool:
    """Whether it has ``grefs(unc).json``, or a pickle of it, and ``instances.json``."""
    return (path / "instances.json").is_file() and any(path.glob("grefs(unc).*"))


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part of RefCOCO, RefCOCO+ or RefCOCOg, ``val`` where none is named.

    Raises:
        InputError: a file is missing, or is something else.
    """
    there = [path / f"{name}.json" for name in _REFS if (path / f"{name}.json").is_file()]
    if not there:
        pickled = sorted(path.glob("refs(*).p"))
        raise InputError(
            f"{pickled[0] if pickled else path}: a program as much as data; make JSON of it with: "
            f"sa2va data convert '{pickled[0] if pickled else path}'"
        )
    return _read(NAME, path, there[0], split or "val")


def read_generalized(path: Path, split: str | None) -> Dataset:
    """Reads a part of gRefCOCO, ``val`` where none is named.

    Raises:
        InputError: a file is missing, or is something else.
    """
    return _read(GENERALIZED, path, path / "grefs(unc).json", split or "val")


def _read(name: str, path: Path, refs: Path, split: str) -> Dataset:
    instances = path / "instances.json"
    document = read_json(instances)
    images, annotations = by_id(instances, document, "images"), by_id(instances, document, "annotations")
    folder = _pictures(path)
    problems, samples = Problems(), []
    numbers: dict[Any, int] = {}  # sentences of one picture are counted over all of its entries
    for where, _, ref in problems.entries(refs.name, list_in(refs, read_json(refs))):
        with problems.guarded(where):
            if ref.get("split") not in MERGED.get(split, (split,)):
                continue
            image = images.get(ref.get("image_id"))
            if image is None:
                problems.add(where, f"there is no image {ref.get('image_id')!r} in {instances.name}")
                continue
            ids = ref["ann_id"] if isinstance(ref.get("ann_id"), list) else [ref.get("ann_id")]
            ids = [one for one in ids if one != _NOTHING]
            missing = [one for one in ids if one not in annotations]
            if missing:
                problems.add(where, f"there is no annotation {missing[0]!r} in {instances.name}")
                continue
            meant = [annotations[one] for one in ids]
            objects = tuple(shape_of(one) for one in meant) if name == NAME else _united(meant)
            picture = Pictures([folder / str(image.get("file_name"))])
            kind = "" if name == NAME else "no target" if not objects else "target"
            for sentence in ref.get("sentences", []):
                number = numbers[image["id"]] = numbers.get(image["id"], -1) + 1
                place = f"{where}, sentence {sentence.get('sent_id', number)}"
                text = problems.text(place, sentence.get("sent"))
                if text is not None:
                    video, expression = str(image["id"]), str(number)
                    samples.append(
                        ReferringSample(
                            video, expression, text, picture, objects, place, kind, str(ref["split"])
                        )
                    )
    return Dataset(name, path, samples, problems.found)


def _united(annotations: Sequence[Mapping[str, Any]]) -> tuple[MaskSource, ...]:
    shapes = tuple(shape_of(one) for one in annotations if not one.get("iscrowd"))
    return (United(shapes),) if annotations else ()


def shape_of(annotation: Mapping[str, Any]) -> MaskSource:
    """The mask of an annotation of COCO, polygons or run lengths."""
    shape = annotation.get("segmentation") or []
    return RunLengths([shape]) if isinstance(shape, dict) else Polygons(shape)


def _pictures(path: Path) -> Path:
    for folder in (path, path.parent, path.parent.parent):
        for place in _PLACES:
            if (folder / place).is_dir():
                return folder / place
    return path / _PLACES[0]
