"""What outputs need to know about the input."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from sa2va_cli.datatypes import Frame, Prompt, Yuv420
from sa2va_cli.media.encodings import ENCODINGS
from sa2va_cli.media.metadata import Metadata
from sa2va_cli.media.reader import Reader
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.forms import Form


@dataclass(frozen=True)
class Clip:
    """What sinks need to know about the input.

    Attributes:
        reader: open; can be iterated again for a second look at the frames.
        stem: the name that outputs are derived from.
        prompts: what was looked for, found or not.
        drawing: how it is drawn.
        form: how the output is stored; None for as the input is.
        by_source_number: whether pictures of a video's frames are called by their numbers in the source, not
            by their places among those that were looked at.
        strip_metadata: whether outputs say nothing of what the source's container says: title, dates, place,
            device, timecode, chapters.
        sheet: the frames that contact sheets show; None for some that are spread over the clip.
    """

    reader: Reader
    stem: str
    prompts: tuple[Prompt, ...] = ()
    drawing: Drawing = field(default_factory=Drawing)
    form: Form | None = None
    by_source_number: bool = False
    strip_metadata: bool = False
    sheet: tuple[int, ...] | None = None

    @property
    def metadata(self) -> Metadata:
        """What the source's container says of the selection, as far as outputs may say it."""
        return Metadata() if self.strip_metadata else self.reader.metadata

    @cached_property
    def info(self) -> SourceInfo:
        """What was found out about the input; as an ordinary one where it is tone-mapped."""
        info = self.reader.info
        return replace(info, colour=None, depth=8) if self.is_tone_mapped else info

    @property
    def is_tone_mapped(self) -> bool:
        """Whether high dynamic range becomes ordinary video before anything is drawn."""
        return self.drawing.tonemap and self._is_high_range

    @property
    def _is_high_range(self) -> bool:
        colour = self.reader.info.colour
        return colour is not None and colour.high_range is not None

    def check_tonemap(self) -> None:
        """Warns where tone-mapping was asked for and there is nothing to map."""
        if self.drawing.tonemap and not self._is_high_range:
            self.reader.warn(
                "--tonemap has no effect: the source is no video of high dynamic range (PQ or HLG)"
            )

    def frame_name(self, frame: Frame) -> str:
        """The name of a frame's own file, without its ending."""
        if frame.name is not None:
            return frame.name
        if self.info.kind == "image":
            return self.stem
        own = frame.source_index if self.by_source_number else None
        return f"{frame.index if own is None else own:05d}"

    def number(self, frame: Frame) -> int:
        """The number of a frame's own file: as it was asked for, or else as in the input's files."""
        form = self.form
        if form is not None and form.first_number is not None:
            return form.first_number + frame.index
        place = frame.index if frame.source_index is None else frame.source_index
        if place < len(self.info.numbers):
            return self.info.numbers[place]
        return (form.otherwise_first if form and form.otherwise_first is not None else 0) + frame.index

    def canvas(self, frame: Frame) -> NDArray[Any] | Yuv420:
        """What is drawn on: the source's own planes where the output can hold them, else RGB."""
        picture = frame.picture
        return frame.image if isinstance(picture, Yuv420) and not self._takes(picture) else picture

    def _takes(self, planes: Yuv420) -> bool:
        """Whether the output holds such planes, or RGB of them, and can say what high dynamic range means."""
        if self.form is None:
            return True
        if self.form.codec is None:  # files and folders of pictures
            return False
        encoding = ENCODINGS[self.form.codec]
        holds = encoding.rgb_bits > 0 or planes.depth <= encoding.plane_bits
        return holds and (encoding.tagged or not planes.colour.high_range)
