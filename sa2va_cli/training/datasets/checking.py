"""Looks a data set through: what it is, how much there is, what is broken, and a sheet of random samples."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sa2va_cli.errors import InputError, OutputError, UsageError, parameter
from sa2va_cli.training.datasets.masks import Size
from sa2va_cli.training.datasets.sample import (
    NOTHING,
    AnyFrames,
    Dataset,
    Pictures,
    Problem,
    ReferringSample,
    VideoFrames,
)
from sa2va_cli.training.datasets.sheet import TRUTH, Cell, draw_sheet
from sa2va_cli.training.datasets.table import FORMATS

SHOWN = 16
"""Samples on a sheet."""


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        format: its title.
        videos: how many videos or pictures.
        frames: how many frames of them.
        sentences: how many can be used.
        without_truth: of these, whose masks are not published.
        without_target: of these, which mean nothing.
        kinds: how many of each kind.
        splits: how many of each part.
        problems: everything that is broken, in the order of the files.
    """

    format: str
    videos: int
    frames: int
    sentences: int
    without_truth: int
    without_target: int
    kinds: dict[str, int]
    splits: dict[str, int]
    problems: tuple[Problem, ...] = field(repr=False)


def check_dataset(dataset: Dataset, progress: Callable[[int, int], None] = lambda _, __: None) -> Checked:
    """Decodes every picture, once, and every mask.

    Args:
        dataset: as a reader gave it.
        progress: is told how many of how many samples were looked at.
    """
    problems = list(dataset.problems)
    seen = _Seen()
    broken: set[str] = set()
    for number, sample in enumerate(dataset.samples):
        progress(number, len(dataset.samples))
        for what in _broken(sample, seen):
            problems.append(Problem(sample.where, what))
            broken.add(sample.where)
    if not (dataset.samples or problems):
        problems.append(Problem(str(dataset.path), NOTHING))
    samples = [one for one in dataset.samples if one.where not in broken]
    return Checked(
        format=FORMATS[dataset.format].title,
        videos=len({one.video for one in dataset.samples}),
        frames=sum(seen.frames.values()),
        sentences=len(samples),
        without_truth=sum(one.objects is None for one in samples),
        without_target=sum(one.objects == () for one in samples),
        kinds=dict(Counter(one.kind for one in samples if one.kind)),
        splits=dict(Counter(one.split for one in samples if one.split)),
        problems=tuple(problems),
    )


@dataclass
class _Seen:
    """What was decoded, so that many sentences of one picture cost one.

    Attributes:
        frames: how many are used of each file, or of each folder of files.
        pictures: the size of each, or what is wrong with it.
        videos: how many frames each has.
    """

    frames: dict[Path, int] = field(default_factory=dict)
    pictures: dict[Path, Size | InputError] = field(default_factory=dict)
    videos: dict[Path, int] = field(default_factory=dict)

    def size(self, frames: AnyFrames, frame: int) -> Size:
        """(height, width) of a frame that can be decoded.

        Raises:
            InputError: it cannot.
        """
        if isinstance(frames, VideoFrames):
            return self._size_in_video(frames, frame)
        path = frames.paths[frame]
        if path not in self.pictures:
            try:
                height, width = frames.read(frame).shape[:2]
                self.pictures[path] = height, width
            except InputError as error:
                self.pictures[path] = error
        found = self.pictures[path]
        if isinstance(found, InputError):
            raise found
        return found

    def _size_in_video(self, frames: VideoFrames, frame: int) -> Size:
        if frames.path not in self.videos:
            self.videos[frames.path] = frames.count()
        there, wanted = self.videos[frames.path], frames.indices[frame]
        if wanted >= there:
            raise InputError(f"{frames.path}: has {there} frames, and frame {wanted} is annotated")
        return frames.size(frame)


def _broken(sample: ReferringSample, seen: _Seen) -> Iterator[str]:
    frames = sample.frames
    missing = sample.misnamed or _missing(frames)
    if missing is not None:
        yield missing
        return
    seen.frames[frames.source] = len(frames)
    told = 0
    sources = [(f"object {number}", one) for number, one in enumerate(sample.objects or ())]
    sources += [(name, one) for name in ("foreground", "ignored") if (one := getattr(sample, name))]
    for frame in range(len(frames)):
        try:
            size = seen.size(frames, frame)
        except InputError as error:
            yield error.message
            return
        for named, source in sources:
            what = source.problem(frame, size)
            if what is not None and told < 1:
                told += 1  # one is enough to find the sentence; a shifted video has one on every frame
                place = f"frame {frames.names[frame]}, " if len(frames) > 1 else ""
                yield f"{place}{named}: {what}"


def _files(frames: AnyFrames) -> Sequence[Path]:
    return frames.paths if isinstance(frames, Pictures) else [frames.path]


def _missing(frames: AnyFrames) -> str | None:
    paths = _files(frames)
    gone = [path for path in paths if not path.is_file()]
    more = f" and {len(gone) - 1} more of this video" if len(gone) > 1 else ""
    return f"there is no file {gone[0]}{more}" if gone else None


def check_sheet(dataset: Dataset, path: Path) -> None:
    """Makes sure that a sheet can have a name, before anything is looked through.

    Raises:
        OutputError: it is that of a file of the data set.
        UsageError: it is no name for a PNG.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{parameter('sheet', path)}: a sheet is a PNG; call it {path.with_suffix('.png')}")
    if not path.exists():
        return
    place, root = path.resolve(), dataset.path.resolve()
    read = (file for one in dataset.samples for file in _files(one.frames))
    if place.is_relative_to(root) or any(place == file.resolve() for file in dict.fromkeys(read)):
        raise OutputError(f"{path} is a file of the data set; choose another name with {parameter('sheet')}")


def draw_samples(dataset: Dataset, broken: set[str], path: Path) -> None:
    """Draws random samples, each on the frame where most of it is seen.

    Args:
        dataset: as a reader gave it.
        broken: places of samples that are left out.
        path: of the PNG.
    """
    whole = [one for one in dataset.samples if one.where not in broken]
    chosen = np.random.default_rng(0).permutation(len(whole))[:SHOWN]
    cells = [_cell(whole[k]) for k in sorted(chosen)]
    draw_sheet(cells, path)


def _cell(sample: ReferringSample) -> Cell:
    frames = sample.frames
    some = sorted({int(k) for k in np.linspace(0, len(frames) - 1, 5)})
    if sample.objects is None:
        picture = frames.read(0)
        return Cell(picture, np.zeros((0, *picture.shape[:2]), np.bool_), (), sample.sentence)
    masks = {k: sample.mask(k) for k in some}
    best = max(some, key=lambda k: np.count_nonzero(masks[k]))
    return Cell(frames.read(best), masks[best][None], (TRUTH,), sample.sentence)
