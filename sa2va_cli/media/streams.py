"""What a media file holds, stream by stream, as its container and the first pictures say.

Knows nothing about which stream is the main video, nor about frames and times.
"""

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from sa2va_cli.errors import InputError
from sa2va_cli.media.containers import open_container


@dataclass(frozen=True)
class StreamFacts:
    """One stream.

    Attributes:
        index: its number in the file.
        kind: ``video``, ``audio``, ``subtitle``, ``data`` or ``attachment``.
        codec: as FFmpeg spells it; None for one that it does not know.
        profile: of the codec; None for none.
        language: as the container says; None for nothing.
        title: the same.
        seconds: its length as the container states it; None where it does not.
        size: (width, height) of a video's stored pictures.
        pixel_format: of a video, as FFmpeg spells it.
        rate: frames per second of a video as the container states it.
        matrix: of a video, as it is tagged, by its number in ITU-T H.273; 2 for unspecified.
        sample_rate: of sound.
        channels: of sound, such as ``stereo``.
        cover: whether it is a picture that goes with the file, not a video.
    """

    index: int
    kind: str
    codec: str | None = None
    profile: str | None = None
    language: str | None = None
    title: str | None = None
    seconds: float | None = None
    size: tuple[int, int] | None = None
    pixel_format: str | None = None
    rate: Fraction | None = None
    matrix: int | None = None
    sample_rate: int | None = None
    channels: str | None = None
    cover: bool = False


@dataclass(frozen=True)
class ContainerFacts:
    """A media file.

    Attributes:
        format: of the container, as FFmpeg spells it.
        bytes: size of the file.
        bit_rate: bits per second, all streams together; None where it is not known.
        streams: in order.
    """

    format: str
    bytes: int
    bit_rate: int | None
    streams: tuple[StreamFacts, ...]

    def of_kind(self, kind: str) -> tuple[StreamFacts, ...]:
        """The streams of one kind."""
        return tuple(one for one in self.streams if one.kind == kind)


def container_facts(path: Path) -> ContainerFacts | None:
    """Describes a media file; None for what FFmpeg does not open."""
    try:
        with open_container(path) as container:
            streams = tuple(_stream_facts(stream) for stream in container.streams)
            rate = container.bit_rate or None
            return ContainerFacts(container.format.name, path.stat().st_size, rate, streams)
    except (InputError, OSError):
        return None


def _stream_facts(stream: Any) -> StreamFacts:
    context = stream.codec_context
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    common: dict[str, Any] = {
        "index": stream.index,
        "kind": stream.type,
        "codec": None if context is None else context.name,
        "profile": None if context is None else getattr(context, "profile", None),
        "language": tags.get("language") if tags.get("language") != "und" else None,
        "title": tags.get("title") or tags.get("name"),
        "seconds": seconds,
    }
    if context is not None and stream.type == "video":
        art = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
        rate = stream.average_rate or stream.guessed_rate
        common |= {
            "size": (context.width, context.height),
            "pixel_format": context.pix_fmt,
            "rate": Fraction(rate) if rate else None,
            "matrix": int(context.colorspace),
            "cover": bool(stream.disposition & art),
        }
    if context is not None and stream.type == "audio":
        with suppress(AttributeError, ValueError):
            common |= {"sample_rate": context.sample_rate or None, "channels": context.layout.name or None}
    return StreamFacts(**common)
