"""Reads back what was written: all packets for their times, and a few decoded pictures.

Knows nothing about what was meant.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from sa2va_cli.media.containers import open_container, video_stream
from sa2va_cli.media.conversion import UNSPECIFIED, depth_of
from sa2va_cli.media.decoding import Decoder
from sa2va_cli.media.fields import FieldOrder, field_order_of
from sa2va_cli.media.metadata import read_metadata
from sa2va_cli.media.timeline import packets, stated_end
from sa2va_cli.written import ColourTags, Sample, points

_MOST_PACKETS = 200
"""Packets after which a picture that has not come out of the decoder is given up."""


@dataclass(frozen=True)
class SoundTrack:
    """One sound track.

    Attributes:
        end: when its last packet ends, in seconds; None where it holds none.
        packet: seconds of its longest packet.
    """

    end: Fraction | None
    packet: Fraction


@dataclass(frozen=True)
class ReadBack:
    """What a video file holds.

    Attributes:
        size: (width, height) as decoded, not turned.
        stamps: when each packet is shown, in ``unit``, rising.
        unit: seconds per unit of the container's clock, to which times are rounded.
        end: when the last picture ends, in seconds; None where the container does not say.
        aspect: width of a pixel over its height.
        tags: as decoded.
        timecode: of the first picture; None for none.
        field_order: of the first picture that was decoded; None for whole ones.
        sound: its tracks.
        samples: values of the pictures that were asked for, by their place among these; those that could not
            be decoded are missing.
    """

    size: tuple[int, int]
    stamps: Sequence[int] = field(repr=False)
    unit: Fraction
    end: Fraction | None
    aspect: Fraction
    tags: ColourTags | None
    timecode: str | None
    field_order: FieldOrder | None
    sound: tuple[SoundTrack, ...]
    samples: dict[int, Sample] = field(repr=False)


def read_back(path: Path, wanted: Iterable[Fraction] = ()) -> ReadBack:
    """Reads a video file.

    Args:
        path: the file.
        wanted: when the pictures are shown that are to be decoded, in seconds.

    Raises:
        InputError: it cannot be read.
    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        stamps, sound = _scan(container, stream)
        unit = stream.time_base
        samples: dict[int, Sample] = {}
        tags: ColourTags | None = None
        field_order: FieldOrder | None = None
        decoder = Decoder(stream, threads="SLICE", thread_count=1)
        for place, seconds in enumerate(wanted):
            frame = _frame_at(container, stream, decoder, round(seconds / unit))
            if frame is not None:
                if not samples:
                    field_order = field_order_of(frame)
                samples[place] = sample_of(frame)
                tags = tags or _stated_tags(frame, stream.codec_context)
        context = stream.codec_context
        return ReadBack(
            size=(context.width, context.height),
            stamps=stamps,
            unit=unit,
            end=stated_end(container, stream) if "mp4" in container.format.name else None,
            aspect=stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1),
            tags=tags,
            timecode=read_metadata(container, stream).timecode,
            field_order=field_order,
            sound=sound,
            samples=samples,
        )


def sound_tracks(path: Path) -> tuple[SoundTrack, ...]:
    """The sound tracks of a file.

    Raises:
        InputError: it cannot be read.
    """
    with open_container(path) as container:
        return _scan(container, None)[1]


def _scan(container: Any, stream: Any) -> tuple[Sequence[int], tuple[SoundTrack, ...]]:
    """Sorted presentation stamps of a video stream, and the sound."""
    stamps = array("q")
    ends: dict[int, Fraction] = {}
    longest: dict[int, Fraction] = {}
    tracks = list(container.streams.audio)
    for packet in packets(container, [*([] if stream is None else [stream]), *tracks]):
        if packet.size == 0 or packet.pts is None:
            continue
        if stream is not None and packet.stream_index == stream.index:
            if not packet.is_discard:
                stamps.append(packet.pts)
            continue
        duration = (packet.duration or 0) * packet.time_base
        number = packet.stream_index
        ends[number] = max(ends.get(number, Fraction(0)), packet.pts * packet.time_base + duration)
        longest[number] = max(longest.get(number, Fraction(0)), duration)
    sound = tuple(SoundTrack(ends.get(t.index), longest.get(t.index, Fraction(0))) for t in tracks)
    return array("q", sorted(stamps)), sound


def _frame_at(container: Any, stream: Any, decoder: Decoder, stamp: int) -> Any:
    """The picture with a stamp, from which decoding can begin; None where it does not come."""
    try:
        decoder.restart()
        container.seek(stamp, stream=stream)
        for number, packet in enumerate(container.demux(stream)):
            for frame in decoder.decode(packet):
                if frame.pts is not None and frame.pts >= stamp:
                    return frame if frame.pts <= stamp + 1 else None
            if number > _MOST_PACKETS:
                break
    except av.FFmpegError:
        return None
    return None


def sample_of(frame: Any) -> Sample:
    """A few values of a frame with luma in a plane of its own; of others, of their red."""
    depth = depth_of(frame)
    planar = frame.format.is_planar and not frame.format.is_rgb
    if not planar and frame.format.name not in ("gray", "gray16le", "gray10le", "gray12le"):
        has_alpha = any(part.is_alpha for part in frame.format.components)
        values = frame.reformat(format="rgba64le" if depth > 8 else "rgba", threads=1).to_ndarray()
        top = 65535 if depth > 8 else 255
        return Sample(points(values[..., 0], top), points(values[..., 3], top) if has_alpha else None)
    alpha = points(_values(frame.planes[3], depth), 2**depth - 1) if len(frame.planes) == 4 else None
    return Sample(points(_values(frame.planes[0], depth), 2**depth), alpha)


def tags_of(frame: Any) -> ColourTags:
    """What a frame says about its values."""
    return ColourTags(
        int(frame.colorspace),
        int(frame.color_primaries),
        int(frame.color_trc),
        frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj"),
    )


def _stated_tags(frame: Any, context: Any) -> ColourTags:
    """What a decoded frame says; where it is silent, what its container does, which some decoders miss."""
    own = tags_of(frame)
    return replace(
        own,
        primaries=int(context.color_primaries) if own.primaries == UNSPECIFIED else own.primaries,
        transfer=int(context.color_trc) if own.transfer == UNSPECIFIED else own.transfer,
    )


def _values(plane: Any, depth: int) -> NDArray[Any]:
    kind = np.dtype(np.uint8 if depth == 8 else "<u2")
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: plane.height, : plane.width]
