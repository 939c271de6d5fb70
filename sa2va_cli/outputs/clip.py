"""What outputs need to know about the input."""

from dataclasses import dataclass, field

from sa2va_cli.datatypes import Frame, Prompt
from sa2va_cli.media.reader import Reader
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.outputs.drawing import Drawing


@dataclass(frozen=True)
class Clip:
    """What sinks need to know about the input.

    Attributes:
        reader: open; can be iterated again for a second look at the frames.
        stem: the name that outputs are derived from.
        prompts: what was looked for, found or not.
        drawing: how it is drawn.
    """

    reader: Reader
    stem: str
    prompts: tuple[Prompt, ...] = ()
    drawing: Drawing = field(default_factory=Drawing)

    @property
    def info(self) -> SourceInfo:
        """What was found out about the input."""
        return self.reader.info

    def frame_name(self, frame: Frame) -> str:
        """The name of a frame's own file, without its ending."""
        if frame.name is not None:
            return frame.name
        return self.stem if self.info.kind == "image" else f"{frame.index:05d}"
