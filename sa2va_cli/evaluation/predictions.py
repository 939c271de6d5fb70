"""Predictions on disk: tracks that ``sa2va evaluate`` writes, or PNGs of any other tool.

Tracks: ``VIDEO.tracks.sa2va``, with all sentences of a video as prompts, frames in the order of their names.
PNGs: ``VIDEO/EXPRESSION/FRAME.png``, not 0 where the mask is, also inside of a folder ``Annotations``. For
pictures, FRAME is the picture's name. Of DAVIS also ``VIDEO/FRAME.png``, whose values are numbers of objects.
An alpha channel that hides something is refused, since it could be meant as the mask or not.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.protocols import Mask, united
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.training.datasets.sample import ReferringSample

ENDING = ".tracks.sa2va"


class Predictions(Protocol):
    """Masks for the sentences of a data set."""

    def missing(self, sample: ReferringSample) -> Path | None:
        """The first file that is not there and without which a sentence has no prediction."""
        ...

    def of_video(
        self, samples: Sequence[ReferringSample], *, first_only: bool
    ) -> Mapping[str, Sequence[Mask]]:
        """Reads masks of all sentences of one video.

        Args:
            samples: sentences of one video.
            first_only: whether only the first object of an answer counts.

        Returns:
            By the sentence's id, one mask for each frame in the order of the sample.

        Raises:
            InputError: a prediction is missing or damaged.
        """
        ...


def predictions_in(folder: Path) -> Predictions:
    """Finds out which kind a folder holds.

    Raises:
        InputError: it is no folder, or holds neither.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file, and predictions are a folder; unpack it if it is an archive")
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of predictions")
    if next(folder.rglob(f"*{ENDING}"), None) is not None:
        return TracksFolder(folder)
    inner = folder / "Annotations"
    if next(folder.rglob("*.png"), None) is not None:
        return PictureFolder(inner if inner.is_dir() else folder)
    raise InputError(
        f"{folder}: holds neither tracks ({ENDING}) nor masks as VIDEO/EXPRESSION/FRAME.png; nothing to score"
    )


def require_all(samples: Sequence[ReferringSample], predictions: Predictions) -> None:
    """Makes sure that every sentence has a prediction.

    Raises:
        InputError: one has none; its file is named.
    """
    missing = [(one, path) for one in samples if (path := predictions.missing(one)) is not None]
    if missing:
        first, path = missing[0]
        raise InputError(
            f"{len(missing)} of {len(samples)} sentences have no prediction, {first.id} for one: "
            f"there is no {path}"
        )


class PictureFolder:
    """PNGs of any tool.

    Args:
        folder: the folder of the videos' folders.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def missing(self, sample: ReferringSample) -> Path | None:
        """See ``Predictions``; there is a picture for every frame."""
        paths = (self._path(sample, k) for k in range(len(sample.frames)))
        return next((path for path in paths if not path.is_file()), None)

    def _path(self, sample: ReferringSample, frame: int) -> Path:
        palette = self.folder / sample.video / f"{sample.frames.names[frame]}.png"
        if sample.shows_first_mask and palette.is_file():
            return palette
        return self.folder / sample.video / sample.expression / f"{sample.frames.names[frame]}.png"

    def of_video(
        self,
        samples: Sequence[ReferringSample],
        *,
        first_only: bool,  # noqa: ARG002  (a picture is one mask)
    ) -> Mapping[str, Sequence[Mask]]:
        """See ``Predictions``."""
        return {one.id: [self._read(one, k) for k in range(len(one.frames))] for one in samples}

    def _read(self, sample: ReferringSample, frame: int) -> Mask:
        path = self._path(sample, frame)
        try:
            with Image.open(path) as picture:
                values = _values(picture)
        except FileNotFoundError as error:
            raise InputError(f"{path}: there is no such prediction") from error
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        size = sample.frames.size(frame)
        if values.shape[:2] != size:
            raise InputError(
                f"{path}: is {values.shape[1]}x{values.shape[0]} and the picture {size[1]}x{size[0]}"
            )
        of_all = path.parent.name != sample.expression and sample.shows_first_mask
        found = values == int(sample.expression) if of_all else values > 0
        return np.asarray(found.any(axis=2) if found.ndim == 3 else found, np.bool_)


def _values(picture: Image.Image) -> NDArray[Any]:
    """(H, W) or (H, W, C): what a PNG holds, numbers of a palette as they are, without an opaque alpha."""
    values = np.asarray(picture)
    if picture.mode not in ("LA", "PA", "RGBA"):
        return values
    if not (values[..., -1] == 255).all():
        raise ValueError("it is transparent in parts; write the mask as grey levels, 0 and 255")
    return values[..., :-1]


class TracksFolder:
    """Tracks of this program.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def missing(self, sample: ReferringSample) -> Path | None:
        """See ``Predictions``; which sentences a video's tracks hold is seen when they are read."""
        path = tracks_path(self.folder, sample.video)
        return None if path.is_file() else path

    def of_video(
        self, samples: Sequence[ReferringSample], *, first_only: bool
    ) -> Mapping[str, Sequence[Mask]]:
        """See ``Predictions``."""
        path = tracks_path(self.folder, samples[0].video)
        tracks = Tracks(path)
        prompts = {one.label: one.id for one in tracks.header.prompts}
        for one in samples:
            if label_of(one) not in prompts:
                raise InputError(f"{path}: holds nothing for the sentence {one.id} ({one.sentence})")
        masks: dict[str, list[Mask]] = {one.id: [] for one in samples}
        size = tracks.header.source.size[::-1]
        for frame in _masks(tracks, size):
            for one in samples:
                chosen = frame.get(prompts[label_of(one)], [])
                masks[one.id].append(united(chosen, size, first_only=first_only))
        count = len(samples[0].frames)
        if any(len(one) != count for one in masks.values()):
            raise InputError(f"{path}: holds {len(next(iter(masks.values())))} frames, not {count}")
        places = {k: place for place, k in enumerate(sorted_frames(samples[0]))}
        return {key: [found[places[k]] for k in range(count)] for key, found in masks.items()}


def sorted_frames(sample: ReferringSample) -> list[int]:
    """Places of the frames in the sample, by their names."""
    names = sample.frames.names
    return sorted(range(len(names)), key=lambda k: names[k])


def tracks_path(folder: Path, video: str) -> Path:
    """Where the predictions of a video lie."""
    return folder / f"{video}{ENDING}"


def label_of(sample: ReferringSample) -> str:
    """What the prompt of a sentence is called; words may come twice in a video, names do not."""
    return f"{sample.expression}: {sample.sentence}"


def _masks(tracks: Tracks, size: tuple[int, int]) -> Iterator[dict[int, list[Mask]]]:
    """The masks of each frame by prompt."""
    blank = np.zeros((*size, 3), np.uint8)
    with closing(iter(tracks)) as frames:
        for one in frames:
            drawn = one.masks(Frame(one.index, one.pts, Fraction(1), blank), tracks.header.threshold)
            found: dict[int, list[Mask]] = {}
            for thing, mask in zip(one.objects, drawn.masks, strict=True):
                found.setdefault(thing.prompt.id, []).append(mask)
            yield found
