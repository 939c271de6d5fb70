"""Pictures in time that FFmpeg does not read: animated WebP and AVIF, and joined pictures."""

import io
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError
from sa2va_cli.media.formats import upright_size
from sa2va_cli.media.joined import joined_pictures
from sa2va_cli.media.rates import commonest_rate
from sa2va_cli.media.source import EvenSource, SourceInfo
from sa2va_cli.media.stills import Still, decode_still, required


def _frame(ordinal: int, stamp: int, time_base: Fraction, still: Still) -> Frame:
    """A picture of a video; numbers that only a profile explains stay behind, as videos carry none."""
    deep = still.deep if still.icc_profile is None else None
    return Frame(ordinal, stamp, time_base, still.image, deep=deep, alpha=still.alpha)


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
        with required(path) as image:
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
        usual = commonest_rate(stamps, self._TIME_BASE, ()) if len(stamps) > 1 else None
        rate = usual or Fraction(len(stamps) * 1000, end)
        self._info = SourceInfo(
            path=path,
            kind="video",
            size=size,
            frames=len(stamps),
            rate=rate,
            time_base=self._TIME_BASE,
            duration_seconds=end / 1000,
            codec=codec,
            constant_rate=len({b - a for a, b in pairwise(stamps)}) <= 1,
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

    def group_start(self, ordinal: int) -> int:  # noqa: ARG002
        """The first one: pictures of an animation are changes of those before."""
        return 0

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
        with required(self._path) as image:
            for ordinal in sorted(set(ordinals)):
                if _turn_to(image, ordinal):
                    still = decode_still(image, self._path)
                    yield _frame(ordinal, self._stamps[ordinal], self._TIME_BASE, still)


class JoinedSource(EvenSource):
    """Pictures joined end to end in a file named like a single one; 25 per second, as FFmpeg has it."""

    _RATE = Fraction(25)

    def __init__(self, path: Path) -> None:
        """Finds the pictures, and looks into the first for the size.

        Raises:
            InputError: when it cannot be read.
        """
        self._path = path
        self._places = joined_pictures(path)
        with required(path) as image:
            size, codec = upright_size(image), str(image.format).lower()
        count = len(self._places)
        self._info = SourceInfo(
            path=path,
            kind="video",
            size=size,
            frames=count,
            rate=self._RATE,
            time_base=1 / self._RATE,
            duration_seconds=float(count / self._RATE),
            codec=codec,
        )
        self._damaged: set[int] = set()

    @property
    def warnings(self) -> list[str]:
        """Says how many pictures could not be decoded."""
        if not self._damaged:
            return []
        return [
            f"the file is damaged: {len(self._damaged)} of {self._info.frames} frames could not be decoded"
        ]

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single pictures by ascending number."""
        with self._path.open("rb") as file:
            for ordinal in sorted(set(ordinals)):
                begin, end = self._places[ordinal]
                file.seek(begin)
                still = self._decoded(file.read(end - begin))
                if still is None:
                    self._damaged.add(ordinal)
                    continue
                yield _frame(ordinal, ordinal, 1 / self._RATE, still)

    def _decoded(self, data: bytes) -> Still | None:
        """One picture; None where it is damaged, or turned otherwise than the first."""
        try:
            with Image.open(io.BytesIO(data)) as image:
                still = decode_still(image, self._path)
        except (InputError, OSError, ValueError, SyntaxError):
            return None
        height, width = still.image.shape[:2]
        return still if (width, height) == self._info.size else None


def _turn_to(image: Any, ordinal: int) -> bool:
    try:
        image.seek(ordinal)
        image.load()
    except (OSError, EOFError, ValueError, SyntaxError):
        return False
    return True
