"""Compares a file with the source that it was made of: frames, times, size, colour, fields, timecode, sound.

Pixels are not compared: a matte shows something else than its source.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from sa2va_cli.media.conversion import UNSPECIFIED
from sa2va_cli.media.probe import find_source
from sa2va_cli.media.readback import sound_tracks
from sa2va_cli.media.source import Source
from sa2va_cli.media.streams import container_facts
from sa2va_cli.media.video import VideoSource
from sa2va_cli.written import ColourTags

_SOUND = Fraction(1, 10)
"""Seconds by which sound may differ in length beside a packet of each: encoders fill and prime packets."""

_CLOCK = Fraction(1, 1000)
"""Seconds to which some containers round times."""


@dataclass(frozen=True)
class Difference:
    """One thing in which two inputs differ.

    Attributes:
        what: ``frames``, ``times``, ``size``, ``aspect``, ``colour``, ``field order``, ``timecode`` or
            ``sound``.
        file: how it is in the file.
        source: how it is in the source.
        text: all of it for people.
    """

    what: str
    file: str
    source: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """What came of it.

    Attributes:
        differences: in order; empty where all is equal.
        offset: seconds by which the file's clock is ahead of the source's; None where one has no clock.
    """

    differences: tuple[Difference, ...]
    offset: float | None


def compare(file: Path | str, source: Path | str) -> Comparison:
    """Compares two inputs of any kinds.

    Args:
        file: what was made: a video, a picture, a folder or a pattern of pictures.
        source: what it was made of.

    Raises:
        InputError: one of them cannot be read.
    """
    one, other = find_source(file), find_source(source)
    timed = one.info.kind == other.info.kind == "video"
    offset = float(one.info.start_seconds - other.info.start_seconds) if timed else None
    found = list(_picture_differences(one, other))
    if timed:
        found += _time_differences(one, other)
        found += _video_differences(one, other)
    return Comparison(tuple(found), offset)


def _difference(what: str, file: object, source: object, unit: str = "") -> Difference:
    text = f"{what}: {file}{unit} in the file, {source}{unit} in the source"
    return Difference(what, str(file), str(source), text)


def _picture_differences(one: Source, other: Source) -> Iterator[Difference]:
    if one.info.frames != other.info.frames:
        yield _difference("frames", one.info.frames, other.info.frames)
    if one.info.size != other.info.size:
        yield _difference("size", "{}x{}".format(*one.info.size), "{}x{}".format(*other.info.size))
    # Files that only hold pictures say nothing of it, but for EXR and DPX.
    says = one.info.kind == "video" or one.info.sample_aspect_ratio != 1
    if says and abs(one.info.sample_aspect_ratio / other.info.sample_aspect_ratio - 1) > Fraction(1, 1000):
        yield _difference("aspect", one.info.sample_aspect_ratio, other.info.sample_aspect_ratio)


def _time_differences(one: Source, other: Source) -> Iterator[Difference]:
    """The first frame that is shown at another time, counted from the first one of each."""
    begins = one.info.start_seconds, other.info.start_seconds
    slack = _slack(one, other)
    for ordinal in range(min(one.info.frames, other.info.frames)):
        times = one.seconds_of(ordinal) - begins[0], other.seconds_of(ordinal) - begins[1]
        if abs(times[0] - times[1]) > slack:
            shown = [f"{float(seconds):.6f} s" for seconds in times]
            text = f"times: frame {ordinal} at {shown[0]} in the file, at {shown[1]} in the source"
            yield Difference("times", shown[0], shown[1], text)
            return
    if one.info.frames == other.info.frames:
        lengths = one.info.duration_seconds, other.info.duration_seconds
        # Where frames are stored out of order, an MP4 may not say for how long the last one is shown.
        usual = lengths[1] / max(1, other.info.frames)
        if abs(lengths[0] - lengths[1]) > max(1.5 * usual, float(_CLOCK)):
            yield _difference("duration", f"{lengths[0]:.3f}", f"{lengths[1]:.3f}", " s")


def _slack(one: Source, other: Source) -> Fraction:
    """By how much clocks that round may differ."""
    bases = one.info.time_base, other.info.time_base
    exact = any((a / b).denominator == 1 for a, b in (bases, bases[::-1]))
    return Fraction(0) if exact else max(_CLOCK, *bases) if max(bases) < 2 * _CLOCK else _CLOCK


def _video_differences(one: Source, other: Source) -> Iterator[Difference]:
    if not _is_grey(one):
        yield from _colour_differences(_tagged(one), _tagged(other))
        yield from _field_differences(one, other)
    codes = one.info.metadata.timecode, other.info.metadata.timecode
    if codes[0] != codes[1]:
        yield _difference("timecode", codes[0] or "none", codes[1] or "none")
    tracks = sound_tracks(one.info.path), sound_tracks(other.info.path)
    if len(tracks[0]) != len(tracks[1]):
        yield _difference("sound", len(tracks[0]), len(tracks[1]), " tracks")
        return
    begins = one.info.start_seconds, other.info.start_seconds
    for number, pair in enumerate(zip(*tracks, strict=True), 1):
        ends = [None if t.end is None else t.end - b for t, b in zip(pair, begins, strict=True)]
        if ends[0] is None or ends[1] is None:
            if ends[0] is not ends[1]:
                file, source = ("empty" if end is None else "not empty" for end in ends)
                yield _difference(f"sound {number}", file, source)
        elif abs(ends[0] - ends[1]) > _SOUND + pair[0].packet + pair[1].packet:
            yield _difference(f"sound {number}", f"{float(ends[0]):.3f}", f"{float(ends[1]):.3f}", " s")


def _is_grey(source: Source) -> bool:
    """Whether the first frame, such as a mask's, has no colours that tags could shift."""
    first = next(iter(source.pictures_at([0])), None)
    return first is not None and int(np.ptp(first.image.astype(np.int16), axis=2).max()) <= 1


def _tagged(source: Source) -> ColourTags | None:
    """What the stream says, not what is taken for it; None for values without luma and chroma."""
    colour = source.info.colour
    if colour is None or not isinstance(source, VideoSource):
        return None
    facts = container_facts(source.info.path)
    streams = () if facts is None else facts.streams
    matrix = next((one.matrix for one in streams if one.index == source.stream_index), None)
    stated = UNSPECIFIED if matrix is None else matrix
    return ColourTags(stated, colour.primaries, colour.transfer, colour.full_range)


def _field_differences(one: Source, other: Source) -> Iterator[Difference]:
    """Which field is shown first, where the file's codec has a place for it; masks are whole frames."""
    file, source = one.info.field_order, other.info.field_order
    if file != source and (file is not None or one.info.codec in _TELLING_FIELDS):
        yield _difference("field order", file or "progressive", source or "progressive")


_TELLING_FIELDS = ("h264", "hevc", "prores", "ffv1", "mpeg2video", "dvvideo", "dnxhd")
"""Codecs, by FFmpeg's names, whose files tell interlaced pictures from whole ones."""


def _colour_differences(one: ColourTags | None, other: ColourTags | None) -> Iterator[Difference]:
    """Tags that both state; values without luma and chroma have none."""
    if one is None or other is None:
        return
    for name in ("matrix", "primaries", "transfer"):
        file, source = getattr(one, name), getattr(other, name)
        if file != source and UNSPECIFIED not in (file, source):
            yield _difference(name, file, source)
    if one.full_range != other.full_range:
        file, source = ("full" if colour.full_range else "limited" for colour in (one, other))
        yield _difference("range", file, source)
