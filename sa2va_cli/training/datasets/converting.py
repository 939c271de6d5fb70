"""Rewrites data sets: pickles as JSON, any format as the official fine-tuning format or as MeViS's.

Pictures become ``finetune`` (polygons), videos ``mevis`` (run lengths). Both are exact: a mask that is read
again is the same to the pixel. A data set appears under its name only when it is complete.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.errors import InputError, UsageError, parameter
from sa2va_cli.export.coco import encode_mask
from sa2va_cli.staging import atomic
from sa2va_cli.training.datasets import finetune, mevis, unpickle
from sa2va_cli.training.datasets.sample import Pictures, ReferringSample, by_video

TARGETS = (finetune.NAME, mevis.NAME)


def pickle_as_json(path: Path, out: Path) -> None:
    """Makes JSON of a pickle in a process of its own that imports nothing the pickle asks for.

    Raises:
        InputError: it is missing, holds more than plain data, or is damaged.
        OutputError: the JSON cannot be written.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    command = [sys.executable, "-I", "-S", str(Path(unpickle.__file__))]
    with path.open("rb") as pickled, atomic(out) as part, part.open("wb") as file:
        done = subprocess.run(command, stdin=pickled, stdout=file, stderr=subprocess.PIPE, check=False)  # noqa: S603
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            raise InputError(f"{path}: not converted: {told[-1] if told else f'exit {done.returncode}'}")


def suits(samples: Sequence[ReferringSample]) -> str:
    """The format that holds samples: of pictures, or of videos."""
    return finetune.NAME if all(len(one.frames) == 1 for one in samples) else mevis.NAME


def write_dataset(samples: Sequence[ReferringSample], out: Path, target: str | None = None) -> str:
    """Writes samples in another format; pictures are copied as they are, frames of videos become PNGs.

    Args:
        samples: what to write.
        out: a new folder.
        target: one of ``TARGETS``; None for the one that suits.

    Returns:
        The format's name.

    Raises:
        InputError: a picture or an annotation cannot be read.
        OutputError: the folder is there already, or cannot be written.
        UsageError: there is no such target, or it cannot hold the samples.
    """
    target = suits(samples) if target is None else target
    if target not in TARGETS:
        raise UsageError(f"{parameter('to', target)}: what can be written is {', '.join(TARGETS)}")
    if target == finetune.NAME and suits(samples) != target:
        raise UsageError(
            f"{parameter('to', target)} holds pictures, and these are videos; write {mevis.NAME}"
        )
    if any(one.shows_first_mask for one in samples):
        raise UsageError("DAVIS has no sentences, and every format that can be written is of sentences")
    if out.exists():
        raise UsageError(f"{out} is there already; name a new folder")
    with _new_folder(out) as part:
        (_write_finetune if target == finetune.NAME else _write_mevis)(samples, part)
    return target


@contextmanager
def _new_folder(out: Path) -> Generator[Path, None, None]:
    """A folder that gets its name when all in it is written."""
    with atomic(out) as part:
        part.unlink()
        part.mkdir()
        yield part


def _write_finetune(samples: Sequence[ReferringSample], folder: Path) -> None:
    images, entries = folder / "images", []
    images.mkdir()
    for number, group in enumerate(by_video(samples).values()):
        name = _copy(group[0], 0, images, f"{number:06d}")
        masks = [rectangles(one.mask(0)) for one in group]
        entries.append({"image": name, "mask": masks, "text": [one.sentence for one in group]})
    (folder / finetune.FILE).write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")


def _write_mevis(samples: Sequence[ReferringSample], folder: Path) -> None:
    videos: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    for video, group in by_video(samples).items():
        frames, name = group[0].frames, _unused(video.replace("/", "_"), videos)
        pictures = folder / "JPEGImages" / name
        pictures.mkdir(parents=True)
        stems = [f"{k:05d}" for k in range(len(frames))]
        for k, stem in enumerate(stems):
            _copy(group[0], k, pictures, stem)
        expressions = {}
        for one in group:
            ids = []
            if any(one.mask(k).any() for k in range(len(frames))):
                ids = [len(masks)]
                masks[str(len(masks))] = [
                    encode_mask(mask) if (mask := one.mask(k)).any() else None for k in range(len(frames))
                ]
            expressions[one.expression] = {"exp": one.sentence, "obj_id": ids, "anno_id": ids}
        videos[name] = {"frames": stems, "expressions": expressions}
    for name, content in (("meta_expressions.json", {"videos": videos}), ("mask_dict.json", masks)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _unused(name: str, taken: Collection[str]) -> str:
    """A name that is not taken, also where case does not count: ``a_b``, else ``a_b_2`` and so on."""
    known = {one.casefold() for one in taken}
    numbered = (f"{name}_{number}" for number in count(2))
    return next(one for one in chain([name], numbered) if one.casefold() not in known)


def write_parts(parts: Mapping[str, Sequence[ReferringSample]], out: Path) -> None:
    """Writes data sets into one new folder, which appears when all are whole.

    Args:
        parts: samples by the name of their folder.
        out: a new folder.

    Raises:
        InputError: a picture or an annotation cannot be read.
        OutputError: the folder cannot be written.
        UsageError: see ``write_dataset``.
    """
    with _new_folder(out) as folder:
        for name, samples in parts.items():
            write_dataset(samples, folder / name)


def _copy(sample: ReferringSample, frame: int, folder: Path, stem: str) -> str:
    frames = sample.frames
    if isinstance(frames, Pictures):
        source = frames.paths[frame]
        name = f"{stem}{source.suffix.lower()}"
        try:
            shutil.copyfile(source, folder / name)
        except OSError as error:
            raise InputError(f"{sample.where}: {source}: {error.strerror or error}") from error
        return name
    Image.fromarray(frames.read(frame)).save(folder / f"{stem}.png")
    return f"{stem}.png"


def rectangles(mask: NDArray[np.bool_]) -> list[list[int]]:
    """Cuts a mask into rectangles that do not overlap, as polygons.

    Polygons of an object cannot have holes in the official format, and what overlaps adds up; rectangles with
    whole corners are drawn to the pixel by pycocotools.

    Args:
        mask: (H, W).

    Returns:
        Flat lists of x and y of four corners.
    """
    done: list[list[int]] = []
    growing: dict[tuple[int, int], int] = {}
    for y, row in enumerate([*mask, np.zeros(mask.shape[1], np.bool_)]):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
        runs = {(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)}
        for a, b in [one for one in growing if one not in runs]:
            top = growing.pop((a, b))
            done.append([a, top, b, top, b, y, a, y])
        for one in runs:
            growing.setdefault(one, y)
    return sorted(done)


def divided(
    samples: Sequence[ReferringSample], share: float, seed: int
) -> tuple[list[ReferringSample], list[ReferringSample]]:
    """Divides samples in two; all sentences of a video or picture stay together, of however many entries.

    Args:
        samples: all of them.
        share: how much of the videos the second part gets; at least one, and never all.
        seed: of the choice.

    Raises:
        UsageError: there are not two videos, or the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UsageError(f"{parameter('share', share)} must lie between 0 and 1")
    files = list(dict.fromkeys(one.frames.source for one in samples))
    if len(files) < 2:
        raise UsageError(f"there is {len(files)} video or picture, and two are needed to divide")
    number = min(max(round(share * len(files)), 1), len(files) - 1)
    order = np.random.default_rng(seed).permutation(len(files))
    chosen = {files[k] for k in order[:number]}
    return (
        [one for one in samples if one.frames.source not in chosen],
        [one for one in samples if one.frames.source in chosen],
    )
