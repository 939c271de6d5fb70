"""What every kind of input looks like to the rest: its description, and pictures by number.

Knows nothing about how any of them is decoded.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal, Protocol

from sa2va_cli.datatypes import Frame, YuvColour
from sa2va_cli.media.fields import FieldOrder
from sa2va_cli.media.metadata import Metadata

DEFAULT_RATE = Fraction(24)
"""Pictures per second of inputs that have no time of their own: images and folders of images."""


@dataclass(frozen=True)
class SourceInfo:
    """What is known of an input without decoding it.

    Attributes:
        path: the file, the folder, or the pattern as a path.
        kind: ``video`` (also animated GIF, APNG and WebP, and JPEGs joined end to end), ``image``, or
            ``frames`` (a folder, a pattern, or a TIFF file of several pages).
        size: (width, height) in pixels, upright.
        frames: number of frames that will be shown, counted, not taken from a header.
        rate: frames per second: of the commonest step where nearly all are alike, else on average.
        time_base: seconds per unit of the frames' ``pts``.
        duration_seconds: from the first frame's beginning to the last one's end.
        rotation: degrees counter-clockwise that are applied to the stored pictures to make them upright.
        has_audio: whether there is sound.
        codec: the video codec's name as FFmpeg spells it; the image format for images; None for folders.
        names: ``Frame.name`` of all frames in order, for ``frames``.
        sample_aspect_ratio: width of a stored pixel over its height, upright.
        start_seconds: time of the first frame on the source's own clock.
        file_names: ``Frame.file_name`` of all frames in order, where each is a file.
        numbers: the numbers in the files' names, rising, where the files differ in nothing but a number.
        colour: what the code values of a video with luma and chroma mean; None for all else.
        depth: bits of a code value.
        interlaced: whether its first frame is two fields.
        field_order: which of them is shown first, ``top`` or ``bottom``, where that can be carried on; None
            for whole frames, and where the picture is turned.
        constant_rate: whether all frames are shown equally long.
        metadata: title, dates, timecode and chapters.
        subtitles: how many subtitle tracks there are.
        clock_offsets: seconds added to the times of each stretch of a clock that steps back on the way.
    """

    path: Path
    kind: Literal["video", "image", "frames"]
    size: tuple[int, int]
    frames: int
    rate: Fraction
    time_base: Fraction
    duration_seconds: float
    rotation: int = 0
    has_audio: bool = False
    codec: str | None = None
    names: tuple[str, ...] = field(default=(), repr=False)
    sample_aspect_ratio: Fraction = Fraction(1)
    start_seconds: Fraction = Fraction(0)
    file_names: tuple[str, ...] = field(default=(), repr=False)
    numbers: tuple[int, ...] = field(default=(), repr=False)
    colour: YuvColour | None = None
    depth: int = 8
    interlaced: bool = False
    field_order: FieldOrder | None = None
    constant_rate: bool = True
    clock_offsets: tuple[Fraction, ...] = (Fraction(0),)
    metadata: Metadata = field(default=Metadata(), repr=False)
    subtitles: int = 0

    @property
    def first_number(self) -> int | None:
        """The number in the first file's name, for numbered files."""
        return self.numbers[0] if self.numbers else None

    def ordinal_of_number(self, number: int) -> int:
        """What ``123f`` means: the ordinal of the first frame with this number or a later one.

        The number is that in the file's name for numbered files whose first is not 0, else the ordinal
        itself.
        """
        if not self.first_number:
            return number
        return bisect_left(self.numbers, number)


class Source(Protocol):
    """An input as a row of pictures, each known by its number from 0 (its *ordinal*)."""

    @property
    def info(self) -> SourceInfo:
        """The description."""
        ...

    @property
    def warnings(self) -> list[str]:
        """What the user should know, one line each; may grow while pictures are read."""
        ...

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first picture at or after a time, counted from the first picture's time."""
        ...

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a picture on the source's own clock."""
        ...

    def group_start(self, ordinal: int) -> int:
        """Number of the picture from which decoding must begin to reach one."""
        ...

    def check(self, ordinals: range) -> None:
        """Refuses, with an ``InputError``, wanted pictures that do not go together."""
        ...

    def files(self, ordinals: range) -> tuple[Path, ...]:
        """The files that the wanted pictures are read from, in order."""
        ...

    def pictures(self, ordinals: range) -> Iterator[Frame]:
        """The wanted pictures in order, ``Frame.index`` being the ordinal; undecodable ones are left out."""
        ...

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single pictures, by ascending ordinal, without reading all that lies between."""
        ...


class EvenSource(ABC):
    """Pictures that are decoded one by one and follow each other evenly: of one size and in one file.

    What has several files, or sizes to compare, says so itself.
    """

    _info: SourceInfo

    @property
    def info(self) -> SourceInfo:
        """The description."""
        return self._info

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first picture at or after a time."""
        return min(max(0, ceil(seconds * self._info.rate)), self._info.frames)

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a picture."""
        return ordinal / self._info.rate

    def group_start(self, ordinal: int) -> int:
        """The picture itself."""
        return ordinal

    def check(self, ordinals: range) -> None:  # noqa: B027  (nothing by default)
        """Pictures of one file that are of another size are none of its frames."""

    def files(self, ordinals: range) -> tuple[Path, ...]:  # noqa: ARG002  (all are in one)
        """The one file."""
        return (self._info.path,)

    def pictures(self, ordinals: range) -> Iterator[Frame]:
        """The wanted pictures in order."""
        return self.pictures_at(ordinals)

    @abstractmethod
    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single pictures by ascending number."""
