"""What every reader gives: a sentence, the frames it is said of, and the masks of what it means.

Nothing is decoded before it is asked for, so a data set of any size is a list. Knows nothing about formats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError
from sa2va_cli.training.datasets.masks import MALFORMED, Counts, MaskSource, Size

NOTHING = "there is no sentence in this data set"


class Frames(Protocol):
    """The pictures of a sample, in order."""

    @property
    def names(self) -> Sequence[str]:
        """What each frame is called, without an ending."""
        ...

    def read(self, frame: int) -> RGB:
        """Decodes one: (H, W, 3) uint8.

        Raises:
            InputError: it is missing or damaged.
        """
        ...

    def size(self, frame: int) -> Size:
        """(height, width) of one, without decoding it where that is possible.

        Raises:
            InputError: it is missing or damaged.
        """
        ...

    @property
    def source(self) -> Path:
        """The file, or the folder of all files."""
        ...


@dataclass(frozen=True, eq=False)
class Pictures:
    """Frames that are files; EXIF orientation is not obeyed, as annotations are of the stored pixels."""

    paths: Sequence[Path] = field(repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def names(self) -> Sequence[str]:
        """See ``Frames``."""
        return [path.stem for path in self.paths]

    def read(self, frame: int) -> RGB:
        """See ``Frames``."""
        path = self.paths[frame]
        try:
            with Image.open(path) as picture:
                return np.array(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise _unreadable(path, error) from error

    def size(self, frame: int) -> Size:
        """See ``Frames``."""
        path = self.paths[frame]
        try:
            with Image.open(path) as picture:
                return picture.height, picture.width
        except (OSError, SyntaxError, ValueError) as error:
            raise _unreadable(path, error) from error

    @property
    def source(self) -> Path:
        """See ``Frames``."""
        return self.paths[0].parent if len(self.paths) > 1 else self.paths[0]


@dataclass(frozen=True, eq=False)
class VideoFrames:
    """Frames of a video file.

    Attributes:
        path: the video.
        indices: numbers of the frames, counted from 0, rising.
    """

    path: Path
    indices: Sequence[int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.indices)

    @cached_property
    def names(self) -> Sequence[str]:
        """See ``Frames``."""
        return [f"{number:05d}" for number in self.indices]

    def read(self, frame: int) -> RGB:
        """See ``Frames``."""
        from sa2va_cli.media.reader import Selection, open_source

        number = self.indices[frame]
        selection = Selection(start_frame=number, max_frames=1)
        with open_source(self.path, selection) as reader:
            return next(iter(reader)).image

    def size(self, frame: int) -> Size:  # noqa: ARG002  (all have one)
        """See ``Frames``."""
        return self._size

    @cached_property
    def _size(self) -> Size:
        from sa2va_cli.media.reader import open_source

        with open_source(self.path) as reader:
            width, height = reader.info.size
            return height, width

    @property
    def source(self) -> Path:
        """See ``Frames``."""
        return self.path

    def count(self) -> int:
        """How many frames the video has, all of them decoded.

        Raises:
            InputError: one is damaged.
        """
        from sa2va_cli.media.reader import open_source

        with open_source(self.path) as reader:
            return sum(1 for _ in reader)


AnyFrames = Pictures | VideoFrames


@dataclass(frozen=True, eq=False)
class ReferringSample:
    """One sentence and what it means on the frames of one video, or in one picture.

    Attributes:
        video: name of the video or picture in its data set; sentences of the same one belong together.
        expression: name of the sentence among those of the video.
        sentence: what is said.
        frames: the pictures.
        objects: masks of each object that is meant; empty where nothing is. None where the truth is not
            published.
        where: file and place of the annotation, for messages.
        kind: of sentence, as the data set has it: ``referring`` or ``reasoning``, for example.
        split: part of the data set.
        foreground: masks of everything annotated in the video, where the data set has them (ReVOS).
        ignored: pixels that do not count, where the data set has them (reason-seg).
        shows_first_mask: whether the mask of the first frame is given instead of a sentence (DAVIS); the
            sentence is empty then, and the first and the last frame are not scored.
        named: what an answer calls what is meant, where that is not the sentence itself.
    """

    video: str
    expression: str
    sentence: str
    frames: AnyFrames
    objects: tuple[MaskSource, ...] | None = field(repr=False)
    where: str
    kind: str = ""
    split: str = ""
    foreground: MaskSource | None = field(default=None, repr=False)
    ignored: MaskSource | None = field(default=None, repr=False)
    shows_first_mask: bool = False
    named: str = ""

    @property
    def id(self) -> str:
        """Its name in the data set."""
        return f"{self.video}/{self.expression}"

    @property
    def misnamed(self) -> str | None:
        """What is wrong with its names, after which files are called; None where nothing is."""
        for name in (self.video, self.expression):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
                return f"the name {name!r} is no name for a file"
        return None

    def counts(self, frame: int) -> Counts:
        """Adds the masks of all objects up, shape by shape, as the official code does: overlaps are 2.

        Raises:
            InputError: the picture or the annotation cannot be read, or there is none.
        """
        if self.objects is None:
            raise InputError(f"{self.where}: its masks are not published, so it can only be submitted")
        total = np.zeros(self.frames.size(frame), np.uint8)
        for one in self.objects:
            total += self.counts_of(one, frame)
        return total

    def counts_of(self, source: MaskSource, frame: int) -> Counts:
        """The mask of one of its objects, of its foreground or of what is ignored.

        Raises:
            InputError: the picture or the annotation cannot be read.
        """
        try:
            return source.on(frame, self.frames.size(frame))
        except MALFORMED as error:
            raise InputError(f"{self.where}: {error}") from error

    def mask(self, frame: int) -> NDArray[np.bool_]:
        """The union of all objects on a frame: (H, W).

        Raises:
            InputError: see ``counts``.
        """
        return self.counts(frame) > 0


@dataclass(frozen=True)
class Problem:
    """Something broken in a data set.

    Attributes:
        where: file and index.
        what: what is wrong there.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a reader found.

    Attributes:
        format: the reader's name in the table.
        path: what was read.
        samples: every sentence that is whole as far as its text goes.
        problems: entries that are not, in the order of the file.
    """

    format: str
    path: Path
    samples: Sequence[ReferringSample] = field(repr=False)
    problems: Sequence[Problem] = field(default=(), repr=False)

    def usable(self) -> Sequence[ReferringSample]:
        """The samples, if nothing is broken: what training and evaluation take.

        Raises:
            InputError: an entry is broken, or there is none.
        """
        if self.problems:
            more = f" and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
            raise InputError(f"{self.problems[0]}{more}; see all with: sa2va data check {self.path}")
        if not self.samples:
            raise InputError(f"{self.path}: {NOTHING}")
        for one in self.samples:
            if one.misnamed is not None:
                raise InputError(f"{one.where}: {one.misnamed}")
        return self.samples


def _unreadable(path: Path, error: Exception) -> InputError:
    missing = isinstance(error, FileNotFoundError)
    return InputError(f"{path}: {'there is no such file' if missing else f'cannot be read ({error})'}")


def by_video(samples: Sequence[ReferringSample]) -> dict[str, list[ReferringSample]]:
    """Sentences of each video or picture, in the order of the data set."""
    groups: dict[str, list[ReferringSample]] = {}
    for one in samples:
        groups.setdefault(one.video, []).append(one)
    return groups
