"""Our own tracks files: what was found, perhaps corrected, as something to learn from.

The source must still be where it was, or beside the tracks (``tracks.source_place``). A prompt is a sentence;
what it found are its objects. Tracks that were rejected in ``sa2va review`` are left out.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError
from sa2va_cli.media.sequences import is_pattern
from sa2va_cli.tracks.decisions import decision_on
from sa2va_cli.tracks.log import TrackedFrame, Tracks
from sa2va_cli.tracks.source_place import source_place
from sa2va_cli.training.datasets.entries import Problems
from sa2va_cli.training.datasets.masks import Counts, Size, failure
from sa2va_cli.training.datasets.sample import AnyFrames, Dataset, Pictures, ReferringSample, VideoFrames

NAME = "tracks"
ENDING = ".tracks.sa2va"


def recognised(path: Path) -> bool:
    """Whether it is a tracks file, or a folder with some."""
    return bool(_files(path))


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return sorted(path.glob(f"*{ENDING}"))
    return [path] if path.name.endswith(ENDING) and path.is_file() else []


def read(path: Path, split: str | None) -> Dataset:
    """Reads all tracks.

    Raises:
        InputError: a file is damaged.
    """
    problems, samples = Problems(), []
    files = [file for file in _files(path) if not _is_rejected(file)]
    if not files:
        problems.add(path.name, "all of it was rejected in review")
    for file in files:
        tracks = Tracks(file)
        numbers = [one.source_index for one in tracks]
        if not numbers:
            problems.add(file.name, "holds no frame")
            continue
        frames = _frames(file, tracks, numbers)
        if frames is None:
            problems.add(
                file.name, f"there is no file or folder {tracks.header.source.path} that it was made of"
            )
            continue
        for prompt in tracks.header.prompts:
            place = f"{file.name}: prompt {prompt.id}"
            sentence = problems.text(place, prompt.text or prompt.label)
            ids = [one.id for one in tracks.header.objects if one.prompt.id == prompt.id]
            if sentence:
                objects = tuple(TrackedObject(file, one) for one in ids)
                stem = file.name.removesuffix(ENDING)
                samples.append(
                    ReferringSample(stem, str(prompt.id), sentence, frames, objects, place, "", split or "")
                )
    return Dataset(NAME, path, samples, problems.found)


def _is_rejected(file: Path) -> bool:
    decision = decision_on(file)
    return decision is not None and decision.status == "rejected"


def _frames(file: Path, tracks: Tracks, numbers: Sequence[int]) -> AnyFrames | None:
    source = tracks.header.source.path
    found = Path(source_place(file, source))
    if is_pattern(source) or not found.exists():
        return None
    if found.is_dir():
        pictures = sorted(one for one in found.iterdir() if one.is_file() and not one.name.startswith("."))
        return Pictures([pictures[k] for k in numbers]) if max(numbers) < len(pictures) else None
    return Pictures([found]) if tracks.header.source.kind == "image" else VideoFrames(found, numbers)


class TrackedObject:
    """One object of a tracks file.

    Args:
        file: the tracks.
        number: of the object.
    """

    def __init__(self, file: Path, number: int) -> None:
        self.file, self.number = file, number

    def on(self, frame: int, size: Size) -> Counts:
        """See ``MaskSource``; the last files are kept as they are stored."""
        return _decoded(self.file, frame, size).get(self.number, np.zeros(size, np.uint8))

    def problem(self, frame: int, size: Size) -> str | None:
        """See ``MaskSource``."""
        return failure(self, frame, size)


@lru_cache(maxsize=8)
def _decoded(file: Path, frame: int, size: Size) -> dict[int, Counts]:
    found, threshold = _cursor(file).at(frame), _cursor(file).threshold
    blank = np.zeros((*size, 3), np.uint8)
    masks = found.masks(Frame(found.index, found.pts, Fraction(1), blank), threshold)
    return {one.id: mask.astype(np.uint8) for one, mask in zip(found.objects, masks.masks, strict=True)}


class _Cursor:
    """A place in a log, which is read forwards; going back begins anew."""

    def __init__(self, file: Path) -> None:
        self._tracks = Tracks(file)
        self._frames, self._next = iter(self._tracks), 0
        self.threshold = self._tracks.header.threshold

    def at(self, frame: int) -> TrackedFrame:
        """Reads on to a frame.

        Raises:
            InputError: there is none.
        """
        if frame < self._next:
            self._frames, self._next = iter(self._tracks), 0
        for one in self._frames:
            self._next += 1
            if self._next > frame:
                return one
        raise InputError(f"{self._tracks.path}: there is no frame {frame}")


@lru_cache(maxsize=1)
def _cursor(file: Path) -> _Cursor:
    return _Cursor(file)
