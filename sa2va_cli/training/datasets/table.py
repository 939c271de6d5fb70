"""Every format of data sets: one row each, asked in this order what a path is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.errors import InputError, UsageError, parameter
from sa2va_cli.training.datasets import (
    coco,
    davis,
    finetune,
    mevis,
    park,
    reason_seg,
    ref_davis,
    ref_sav,
    ref_youtube_vos,
    refcoco,
    revos,
    tracks,
)
from sa2va_cli.training.datasets.sample import Dataset


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what people write.
        title: what it is, in words.
        recognised: whether a path is one; cheap.
        read: reads a path, and of it the part that is named.
        splits: names of parts; empty where there are none.
    """

    name: str
    title: str
    recognised: Callable[[Path], bool]
    read: Callable[[Path, str | None], Dataset]
    splits: tuple[str, ...] = ()


FORMATS = {
    one.name: one
    for one in (
        Format(finetune.NAME, "official fine-tuning format", finetune.recognised, finetune.read),
        Format(davis.NAME, "DAVIS 2017, semi-supervised", davis.recognised, davis.read, davis.SPLITS),
        Format(revos.NAME, "ReVOS", revos.recognised, revos.read, revos.SPLITS),
        Format(ref_sav.NAME, "Ref-SAV", ref_sav.recognised, ref_sav.read, ref_sav.SPLITS),
        Format(ref_davis.NAME, "Ref-DAVIS17", ref_davis.recognised, ref_davis.read, ref_davis.SPLITS),
        Format(
            ref_youtube_vos.NAME,
            "Ref-YouTube-VOS",
            ref_youtube_vos.recognised,
            ref_youtube_vos.read,
            ref_youtube_vos.SPLITS,
        ),
        Format(mevis.NAME, "MeViS", mevis.recognised, mevis.read, mevis.SPLITS),
        Format(
            refcoco.GENERALIZED,
            "gRefCOCO",
            refcoco.recognised_generalized,
            refcoco.read_generalized,
            refcoco.SPLITS,
        ),
        Format(
            refcoco.NAME, "RefCOCO, RefCOCO+ or RefCOCOg", refcoco.recognised, refcoco.read, refcoco.SPLITS
        ),
        Format(reason_seg.NAME, "ReasonSeg", reason_seg.recognised, reason_seg.read, reason_seg.SPLITS),
        Format(tracks.NAME, "tracks of sa2va", tracks.recognised, tracks.read),
        Format(park.NAME, "clips of the demo world", park.recognised, park.read),
        Format(coco.EXPORT, "COCO with videos", coco.recognised_export, coco.read_export),
        Format(coco.PANOPTIC, "COCO panoptic", coco.recognised_panoptic, coco.read_panoptic),
        Format(coco.INSTANCES, "COCO instances", coco.recognised_instances, coco.read_instances),
    )
}


def read_dataset(path: Path, split: str | None = None, name: str | None = None) -> Dataset:
    """Reads a data set of any format.

    Args:
        path: its folder or file.
        split: the part that is wanted; None for the one that the format takes first.
        name: of its format; None to find out.

    Raises:
        InputError: there is nothing there, or nothing that is known.
        UsageError: there is no such format or part, or the format has no parts.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    known = _named(name) if name is not None else _recognised(path)
    if split is None:
        return known.read(path, None)
    asked = parameter("split", split)
    if not known.splits:
        raise UsageError(f"{asked}: {path} is {known.title}, which has no parts; leave it out")
    if split not in known.splits:
        raise UsageError(f"{asked}: {known.title} has {', '.join(known.splits)}")
    try:
        return known.read(path, split)
    except InputError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise InputError(
            f"{error.message}, so {asked} is not here; {known.title} can have {', '.join(known.splits)}"
        ) from error


def has_parts(path: Path, name: str | None = None) -> bool:
    """Whether a data set is of a format with parts that can be named.

    Raises:
        InputError: see ``read_dataset``.
        UsageError: there is no such format.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    return bool((_named(name) if name is not None else _recognised(path)).splits)


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise UsageError(f"{parameter('format', name)} is not known; give one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _recognised(path: Path) -> Format:
    for one in FORMATS.values():
        if one.recognised(path):
            return one
    if path.suffix in (".p", ".pkl"):
        raise InputError(f"{path}: a pickle is a program as much as data; first: sa2va data convert '{path}'")
    titles = ", ".join(f"{one.title} ({one.name})" for one in FORMATS.values())
    raise InputError(f"{path}: no data set that is known; known are {titles}")
