"""The times of a video's frames, found by reading its packets without decoding them.

One integer per frame is kept, as it is what makes frame numbers exact for every container.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

_MOST_ERRORS = 1000
"""Consecutive failed reads after which a file is taken to be over."""


@dataclass(frozen=True)
class Timeline:
    """When each frame is shown.

    Attributes:
        stamps: presentation time stamps in order of presentation; the position in it is a frame's ordinal.
        keys: those of them from which decoding can begin, ascending.
        time_base: seconds per unit of the stamps.
        rate: frames per second on average.
        last: for how many units the last frame is shown.
        counted: whether decoded frames carry no trustworthy stamps and get theirs by counting.
        damage: what the container promises and does not hold, one line; empty if nothing.
        promised: number of frames that the container promises.
        jumps: whether the container's stamps start over on the way and were replaced.
    """

    stamps: Sequence[int] = field(repr=False)
    keys: Sequence[int] = field(repr=False)
    time_base: Fraction
    rate: Fraction
    last: int
    counted: bool
    damage: str = ""
    promised: int = 0
    jumps: bool = False

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's beginning to the last one's end."""
        return (self.stamps[-1] - self.stamps[0] + self.last) * self.time_base

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first frame at or after a time, counted from the first frame's time."""
        limit = self.stamps[0] + seconds / self.time_base
        return bisect_left(self.stamps, limit)

    def ordinal_of(self, stamp: int | None, previous: int) -> int:
        """Number of the frame with a stamp; the next number where stamps are missing or repeated."""
        if self.counted or stamp is None:
            return previous + 1
        return max(bisect_left(self.stamps, stamp), previous + 1)

    def key_before(self, ordinal: int) -> int | None:
        """Stamp of the last key frame at or before a frame; None to decode from the beginning."""
        if self.counted or not 0 <= ordinal < len(self.stamps):
            return None
        position = bisect_right(self.keys, self.stamps[ordinal]) - 1
        return self.keys[position] if position > 0 else None


def packets(container: Any, streams: Any) -> Iterator[Any]:
    """Demuxes past read errors; ends with the flushing packets, as PyAV's ``demux`` does."""
    for _ in range(_MOST_ERRORS):
        try:
            yield from container.demux(streams)
        except av.FFmpegError:
            continue
        return


def is_shown(packet: Any, codec: str) -> bool:
    """Whether a packet becomes a visible frame."""
    if packet.size == 0 or packet.is_discard:
        return False
    # VP8's alternative reference frames are packets of their own; bit 4 is show_frame (RFC 6386, 9.1).
    return codec != "vp8" or bool(memoryview(packet)[0] & 0x10)


def scan(container: Any, stream: Any, look: Callable[[Any], None]) -> Timeline | None:
    """Reads all packets of a video stream.

    Args:
        container: PyAV's input container, at its beginning.
        stream: its video stream.
        look: called with each packet, so that the first frame can be decoded on the way.

    Returns:
        The timeline; None when there are no frames.
    """
    stamps, decoding, keys = array("q"), array("q"), array("q")
    codec = stream.codec_context.name
    started, back, timeless, last = False, False, False, 0
    for packet in packets(container, stream):
        look(packet)
        started = started or packet.is_keyframe
        if not started or not is_shown(packet, codec):
            continue
        if packet.pts is not None:
            stamps.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        if packet.dts is not None:
            # More than a second back in decoding order: time stamps start over, as in joined recordings.
            back = back or (bool(decoding) and (decoding[-1] - packet.dts) * stream.time_base > 1)
            decoding.append(packet.dts)
        elif packet.pts is None:
            timeless = True
            decoding.append(0)
        last = packet.duration or last
    if not stamps and not decoding:
        return None
    # AVI stores the order of decoding only; FFmpeg passes it off as time stamps.
    untimed = container.format.name == "avi" or len(stamps) < len(decoding)
    if back or timeless:
        return _even(stream, len(decoding), stamps, jumps=back)
    if untimed:
        return _timeline(container, stream, array("q", sorted(decoding)), array("q"), last, counted=True)
    return _timeline(container, stream, array("q", sorted(stamps)), array("q", sorted(keys)), last)


def _timeline(
    container: Any, stream: Any, stamps: Any, keys: Any, last: int, *, counted: bool = False
) -> Timeline:
    span, count = stamps[-1] - stamps[0], len(stamps)
    mean = round(span / (count - 1)) if count > 1 else 0
    if counted or not 0 < last <= 100 * max(mean, 1):
        last = mean
    if not last:
        last = max(1, round(1 / (_stated_rate(stream) * stream.time_base)))
    rate = _nearest(count / ((span + last) * stream.time_base), stream)
    damage, promised = _promises(container, stream, count, (stamps[-1] + last) * stream.time_base)
    return Timeline(stamps, keys, stream.time_base, rate, last, counted, damage, promised)


def _even(stream: Any, count: int, stamps: Any, *, jumps: bool) -> Timeline:
    """A timeline by counting at the stated rate, for stamps that cannot be ordered."""
    rate = _stated_rate(stream)
    start = round(stamps[0] * stream.time_base * rate) if stamps else 0
    even = array("q", range(start, start + count))
    return Timeline(even, array("q"), 1 / rate, rate, 1, counted=True, promised=count, jumps=jumps)


def _stated_rate(stream: Any) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate:
            return Fraction(rate)
    return Fraction(25)


def _nearest(measured: Fraction, stream: Any) -> Fraction:
    """The stated rate where it agrees with the measured one (containers round times), else the measured."""
    rates = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    close = [rate for rate in rates if abs(rate / measured - 1) < Fraction(1, 500)]
    if close:  # whole rates and those of NTSC, if one is stated, before what a container has computed
        return next((rate for rate in close if rate.denominator in (1, 1001)), close[0])
    return measured.limit_denominator(100_000)


def _promises(container: Any, stream: Any, count: int, end: Fraction) -> tuple[str, int]:
    """What the container's own index says against what was found: (a line, number of frames)."""
    if "mp4" in container.format.name and stream.frames > count:
        promised = sum(not entry.is_discard for entry in stream.index_entries)
        if promised > count:
            return f"the file is damaged: it holds {count} of {promised} frames", promised
    if "matroska" in container.format.name:
        stated = _stated_seconds(container, stream)
        if stated is not None and stated - end > max(Fraction(1), stated / 20):
            text = f"the file ends early: it holds {float(end):.1f} of {float(stated):.1f} seconds"
            return text, count
    return "", count


def _stated_seconds(container: Any, stream: Any) -> Fraction | None:
    tag = stream.metadata.get("DURATION") or stream.metadata.get("DURATION-eng")
    if tag:
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
        except ValueError:
            return None
    if container.duration and not container.streams.audio:
        return Fraction(container.duration, av.time_base)
    return None
