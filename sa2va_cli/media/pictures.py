"""Inputs that are images: one file, a folder or a pattern of files, and animations FFmpeg cannot read."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError
from sa2va_cli.media.images import decode_image, open_image, read_image, stated_size, upright_size
from sa2va_cli.media.source import DEFAULT_RATE, SourceInfo


class ImageSource:
    """Image files, one frame each, in the given order; 24 frames per second, ``pts`` being the number."""

    def __init__(self, path: Path, files: Sequence[Path], kind: Literal["image", "frames"]) -> None:
        """Looks into the first file for the size.

        Raises:
            InputError: when the first file is not an image.
        """
        self._files = tuple(files)
        with _opened(self._files[0]) as image:
            size = upright_size(image)
            codec = image.format.lower() if image.format else None
        self._info = SourceInfo(
            path=path,
            kind=kind,
            size=size,
            frames=len(self._files),
            rate=DEFAULT_RATE,
            time_base=1 / DEFAULT_RATE,
            duration_seconds=float(len(self._files) / DEFAULT_RATE),
            codec=codec if kind == "image" else None,
            names=tuple(file.stem for file in self._files) if kind == "frames" else (),
        )
        self._unread: dict[Path, str] = {}

    @property
    def info(self) -> SourceInfo:
        """The description."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """One line for the files that could not be read."""
        if not self._unread:
            return []
        first = next(iter(self._unread.values()))
        return [f"{len(self._unread)} of {len(self._files)} images could not be read; the first: {first}"]

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first file at or after a time."""
        return min(max(0, -int(-seconds * DEFAULT_RATE // 1)), len(self._files))

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a file."""
        return ordinal / DEFAULT_RATE

    def check(self, ordinals: range) -> None:
        """Looks into the wanted files, so that the last of thousands does not end a run of hours.

        One that cannot be read is no matter here: it is left out, and said, when its turn comes.

        Raises:
            InputError: when one has another size than the first.
        """
        for ordinal in ordinals:
            file = self._files[ordinal]
            try:
                with _opened(file) as image:
                    if stated_size(image) == self._info.size:
                        continue
                pixels = read_image(file)  # to be sure: EXIF data may stand behind the pixels
            except (InputError, OSError, ValueError, SyntaxError):
                continue
            self._check_size(file, (pixels.shape[1], pixels.shape[0]))

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        if size != self._info.size:
            one, first = ("{}x{}".format(*each) for each in (size, self._info.size))
            raise InputError(
                f"{file}: is {one}, but {self._files[0].name} is {first}; all images of a folder must have "
                "one size"
            )

    def files(self, ordinals: range) -> tuple[Path, ...]:
        """The wanted files."""
        return tuple(self._files[ordinal] for ordinal in ordinals)

    def pictures(self, ordinals: range) -> Iterator[Frame]:
        """The wanted files in order."""
        return self.pictures_at(ordinals)

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single files by ascending number.

        Raises:
            InputError: when one has another size than the first, or when a lone image cannot be read.
        """
        for ordinal in sorted(set(ordinals)):
            file = self._files[ordinal]
            try:
                image = read_image(file)
            except InputError as error:
                if len(self._files) == 1:
                    raise
                self._unread[file] = str(error)
                continue
            self._check_size(file, (image.shape[1], image.shape[0]))
            yield Frame(ordinal, ordinal, 1 / DEFAULT_RATE, image, file.stem)


class AnimationSource:
    """An animated image that Pillow reads frame by frame: animated WebP and AVIF."""

    _TIME_BASE = Fraction(1, 1000)

    def __init__(self, path: Path) -> None:
        """Reads all frames' durations, which such files keep beside each frame.

        Raises:
            InputError: when it cannot be read.
        """
        self._path = path
        stamps = array("q")
        with _opened(path) as image:
            size = upright_size(image)
            codec = image.format.lower()
            end = 0
            for ordinal in range(image.n_frames):
                if not _turn_to(image, ordinal):
                    break
                stamps.append(end)
                # Browsers show frames of 10 ms and less for 100 ms.
                shown = round(image.info.get("duration") or 0)
                end += shown if shown > 10 else 100
            self._promised: int = image.n_frames
        if not stamps:
            raise InputError(
                f"{path}: not one picture of the animation could be decoded; the file is damaged"
            )
        self._stamps = stamps
        rate = Fraction(len(stamps) * 1000, end)
        self._info = SourceInfo(
            path=path,
            kind="video",
            size=size,
            frames=len(stamps),
            rate=rate,
            time_base=self._TIME_BASE,
            duration_seconds=end / 1000,
            codec=codec,
        )

    @property
    def info(self) -> SourceInfo:
        """The description."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Says how much of a damaged file could be decoded."""
        if len(self._stamps) == self._promised:
            return []
        return [f"the file is damaged: {len(self._stamps)} of {self._promised} frames could be decoded"]

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first frame at or after a time."""
        return bisect_left(self._stamps, seconds / self._TIME_BASE)

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a frame."""
        return self._stamps[ordinal] * self._TIME_BASE

    def check(self, ordinals: range) -> None:
        """One file has frames of one size."""

    def files(self, ordinals: range) -> tuple[Path, ...]:  # noqa: ARG002  (all are in one)
        """The one file."""
        return (self._path,)

    def pictures(self, ordinals: range) -> Iterator[Frame]:
        """The wanted frames in order."""
        return self.pictures_at(ordinals)

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single frames by ascending number."""
        with _opened(self._path) as image:
            for ordinal in sorted(set(ordinals)):
                if _turn_to(image, ordinal):
                    pixels = decode_image(image, self._path)
                    yield Frame(ordinal, self._stamps[ordinal], self._TIME_BASE, pixels)


def _opened(path: Path) -> Any:
    image = open_image(path)
    if image is None:
        raise InputError(f"{path}: not an image that can be read")
    return image


def _turn_to(image: Any, ordinal: int) -> bool:
    try:
        image.seek(ordinal)
        image.load()
    except (OSError, EOFError, ValueError, SyntaxError):
        return False
    return True
