"""What a kind of output is; the table of all of them is ``kinds.KINDS``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.datatypes import FoundObject, Frame, Prompt, Sink
from sa2va_cli.media.reader import Reader
from sa2va_cli.media.source import SourceInfo

Objects = tuple[FoundObject, ...]
FOLDER = ""
"""Stands among file name endings for a folder."""

VIDEO_ENDINGS = (".mp4", ".mov", ".mkv", ".m4v")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Clip:
    """What sinks need to know about the input.

    Attributes:
        reader: open; can be iterated again for a second look at the frames.
        stem: the name that outputs are derived from.
        prompts: what was looked for, found or not.
    """

    reader: Reader
    stem: str
    prompts: tuple[Prompt, ...] = ()

    @property
    def info(self) -> SourceInfo:
        """What was found out about the input."""
        return self.reader.info

    def frame_name(self, frame: Frame) -> str:
        """The name of a frame's own file, without its ending."""
        if frame.name is not None:
            return frame.name
        return self.stem if self.info.kind == "image" else f"{frame.index:05d}"


@dataclass(frozen=True)
class OutputKind:
    """One thing that can be saved.

    Attributes:
        text: what it is, for ``--help``.
        make: builds the sink for a path; None for what the run itself writes.
        video: endings allowed for a video, the default first.
        image: likewise for one image.
        frames: likewise for a folder of frames.
        for_each_prompt: whether there is one for each prompt where names have ``{prompt}``.
    """

    text: str
    make: Callable[[Path, Clip, Objects], Sink] | None
    video: tuple[str, ...] = VIDEO_ENDINGS
    image: tuple[str, ...] = PICTURE_ENDINGS
    frames: tuple[str, ...] = (FOLDER,)
    for_each_prompt: bool = True

    def endings(self, source_kind: str) -> tuple[str, ...]:
        """Returns the endings allowed for a kind of input."""
        return {"video": self.video, "image": self.image, "frames": self.frames}[source_kind]
