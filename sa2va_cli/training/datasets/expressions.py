"""``meta_expressions.json`` and ``mask_dict.json``, the layout that data sets of referring video share.

The first has ``videos/{video}/{frames, expressions/{id}/{exp, anno_id?, obj_id?, type_id?}}``, the second for
each ``anno_id`` a COCO RLE or null for each frame. Frames of the truth are in the order of the file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa2va_cli.training.datasets.entries import Problems, mapping_in, picture_of, read_json
from sa2va_cli.training.datasets.masks import MaskSource, RunLengths
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample


@dataclass(frozen=True)
class Expression:
    """One entry of ``meta_expressions.json``.

    Attributes:
        number: how many entries came before it, over all videos.
        video: its video.
        id: its name in the video.
        entry: what the file says.
        frames: names of the frames, in the order of the file.
        pictures: their files.
    """

    number: int
    video: str
    id: str
    entry: Mapping[str, Any]
    frames: Sequence[str]
    pictures: Sequence[Path]


@dataclass(frozen=True)
class Layout:
    """Where a data set keeps what, and what is special about it.

    Attributes:
        format: its name.
        path: what the user named.
        meta: the file of expressions.
        pictures: folder of the videos' folders.
        masks: the file of masks; None where the truth is not published.
        split: its name.
        kind: of an entry.
        annotations: names of the masks of an expression; None where nothing says so.
        foreground: the file of everything annotated; None for none.
        order: videos in the order that running numbers are counted in.
        objects: finds the masks of an expression elsewhere than in ``masks``.
        left_out: videos of the file that are not of this part.
    """

    format: str
    path: Path
    meta: Path
    pictures: Path
    masks: Path | None
    split: str
    kind: Callable[[Mapping[str, Any]], str] = lambda _: ""
    annotations: Callable[[Expression], Sequence[str] | None] = lambda one: listed(one.entry, "anno_id")
    foreground: Path | None = None
    order: Callable[[Mapping[str, Any]], Sequence[str]] = list
    objects: Callable[[Expression], tuple[MaskSource, ...] | None] | None = None
    left_out: frozenset[str] = frozenset()


def listed(entry: Mapping[str, Any], key: str) -> list[str] | None:
    """A value that is an id or a list of ids, as texts; None where it is not there."""
    value = entry.get(key)
    if value is None:
        return None
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def running_number(one: Expression) -> Sequence[str]:
    """The name of the mask of data sets that do not say it: how many expressions came before."""
    return [str(one.number)]


def read_expressions(layout: Layout) -> Dataset:
    """Reads a data set of this layout.

    Raises:
        InputError: a file is missing, or is something else.
    """
    problems = Problems()
    videos = mapping_in(layout.meta, read_json(layout.meta), "videos")
    masks = {} if layout.masks is None else mapping_in(layout.masks, read_json(layout.masks))
    ground = {} if layout.foreground is None else mapping_in(layout.foreground, read_json(layout.foreground))
    samples = []
    for one in _expressions(layout, videos, problems):
        where = f"{layout.meta.name}: videos/{one.video}/expressions/{one.id}"
        with problems.guarded(where):
            sentence = problems.text(where, one.entry.get("exp"))
            objects, missing = _objects(layout, one, masks)
            for name in missing:
                problems.add(
                    where, f"there is no mask {name!r} in {layout.masks.name if layout.masks else ''}"
                )
            if sentence is None or missing:
                continue
            samples.append(
                ReferringSample(
                    video=one.video,
                    expression=one.id,
                    sentence=sentence,
                    frames=Pictures(one.pictures),
                    objects=objects,
                    where=where,
                    kind=layout.kind(one.entry),
                    split=layout.split,
                    foreground=_foreground(ground.get(one.video)),
                )
            )
    return Dataset(layout.format, layout.path, samples, problems.found)


def _foreground(entry: Any) -> RunLengths | None:
    """Everything annotated in a video: ``{"masks_rle": [...]}``, for each frame one mask or several."""
    found = entry.get("masks_rle") if isinstance(entry, dict) else entry
    return RunLengths(found) if isinstance(found, list) else None


def _expressions(layout: Layout, videos: Mapping[str, Any], problems: Problems) -> list[Expression]:
    found: list[Expression] = []
    for video in layout.order(videos):
        where, content = f"{layout.meta.name}: videos/{video}", videos[video]
        if not isinstance(content, dict) or not isinstance(content.get("expressions"), dict):
            problems.add(where, "has no expressions")
            continue
        listed_frames = content.get("frames")
        frames = [str(name) for name in listed_frames] if isinstance(listed_frames, list) else []
        if not frames:
            problems.add(where, "has no frames")
        pictures = [picture_of(layout.pictures / video, name) for name in frames]
        for name in sorted(content["expressions"]):  # as texts: 0, 1, 10, 2, as the official code counts
            entry = content["expressions"][name]
            one = Expression(
                len(found), video, name, entry if isinstance(entry, dict) else {}, frames, pictures
            )
            found.append(one)
    return [one for one in found if one.frames and one.video not in layout.left_out]


def _objects(
    layout: Layout, one: Expression, masks: Mapping[str, Any]
) -> tuple[tuple[MaskSource, ...] | None, list[str]]:
    """The masks of an expression, and names of those that are not there."""
    if layout.objects is not None:
        return layout.objects(one), []
    names = None if layout.masks is None else layout.annotations(one)
    if names is None:
        return None, []
    missing = [name for name in names if not isinstance(masks.get(name), list)]
    return tuple(RunLengths(masks[name]) for name in names if name not in missing), missing
