"""One door to every input: frames of a range in order, or single ones, upright and with their times."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import cv2
import numpy as np

from sa2va_cli.datatypes import RGB, Frame
from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.events import Report, no_report
from sa2va_cli.media.groups import LONGEST_GROUP, Group
from sa2va_cli.media.metadata import Metadata
from sa2va_cli.media.probe import find_source
from sa2va_cli.media.source import Source, SourceInfo
from sa2va_cli.media.timecode import Timecode
from sa2va_cli.media.video import VideoSource
from sa2va_cli.staging import require_temporary_folder, staged


@dataclass(frozen=True)
class Selection:
    """Which frames of an input are wanted; all by default.

    Times count from the first frame, which is at 0 whatever the file's own clock says.

    Attributes:
        start: seconds; the first wanted frame is the first one at or after it.
        end: seconds; the first frame at or after it is not wanted any more.
        start_frame: number of the first wanted frame, instead of ``start``: from 0, or, for numbered files
            whose first number is not 0, as in their names.
        end_frame: number of the first frame that is not wanted any more, instead of ``end``; counted
            the same.
        every: 1 for every frame of the range, 2 for every other one, and so on.
        max_frames: at most so many frames.
        start_timecode: ``HH:MM:SS:FF``, instead of ``start``: counted from the file's own timecode where it
            has one, else from zero.
        end_timecode: the same, instead of ``end``.
        indices: which of the frames that all this chooses, by their ``Frame.index``; None for all.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    start_frame: int | None = None
    end_frame: int | None = None
    every: int = 1
    max_frames: int | None = None
    start_timecode: str | None = None
    end_timecode: str | None = None
    indices: range | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            given = [getattr(self, f"{name}{kind}") for kind in ("", "_frame", "_timecode")]
            if sum(one is not None for one in given) > 1:
                raise UsageError(f"the {name} is given twice; give a time, a frame number or a timecode")
        if self.every < 1:
            raise UsageError(f"every {self.every} frames is not possible; give 1 or more")
        if self.max_frames is not None and self.max_frames < 1:
            raise UsageError(f"at most {self.max_frames} frames leaves none; give 1 or more")
        for value in (self.start, self.end, self.start_frame, self.end_frame):
            if value is not None and value < 0:
                raise UsageError(f"a position of {value} lies before the beginning; give 0 or more")

    def ordinals(self, source: Source) -> range:
        """Numbers of the wanted frames of an input.

        Raises:
            UsageError: when the range holds no frame.
        """
        count = source.info.frames
        first = self.first_ordinal(source)
        stop = count
        if self.end_frame is not None:
            stop = source.info.ordinal_of_number(self.end_frame)
        if self.end is not None:
            stop = source.ordinal_at(self.end)
        if self.end_timecode is not None:
            stop = _ordinal_at_timecode(source, self.end_timecode)
        stop = min(stop, count)
        if first >= stop:
            raise UsageError(
                f"the range from {self.start_timecode or self._text(self.start, self.start_frame, '0')} to "
                f"{self.end_timecode or self._text(self.end, self.end_frame, 'the end')} holds no frame; "
                f"{source.info.path.name} has {count} frames in {source.info.duration_seconds:.3f} seconds"
                f"{_numbered(source.info)}"
            )
        chosen = range(first, stop, self.every)
        chosen = chosen if self.max_frames is None else chosen[: self.max_frames]
        return chosen if self.indices is None else chosen[self.indices.start : self.indices.stop]

    def first_ordinal(self, source: Source) -> int:
        """Number of the first frame at or after the start; the number of frames where there is none."""
        if self.start is not None:
            return source.ordinal_at(self.start)
        if self.start_timecode is not None:
            return _ordinal_at_timecode(source, self.start_timecode)
        return 0 if self.start_frame is None else source.info.ordinal_of_number(self.start_frame)

    @staticmethod
    def _text(seconds: Fraction | None, frame: int | None, otherwise: str) -> str:
        if seconds is not None:
            return f"{float(seconds):g}s"
        return otherwise if frame is None else f"frame {frame}"


def first_timecode(info: SourceInfo) -> Timecode | None:
    """The name of an input's first frame; None where it says none, or one that its rate does not allow."""
    if info.metadata.timecode is None:
        return None
    with suppress(UsageError):
        return Timecode.parse(info.metadata.timecode, info.rate)
    return None


def _ordinal_at_timecode(source: Source, text: str) -> int:
    """Number of the frame with a name: numbers are dropped in it where they are in the file's own timecode.

    Raises:
        UsageError: it names no frame at this rate, or lies before the file's first one.
    """
    info = source.info
    first = first_timecode(info)
    if first is not None:
        text = ";".join(text.replace(";", ":").rsplit(":", 1)) if first.drop else text.replace(";", ":")
    frames = Timecode.parse(text, info.rate).frames - (0 if first is None else first.frames)
    if frames < 0:
        raise UsageError(f"{text} lies before the file's first timecode, {first}")
    return frames if info.constant_rate else source.ordinal_at(frames / info.rate)


def _numbered(info: SourceInfo) -> str:
    """Says how files are numbered, where that is what frame numbers mean."""
    return f", numbered {info.numbers[0]} to {info.numbers[-1]}" if info.first_number else ""


class Reader:
    """The selected frames of one input. Iterating begins anew each time and keeps nothing of the past."""

    def __init__(self, source: Source, selection: Selection) -> None:
        """Resolves the selection.

        Raises:
            InputError: when its pictures do not go together.
            UsageError: when it holds no frame.
        """
        self._source = source
        self._warnings: list[str] = []
        self._groups: dict[int, Group] = {}  # by the index of the first frame
        self._ordinals = selection.ordinals(source)
        source.check(self._ordinals)
        self._cut_at_end = self._ordinals[-1] + selection.every < source.info.frames

    @property
    def info(self) -> SourceInfo:
        """The description of the whole input."""
        return self._source.info

    @property
    def warnings(self) -> list[str]:
        """What the user should know, one line each; complete once the frames have been read."""
        return [*self._source.warnings, *self._warnings]

    def warn(self, text: str) -> None:
        """Adds what was found out about the input while an output was written."""
        if text not in self._warnings:
            self._warnings.append(text)

    @property
    def rate(self) -> Fraction:
        """Frames per second of the selection on average."""
        return self.info.rate / self._ordinals.step

    @property
    def audio_range(self) -> tuple[Fraction, Fraction | None]:
        """Seconds, on the source's own clock, of the selection's beginning and end; None for the source's."""
        start = self._source.seconds_of(self._ordinals[0])
        if not self._cut_at_end:
            return start, None
        return start, self._source.seconds_of(self._ordinals[-1] + self._ordinals.step)

    @property
    def metadata(self) -> Metadata:
        """What the source's container says of the selection."""
        start, end = self.audio_range
        rate = self.info.rate
        first = (
            self._ordinals[0] if self.info.constant_rate else round((start - self.info.start_seconds) * rate)
        )
        return self.info.metadata.cut(start, end, frames=first, rate=rate, to=self.rate)

    def __enter__(self) -> Self:
        """Nothing is held open between frames' iterations."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Each iteration closes its own file; groups that are held go."""
        for held in self._groups.values():
            held.close()
        self._groups.clear()

    def narrowed(self, selection: Selection) -> "Reader":
        """Other frames of the same input, which stays this reader's to close.

        Raises:
            UsageError: when there is none.
        """
        return Reader(self._source, selection)

    def __iter__(self) -> Iterator[Frame]:
        """Decodes the selection once, in order; undecodable frames leave gaps in ``Frame.index``."""
        return self._numbered(self._source.pictures(self._ordinals))

    def glimpses(self, size: tuple[int, int]) -> Iterator[tuple[int, RGB]]:
        """Decodes the selection once, in order, into small pictures, which is much sooner for video.

        Args:
            size: (width, height) of the pictures; those of a video are not turned upright.

        Yields:
            ``Frame.index`` and (H, W, 3) uint8 RGB.
        """
        if isinstance(self._source, VideoSource):
            for ordinal, small in self._source.glimpses(self._ordinals, size):
                yield self._ordinals.index(ordinal), small
            return
        for frame in self:
            yield frame.index, np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_LINEAR))

    def starting_at(self, index: int) -> Iterator[Frame]:
        """Decodes from a ``Frame.index`` on, with the numbers that frames have from the beginning."""
        return self._numbered(self._source.pictures(self._ordinals[index:]))

    def source_number(self, index: int) -> int:
        """``Frame.source_index`` of a frame by its ``Frame.index``."""
        return self._ordinals[index]

    def shown_name(self, index: int) -> str:
        """What a frame is called in messages: its file's name where it is a file, else its number."""
        ordinal = self._ordinals[index]
        return self.info.file_names[ordinal] if self.info.file_names else f"frame {ordinal}"

    def count_selected(self) -> int:
        """Number of frames that the selection names, known without decoding."""
        return len(self._ordinals)

    @property
    def names(self) -> tuple[str, ...]:
        """``Frame.name`` of the selected frames, where each is a file or a page of its own."""
        return tuple(self.info.names[ordinal] for ordinal in self._ordinals) if self.info.names else ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read, in order."""
        return self._source.files(self._ordinals)

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Every file that the input is made of, whether it is selected or not."""
        return self._source.files(range(self.info.frames))

    def stamps(self) -> Iterator[int]:
        """Presentation time stamps of the selected frames, known without decoding."""
        base = self.info.time_base
        return (round(self._source.seconds_of(ordinal) / base) for ordinal in self._ordinals)

    def frames_at(self, indices: Sequence[int]) -> list[Frame]:
        """Single frames by ``Frame.index``, in the order asked for; undecodable ones are left out.

        Raises:
            IndexError: when the selection has no such index.
        """
        ordinals = [self._ordinals[index] for index in indices]
        found = {frame.index: frame for frame in self._numbered(self._source.pictures_at(ordinals))}
        return [found[index] for index in (self._ordinals.index(n) for n in ordinals) if index in found]

    def index_at(self, moment: Selection, text: str) -> int:
        """``Frame.index`` of the frame that is shown at a moment; of skipped frames, that of the one before.

        Args:
            moment: whose start is meant.
            text: what was written, for the message.

        Raises:
            UsageError: it lies outside the selection.
        """
        ordinal = moment.first_ordinal(self._source)
        if moment.start is not None:
            shown_at = self._source.seconds_of(0) + moment.start
            count = self.info.frames
            lasts = Fraction(self.info.duration_seconds).limit_denominator(1_000_000)
            inside = ordinal < count or moment.start < lasts
            if inside and (ordinal == count or self._source.seconds_of(ordinal) > shown_at):
                ordinal -= 1
        place = (ordinal - self._ordinals.start) // self._ordinals.step
        if not 0 <= place < len(self._ordinals):
            raise UsageError(
                f"the moment {text} lies outside what is looked at: {self.info.path.name} has "
                f"{self.info.frames} frames in {self.info.duration_seconds:.3f} seconds, of which "
                f"{self._ordinals[0]} to {self._ordinals[-1]} are taken"
            )
        return place

    def part(self, start: int, stop: int) -> Iterator[Frame]:
        """Decodes the frames from one ``Frame.index`` to before another, in order."""
        return self._numbered(self._source.pictures(self._ordinals[start:stop]))

    def frames_to_follow(self, indices: Sequence[int], last: int) -> list[Frame]:
        """``frames_at``; of those up to the last, the whole group is held for the next ``backwards``.

        Args:
            indices: see ``frames_at``.
            last: from where ``backwards`` will go; it is among the frames that are held.
        """
        found: dict[int, Frame] = {}
        for index in sorted(set(indices)):
            first = self.first_of_group(index)
            stop = self._end_of_group(index, last)
            if index > last or stop - first > LONGEST_GROUP:
                found |= {frame.index: frame for frame in self.frames_at([index])}
                continue
            if first not in self._groups:
                self._groups[first] = Group(self.part(first, stop), stop)
            found |= {frame.index: frame for frame in self._groups[first].backwards(index, index + 1)}
        return [found[index] for index in indices if index in found]

    def backwards(self, start: int, stop: int) -> Iterator[Frame]:
        """Decodes the frames of ``part`` from the last to the first; of each, the RGB picture only.

        Each group of pictures is decoded once, and kept in a temporary file where it is large; groups of more
        than ``LONGEST_GROUP`` frames are decoded again for each so many. What is held is not decoded again.
        """
        while stop > start:
            first = self.first_of_group(stop - 1)
            held = self._groups.pop(first, None)
            if held is None or held.stop < stop:
                first = max(first, start, stop - LONGEST_GROUP)
                held = Group(self.part(first, stop), stop)
            with held:
                yield from held.backwards(start, stop)
            stop = first

    def first_of_group(self, index: int) -> int:
        """``Frame.index`` of the first selected frame of the group of pictures that a frame is in."""
        key = self._source.group_start(self._ordinals[index])
        return max(0, -((self._ordinals.start - key) // self._ordinals.step))

    def _end_of_group(self, index: int, last: int) -> int:
        """Behind the last selected frame of a group of pictures, as far as some frame."""
        first = self.first_of_group(index)
        behind = range(index + 1, min(last, first + LONGEST_GROUP) + 1)
        return next((k for k in behind if self.first_of_group(k) != first), max(index, last) + 1)

    def _numbered(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame.numbered(self._ordinals.index(frame.index), frame.index)


def open_source(
    source: Path | str,
    selection: Selection | None = None,
    *,
    stream_index: int | None = None,
    deinterlace: bool = False,
    progress: Report = no_report,
    only_first: bool = False,
) -> Reader:
    """Opens a video, an image, a folder of images, or a pattern of images.

    Args:
        source: the file, folder or pattern.
        selection: which frames are wanted; None for all.
        stream_index: see ``find_source``.
        deinterlace: see ``find_source``.
        progress: see ``find_source``.
        only_first: see ``find_source``.

    Raises:
        InputError: when there is nothing that can be read, or images of different sizes.
        UsageError: when the selection holds no frame.
    """
    found = find_source(
        source,
        stream_index=stream_index,
        deinterlace=deinterlace,
        progress=progress,
        only_first=only_first,
    )
    return Reader(found, selection or Selection())


SPOOLED = "sa2va.input"
"""What the temporary file of a stream is hidden from: its name says which process made it (``staging``)."""


def spool(stream: BinaryIO, folder: Path | None = None) -> Path:
    """Copies a stream, such as standard input, into a temporary file, since video must be read out of order.

    Args:
        stream: read to its end.
        folder: where to put the file; the system's temporary folder by default.

    Returns:
        The file; the caller deletes it.

    Raises:
        InputError: when the stream is empty.
        OutputError: when there is no space for it.
    """
    place = Path(require_temporary_folder()) if folder is None else folder
    path = staged(place / SPOOLED)
    try:
        # Only its owner may read it: temporary folders are everybody's.
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(number, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = "no space left" if error.errno == errno.ENOSPC else error.strerror or str(error)
            raise OutputError(
                f"cannot keep the input in {place}: {reason}; set TMPDIR to another folder"
            ) from error
        raise
    if path.stat().st_size == 0:
        path.unlink()
        raise InputError("standard input: nothing came in")
    return path
