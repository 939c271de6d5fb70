"""What a model sees of inputs: frames of a video, an image, or the images of a folder.

Of several inputs, those that cannot be read are left out, and told. Knows nothing about models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.conversation import Pictures
from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError
from sa2va_cli.events import Notice, Report, no_report
from sa2va_cli.media.probe import image_files_and_notes
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.asking_job import SeenFrames, Unread, Viewing
from sa2va_cli.pipeline.keyframes import first_of_parts, read_keyframes
from sa2va_cli.pipeline.opening import opened, report_warnings
from sa2va_cli.pipeline.search import Search

STILL = ("image", "images")
"""Kinds of inputs that have no time."""


@dataclass(frozen=True, eq=False)
class Viewed:
    """An input that was looked at.

    Attributes:
        source: as it was given.
        kind: ``video``, ``image`` or ``frames``; ``images``: a folder of single images.
        frames: those that the model sees.
        regions: (n, H, W) bool, what questions call region1, region2 and so on; None for none.
        unread: images of a folder that are not among them because they could not be read.
    """

    source: str
    kind: str
    frames: tuple[Frame, ...]
    regions: NDArray[np.bool_] | None = field(default=None, repr=False)
    unread: tuple[Unread, ...] = ()

    @property
    def pictures(self) -> Pictures:
        """What is shown to the model."""
        images = tuple(frame.image for frame in self.frames)
        if self.kind in STILL:
            return Pictures(images)
        return Pictures(images, video=True, seconds=tuple(frame.seconds for frame in self.frames))

    @property
    def facts(self) -> SeenFrames:
        """What was seen, for a result."""
        numbers = tuple(number_of(frame) for frame in self.frames)
        if self.kind == "images":
            numbers = tuple(range(len(self.frames)))
        seconds = () if self.kind in STILL else tuple(frame.seconds for frame in self.frames)
        return SeenFrames(self.source, self.kind, numbers, seconds)


def number_of(frame: Frame) -> int:
    """The number of a frame in its source."""
    return frame.index if frame.source_index is None else frame.source_index


def viewed(source: str, reader: Reader, search: Search, *, apart: bool = False) -> Viewed:
    """Looks at an open input; of a video, ``apart`` chooses frames as chat models without masks are shown."""
    indices = None
    if apart and search.sampling == "uniform":
        indices = first_of_parts(reader.count_selected(), search.keyframes)
    return Viewed(source, reader.info.kind, tuple(read_keyframes(reader, search, indices)))


def view(source: str, viewing: Viewing, report: Report = no_report, *, apart: bool = False) -> Viewed:
    """Opens an input, looks at it, and closes it.

    Args:
        source: of the input.
        viewing: which frames are looked at.
        report: is told what a person should know.
        apart: whether it is for a chat model without masks: images of a folder or pattern are several
            images, of any sizes, and no video's frames, and of a video other frames are shown. Those that
            cannot be read are left out, and told.

    Raises:
        InputError: it cannot be read.
        UsageError: the range cannot be meant.
    """
    search = viewing.search("?")
    files, notes = image_files_and_notes(source) if apart else ([], [])
    if files:
        for note in notes:
            report(Notice(note, "warning"))
        return _images(source, files, viewing, report)
    with opened(source, search, report) as reader:
        shown = viewed(source, reader, search, apart=apart)
        report_warnings(reader, report)
        return shown


def _images(source: str, files: Sequence[Path], viewing: Viewing, report: Report) -> Viewed:
    """Several images as one input.

    Raises:
        InputError: none of them can be read.
    """
    seen, unread = _readable([str(file) for file in files], viewing, report)
    if unread:
        told = f"{len(unread)} of {len(files)} images could not be read; the first: {unread[0].error}"
        if not seen:
            raise InputError(f"{source}: {told}")
        report(Notice(told, "warning"))
    return Viewed(source, "images", tuple(frame for one in seen for frame in one.frames), unread=unread)


def _readable(
    sources: Sequence[str], viewing: Viewing, report: Report, *, apart: bool = False
) -> tuple[tuple[Viewed, ...], tuple[Unread, ...]]:
    """Looks at inputs, and tells which of them cannot be read."""
    seen, unread = [], []
    for source in sources:
        try:
            seen.append(view(source, viewing, report, apart=apart))
        except InputError as error:
            unread.append(Unread(source, error.command_line))
    return tuple(seen), tuple(unread)


def view_all(
    sources: Sequence[str], viewing: Viewing, report: Report = no_report, *, apart: bool = False
) -> tuple[tuple[Viewed, ...], tuple[Unread, ...]]:
    """Opens inputs that are asked about together; those that cannot be read are left out, and told.

    Args:
        sources: of the inputs.
        viewing: see ``view``.
        report: is told of each that is left out.
        apart: see ``view``.

    Returns:
        what can be seen, and what cannot, the images of folders among it.

    Raises:
        InputError: there are inputs, and none can be read.
        UsageError: see ``view``.
    """
    if len(sources) == 1:  # the error of one input is its own
        alone = view(sources[0], viewing, report, apart=apart)
        return (alone,), alone.unread
    seen, unread = _readable(sources, viewing, report, apart=apart)
    if unread and not seen:
        raise InputError(f"none of {len(unread)} inputs can be read; the first: {unread[0].error}")
    for one in unread:
        report(Notice(f"left out: {one.error}", "warning"))
    return seen, (*unread, *(missing for one in seen for missing in one.unread))
