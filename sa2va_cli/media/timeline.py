"""The times of a video's frames, found by reading its packets, or the tables of them, without decoding.

One integer per frame is kept, as it is what makes frame numbers exact for every container.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from sa2va_cli.media.clock import Clock
from sa2va_cli.media.rates import Grid, commonest_rate, find_grid
from sa2va_cli.media.sample_tables import SampleTables
from sa2va_cli.media.tail import missing_bytes, track_seconds

_REORDERED = 4
"""Frames by which pictures are usually stored out of order, at most (pyramids of H.264 and H.265)."""

_MOST_ERRORS = 1000
"""Consecutive failed reads after which a file is taken to be over."""


@dataclass(frozen=True)
class Timeline:
    """When each frame is shown.

    Attributes:
        stamps: presentation time stamps in order of presentation; the position in it is a frame's ordinal.
        keys: those of them from which decoding can begin, ascending.
        time_base: seconds per unit of the stamps.
        rate: frames per second: the commonest step's where nearly all steps are alike, else on average.
        last: seconds for which the last frame is shown.
        counted: whether decoded frames carry no trustworthy stamps and get theirs by counting.
        grid: the exact times of frames that the container has rounded; None where stamps are exact.
        damage: what the container promises and does not hold, one line; empty if nothing.
        promised: number of frames that the container promises.
        offsets: seconds that are added to the times of each stretch of a clock that steps back.
        keyless: whether no packet is marked as a key frame, so that decoding begins with the first.
    """

    stamps: Sequence[int] = field(repr=False)
    keys: Sequence[int] = field(repr=False)
    time_base: Fraction
    rate: Fraction
    last: Fraction
    counted: bool
    grid: Grid | None = None
    damage: str = ""
    promised: int = 0
    offsets: tuple[Fraction, ...] = (Fraction(0),)
    keyless: bool = False

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def jumps(self) -> bool:
        """Whether the container's clock steps back on the way."""
        return len(self.offsets) > 1

    @property
    def constant(self) -> bool:
        """Whether all frames are shown equally long."""
        steps = {b - a for a, b in zip(self.stamps, self.stamps[1:], strict=False)}
        return self.grid.even if self.grid is not None else len(steps) <= 1

    @property
    def unit(self) -> Fraction:
        """Seconds per unit of ``pts``."""
        return self.time_base if self.grid is None else self.grid.unit

    def pts(self, ordinal: int) -> int:
        """When a frame is shown, in ``unit``; frames behind the last one follow at the mean rate."""
        inside = min(ordinal, len(self.stamps) - 1)
        shown = self.stamps[inside] if self.grid is None else self.grid.pts(inside)
        return shown + (ordinal - inside) * max(1, round(1 / self.rate / self.unit))

    def seconds(self, ordinal: int) -> Fraction:
        """When a frame is shown."""
        return self.pts(ordinal) * self.unit

    def shown_for(self, ordinal: int) -> Fraction:
        """Seconds for which a frame is shown."""
        if ordinal >= len(self.stamps) - 1:
            return self.last
        return self.seconds(ordinal + 1) - self.seconds(ordinal)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's beginning to the last one's end."""
        return self.seconds(len(self.stamps) - 1) - self.seconds(0) + self.last

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first frame at or after a time, counted from the first frame's time."""
        limit = self.seconds(0) + seconds
        return bisect_left(range(len(self.stamps)), limit, key=self.seconds)

    def ordinal_of(self, stamp: int | None, previous: int) -> int:
        """Number of the frame with a stamp; the next number where stamps are missing or repeated."""
        if self.counted or stamp is None:
            return previous + 1
        found = bisect_left(self.stamps, stamp)
        # Where a clock steps back among frames that are stored in another order than they are shown in, their
        # stamps are not in the order of pictures: one that is a little ahead is the next.
        if self.jumps and found <= previous + 1 + _REORDERED:
            return previous + 1
        return max(found, previous + 1)

    def undecodable(self, stamp: int | None, *, broadcast: bool) -> int:
        """How many frames at the beginning refer to what was cut off before them.

        Args:
            stamp: of the first frame that could be decoded.
            broadcast: whether it is a recording that may begin anywhere, also where no frame is whole.
        """
        if stamp is None or self.counted or self.jumps or not len(self.keys):
            return 0
        first = bisect_left(self.stamps, stamp)
        leads = first > 0 and self.stamps[first - 1] < self.keys[0]
        return first if first < len(self.stamps) and (leads or broadcast) else 0

    def without_first(self, count: int) -> "Timeline":
        """The same without so many frames at the beginning."""
        grid = self.grid
        if grid is not None:
            places = grid.places[count:]
            grid = Grid(grid.rate, grid.start + int(places[0]) / grid.rate, places - places[0])
        promised = self.promised - count
        return replace(self, stamps=self.stamps[count:], grid=grid, promised=promised)

    def key_before(self, ordinal: int) -> int | None:
        """Stamp of the last key frame at or before a frame; None to decode from the beginning."""
        if self.counted or self.jumps or not 0 <= ordinal < len(self.stamps):
            return None
        position = bisect_right(self.keys, self.stamps[ordinal]) - 1
        return self.keys[position] if position > 0 else None

    def group_start(self, ordinal: int) -> int:
        """Number of the frame with the stamp of ``key_before``."""
        key = self.key_before(ordinal)
        return 0 if key is None else bisect_left(self.stamps, key)


def packets(container: Any, streams: Any) -> Iterator[Any]:
    """Demuxes past read errors; ends with the flushing packets, as PyAV's ``demux`` does."""
    for _ in range(_MOST_ERRORS):
        try:
            yield from container.demux(streams)
        except (av.FFmpegError, ValueError):  # ValueError: what PyAV has no name for
            continue
        return


def is_shown(packet: Any, codec: str) -> bool:
    """Whether a packet becomes a visible frame."""
    if packet.size == 0 or packet.is_discard:
        return False
    # Theora's headers, which come again where files were joined, are told from frames by their highest bit
    # (Theora Specification, 6.1); VP8's alternative reference frames by show_frame (RFC 6386, 9.1).
    hidden = {"theora": (0x80, 0x80), "vp8": (0x10, 0)}.get(codec)
    return hidden is None or memoryview(packet)[0] & hidden[0] != hidden[1]


@dataclass
class _Seen:
    """What was seen of the shown packets, in order of decoding.

    Attributes:
        times: (piece, presentation stamp) of each packet that has one.
        decoding: decoding stamps.
        keys: presentation stamps of key frames.
        end: presentation stamp and duration of the packet that is shown last so far.
        timeless: whether a packet has neither kind of stamp.
    """

    times: list[tuple[int, int]] = field(default_factory=list)
    decoding: Any = field(default_factory=lambda: array("q"))
    keys: Any = field(default_factory=lambda: array("q"))
    end: tuple[int, int, int] = (0, -(2**62), 0)
    timeless: bool = False

    def add(self, packet: Any, piece: int, offset: int) -> None:
        if packet.pts is not None:
            shown = packet.pts + offset
            self.times.append((piece, shown))
            self.end = max(self.end, (piece, shown, packet.duration or 0))
            if packet.is_keyframe:
                self.keys.append(shown)
        if packet.dts is not None:
            self.decoding.append(packet.dts + offset)
        elif packet.pts is None:
            self.timeless = True
            self.decoding.append(0)


def scan(
    container: Any, stream: Any, look: Callable[[Any], None], most: int | None = None
) -> Timeline | None:
    """Reads all packets of a video stream.

    Args:
        container: PyAV's input container, at its beginning.
        stream: its video stream.
        look: called with each packet, so that the first frame can be decoded on the way.
        most: packets of frames that are read from a key frame on; None for all. The first time is right
            then, and no length is.

    Returns:
        The timeline; None when there are no frames.
    """
    seen, clock = _Seen(), Clock.of(container, stream)
    codec = stream.codec_context.name
    keyless = True  # so far: SWF marks no key frames, nor does APNG where all is blended
    for packet in packets(container, stream):
        look(packet)
        if keyless and packet.is_keyframe:
            keyless = False
            seen, clock = _Seen(), Clock.of(container, stream)
        if is_shown(packet, codec):
            seen.add(packet, *clock.place(packet))
        if most is not None and not keyless and len(seen.times) + seen.timeless * len(seen.decoding) >= most:
            break
    if not seen.times and not seen.decoding:
        return None
    if seen.timeless:
        return replace(_even(stream, len(seen.decoding), seen), keyless=keyless)
    # AVI stores the order of decoding only; FFmpeg passes it off as time stamps.
    if container.format.name == "avi" or len(seen.times) < len(seen.decoding):
        stamps = array("q", sorted(seen.decoding))
        line = _timeline(container, stream, stamps, array("q"), 0, clock, counted=True)
    else:
        stamps = _rising([stamp for _, stamp in sorted(seen.times)])
        line = _timeline(container, stream, stamps, array("q", sorted(seen.keys)), seen.end[2], clock)
    return replace(line, keyless=keyless)


def tabled(container: Any, stream: Any, tables: SampleTables) -> Timeline:
    """What ``scan`` gives where all packets are as the file's tables say.

    Args:
        container: PyAV's input container.
        stream: its video stream.
        tables: of the stream.
    """
    stamps, clock = _rising(tables.stamps), Clock.of(container, stream)
    line = _timeline(container, stream, stamps, tables.key_stamps, tables.last, clock)
    return replace(line, keyless=not len(tables.key_stamps))


def _rising(stamps: Sequence[int]) -> Any:
    """Stamps of which each is after the one before; those that are not share the time to the next that is."""
    if bool((np.diff(np.asarray(stamps, np.int64)) > 0).all()):
        return array("q", stamps)
    rising = array("q", stamps[:1])
    waiting = 0
    for stamp in stamps[1:]:
        waiting += 1
        room = stamp - rising[-1]
        if room >= waiting:
            last = rising[-1]
            rising.extend(last + room * part // waiting for part in range(1, waiting + 1))
            waiting = 0
    rising.extend(range(rising[-1] + 1, rising[-1] + 1 + waiting))
    return rising


def _timeline(
    container: Any,
    stream: Any,
    stamps: Any,
    keys: Any,
    last: int,
    clock: Clock,
    *,
    counted: bool = False,
) -> Timeline:
    base, count = stream.time_base, len(stamps)
    stated = _stated_rates(stream)
    grid = find_grid(stamps, base, stated)
    rate: Fraction | None
    if grid is not None:
        rate = grid.rate if grid.usual else None
    elif count == 1:
        rate = stated[0] if stated else DEFAULT
    else:
        rate = commonest_rate(stamps, base, stated)
    span = stamps[-1] - stamps[0]
    whole = missing_bytes(_path(container)) == 0
    if "mp4" in container.format.name:
        whole = whole and stream.frames == count
    end = stated_end(container, stream) if whole else None
    ends = _last_seconds(end, stream.time_base, stamps, last, rate)
    if rate is None:
        rate = _nearest(count / (span * base + ends), stated)
    if grid is not None:
        ends = grid.snapped(ends, max(base, _HEADER_CLOCK))
    damage, promised = "", count
    if len(clock.offsets) == 1:
        damage, promised = _promises(container, stream, count, stamps[-1] * base + ends, 1 / rate)
    offsets = tuple(offset * base for offset in clock.offsets)
    return Timeline(stamps, keys, base, rate, ends, counted, grid, damage, promised, offsets)


_HEADER_CLOCK = Fraction(1, 1000)
"""Seconds to which an MP4's header rounds its length."""

DEFAULT = Fraction(25)
"""Frames per second where nothing is stated and there is but one frame."""


def _last_seconds(
    end: Fraction | None, base: Fraction, stamps: Any, last: int, rate: Fraction | None
) -> Fraction:
    """For how long the last frame is shown: what its packet says, unless that cannot be.

    Args:
        end: the end of the video as the container states it; None where it does not.
        base: seconds per unit of the stamps.
        stamps: when each frame is shown.
        last: what the last frame's packet says; 0 for nothing.
        rate: frames per second; None where it varies.
    """
    mean = base * (stamps[-1] - stamps[0]) / max(1, len(stamps) - 1)
    usual = 1 / rate if rate is not None else mean
    rest = None if end is None else end - base * int(stamps[-1])
    if last > 0:
        stated = base * last
        # MP4 has no duration for the last frame where others are decoded after it; its own end has.
        if rest is not None and rest > stated + usual / 2:
            return rest
        agrees = rest is not None and abs(rest - stated) <= max(base, usual / 2)
        if agrees or stated <= 100 * usual:
            return stated
    elif rest is not None and rest > usual:
        return rest
    return usual if usual > 0 else 1 / DEFAULT


def stated_end(container: Any, stream: Any) -> Fraction | None:
    """The video's end on its own clock, where the container states it for this stream."""
    if container.format.name.startswith("mov"):
        end: Fraction = ((stream.start_time or 0) + (stream.duration or 0)) * stream.time_base
        # From the movie's beginning on, empty edits included, as the stream's own clock counts.
        shown = track_seconds(_path(container), stream.index)
        return end if shown is None else max(end, shown)
    if "matroska" in container.format.name:
        return _stated_seconds(container, stream)
    return None


def _path(container: Any) -> Path:
    return Path(container.name.removeprefix("file:"))


def _even(stream: Any, count: int, seen: _Seen) -> Timeline:
    """A timeline by counting at the stated rate, where there are no stamps."""
    stated = _stated_rates(stream)
    rate = stated[0] if stated else DEFAULT
    start = round(seen.times[0][1] * stream.time_base * rate) if seen.times else 0
    even = array("q", range(start, start + count))
    return Timeline(even, array("q"), 1 / rate, rate, 1 / rate, counted=True, promised=count)


def _stated_rates(stream: Any) -> list[Fraction]:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return [Fraction(rate) for rate in rates if rate]


def _nearest(measured: Fraction, stated: list[Fraction]) -> Fraction:
    """The stated rate where it agrees with the measured one (containers round times), else the measured."""
    close = [rate for rate in stated if abs(rate / measured - 1) < Fraction(1, 500)]
    if close:  # whole rates and those of NTSC, if one is stated, before what a container has computed
        return next((rate for rate in close if rate.denominator in (1, 1001)), close[0])
    return measured.limit_denominator(100_000)


def _promises(container: Any, stream: Any, count: int, end: Fraction, step: Fraction) -> tuple[str, int]:
    """What the container's own index says against what was found: (a line, number of frames)."""
    if "mp4" in container.format.name and stream.frames > count:
        promised = sum(not entry.is_discard for entry in stream.index_entries)
        if promised > count:
            return f"the file is damaged: it holds {count} of {promised} frames", promised
    if "matroska" in container.format.name:
        stated = _stated_seconds(container, stream)
        if stated is not None and stated - end > max(Fraction(1, 4), 3 * step):
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
