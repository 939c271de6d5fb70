"""What a container says beside its streams: timecode, title, dates, chapters.

Knows nothing about pictures or sound.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sa2va_cli.errors import UsageError
from sa2va_cli.media.timecode import Timecode, written

_TEXTS = (
    "title",
    "artist",
    "album",
    "author",
    "comment",
    "copyright",
    "date",
    "creation_time",
    "description",
    "genre",
    "keywords",
    "location",
    "make",
    "model",
    "synopsis",
    "com.apple.quicktime.creationdate",
    "com.apple.quicktime.location.iso6709",
    "com.apple.quicktime.make",
    "com.apple.quicktime.model",
    "reel_name",
)
"""What is carried over: what people or cameras wrote. What muxers wrote about themselves is not."""


@dataclass(frozen=True)
class Chapter:
    """A part of a clip with a name.

    Attributes:
        start: seconds on the source's clock.
        end: seconds on the source's clock.
        title: may be empty.
    """

    start: Fraction
    end: Fraction
    title: str = ""


@dataclass(frozen=True)
class Metadata:
    """What a container says.

    Attributes:
        texts: pairs of a name and a text.
        timecode: that of the first frame, as it is written; None where there is none.
        chapters: in order.
    """

    texts: tuple[tuple[str, str], ...] = ()
    timecode: str | None = None
    chapters: tuple[Chapter, ...] = field(default=())

    def cut(
        self, start: Fraction, end: Fraction | None, *, frames: int, rate: Fraction, to: Fraction
    ) -> "Metadata":
        """What it says of a part of the clip, whose clock begins at zero.

        Args:
            start: the part's beginning on the source's clock.
            end: its end; None for the source's.
            frames: how many frames of the source lie before the part.
            rate: frames per second of the source.
            to: frames per second of the part, fewer where frames are left out.
        """
        parts = []
        for chapter in self.chapters:
            first = max(chapter.start, start)
            last = chapter.end if end is None else min(chapter.end, end)
            if first < last:
                parts.append(Chapter(first - start, last - start, chapter.title))
        timecode = None
        if self.timecode is not None:
            with suppress(UsageError):  # one that its own rate does not allow is no use to anybody
                timecode = str((Timecode.parse(self.timecode, rate) + frames).at_rate(to))
        return Metadata(self.texts, timecode, tuple(parts))

    def write(self, container: Any) -> None:
        """Puts it into PyAV's output container, before the first packet."""
        for name, text in self.texts:
            container.metadata[name] = text
        if self.timecode is not None:
            container.metadata["timecode"] = self.timecode
        if self.chapters:
            container.set_chapters(
                [
                    {
                        "id": number,
                        "start": round(chapter.start * _CHAPTER_BASE),
                        "end": round(chapter.end * _CHAPTER_BASE),
                        "time_base": Fraction(1, _CHAPTER_BASE),
                        "metadata": {"title": chapter.title} if chapter.title else {},
                    }
                    for number, chapter in enumerate(self.chapters)
                ]
            )


_CHAPTER_BASE = 1000
"""Units per second of written chapters."""


def read_metadata(container: Any, stream: Any) -> Metadata:
    """What PyAV's input container says about itself and a video stream."""
    found = {key.lower(): str(value) for key, value in container.metadata.items()}
    texts = tuple((name, found[name]) for name in _TEXTS if found.get(name))
    places = [
        stream.metadata,
        container.metadata,
        *(s.metadata for s in container.streams if s.type == "data"),
    ]
    codes = [written(value) for place in places for key, value in place.items() if key.lower() == "timecode"]
    chapters = []
    for chapter in container.chapters():
        base = chapter["time_base"] or Fraction(1, 1000)
        title = {key.lower(): value for key, value in chapter["metadata"].items()}.get("title", "")
        chapters.append(Chapter(chapter["start"] * base, chapter["end"] * base, title))
    return Metadata(texts, codes[0] if codes else None, tuple(chapters))
