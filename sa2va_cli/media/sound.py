"""Carries sound and subtitles from one file to another, in step with the video, without keeping them.

Packets are copied as they are where the container takes their codec; otherwise they are encoded anew.
"""

import errno
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Discard

from sa2va_cli.errors import InputError
from sa2va_cli.media import texts
from sa2va_cli.media.carried_tracks import PlainTexts, Subtitles, Track, best_track, is_taken
from sa2va_cli.media.clock import Clock
from sa2va_cli.media.timeline import packets

_LEAD = Fraction(1, 2)
"""Seconds by which sound may be ahead of the video, so that players find both together."""

_OPUS_PREROLL = Fraction(80, 1000)
"""Seconds that an Opus decoder needs to find its state (RFC 7845, 4.6)."""

_AS_THEY_ARE = (("ass", ".mkv"), ("ssa", ".mkv"), ("text", ".mkv"), ("webvtt", ".mkv"))
"""Texts that a container takes with their styles, although its players show others more often."""


@dataclass(frozen=True)
class SoundSource:
    """A file whose sound and subtitles go along with a video; it may have none.

    Attributes:
        path: the file.
        start: seconds on the source's clock; sound before it, or before the first picture, is left out.
        end: seconds on the source's clock; sound after it is left out; None for all.
        offsets: seconds that the reader added to the times of each stretch of the source's clock; the sound
            gets the same.
        strip: whether subtitles, which cameras write places into, and titles of tracks are left out.
    """

    path: Path
    start: Fraction | float | None = None
    end: Fraction | float | None = None
    offsets: Sequence[Fraction] = (Fraction(0),)
    strip: bool = False


class Sound:
    """Every sound track of a file, on its way into an output container.

    The tracks must be added before the first packet is written, so this is made when the output is opened. A
    track that cannot be carried is left out, or ends where it fails; ``warnings`` then names it.

    Attributes:
        warnings: one line for each track that is not whole.
    """

    def __init__(self, source: SoundSource, container: Any, origin: Fraction) -> None:
        """Opens the source and adds its sound tracks to the output.

        Args:
            source: what is carried.
            container: PyAV's output container.
            origin: time on the source's clock that becomes zero.

        Raises:
            InputError: the source cannot be read.
        """
        self._strip = source.strip
        self._start = origin if source.start is None else max(Fraction(source.start), origin)
        self._end = None if source.end is None else Fraction(source.end)
        self._origin, self._offsets = origin, source.offsets
        self.warnings: list[str] = []
        try:
            self._input: Any = av.open(f"file:{source.path}", metadata_errors="ignore")
        except av.FFmpegError as error:
            raise InputError(f"{source.path}: its sound cannot be read") from error
        self._tracks: dict[int, Track] = {}
        suffix = Path(container.name).suffix.lower()
        self._has_edit_lists = suffix in (".mp4", ".m4v", ".mov")
        for number, stream in enumerate(self._input.streams.audio, 1):
            self._add(number, stream, container, suffix)
        for number, subtitles in enumerate(self._input.streams.subtitles, 1):
            self._add_subtitles(number, subtitles, container, suffix)
        for other in self._input.streams:
            if other.index not in self._tracks:
                other.discard = Discard.all
        self._packets = self._read()
        self._next: Any = None

    def _add(self, number: int, stream: Any, container: Any, suffix: str) -> None:
        context = stream.codec_context
        name = f"sound track {number} ({'unknown codec' if context is None else context.name})"
        if context is None or not context.sample_rate:
            self.warnings.append(f"{name} cannot be read and is left out")
            return
        track = best_track(name, stream, container, suffix)
        if track is None:
            channels = context.layout.nb_channels
            self.warnings.append(f"{name}, {channels} channels, does not fit into {suffix} and is left out")
            return
        self._tracks[stream.index] = track
        if self._strip:
            track.forget_title()

    def _add_subtitles(self, number: int, stream: Any, container: Any, suffix: str) -> None:
        codec = "unknown codec" if stream.codec_context is None else stream.codec_context.name
        name = f"subtitle track {number} ({codec})"
        if self._strip:
            self.warnings.append(f"{name} is left out with the metadata: it may tell names and places")
            return
        into = texts.INTO.get(suffix)
        if into not in (None, codec) and texts.is_text(codec) and (codec, suffix) not in _AS_THEY_ARE:
            self._tracks[stream.index] = PlainTexts(name, stream, container, self._start, into)
            return
        if stream.codec_context is None or not is_taken(name, stream, container.format.name, None):
            self.warnings.append(f"{name} cannot be copied into {suffix} and is left out")
            return
        self._tracks[stream.index] = Subtitles(name, stream, container, self._start)

    def _read(self) -> Generator[Any]:
        """Packets of the wanted range, on one rising clock."""
        if not self._tracks:
            return
        jumps = len(self._offsets) > 1
        if self._start > 0 and not jumps:
            with suppress(av.FFmpegError):
                self._input.seek(max(0, int((self._start - 1) * av.time_base)))
        streams = [self._input.streams[index] for index in self._tracks]
        clocks = {stream.index: _Aligned(Clock.of(self._input, stream), self._offsets) for stream in streams}
        done: set[int] = set()
        for packet in packets(self._input, streams):
            if len(done) == len(self._tracks):
                return
            if packet.dts is None or packet.pts is None:
                continue
            clocks[packet.stream_index].move(packet)
            begin = packet.pts * packet.time_base
            if self._end is not None and begin >= self._end:
                done.add(packet.stream_index)
            elif self._is_in_time(packet, begin):
                yield packet

    def _is_in_time(self, packet: Any, begin: Fraction) -> bool:
        """Whether a packet is not too early.

        An edit list hides what lies before the start, so packets that codecs need to warm up are kept.
        Elsewhere such packets would push the video away from zero.
        """
        if not self._has_edit_lists and not isinstance(self._tracks[packet.stream_index], Subtitles):
            return begin >= self._start
        end = begin + (packet.duration or 0) * packet.time_base
        codec = self._input.streams[packet.stream_index].codec_context.name
        return bool(end >= self._start - (_OPUS_PREROLL if codec == "opus" else 0))

    def write_until(self, seconds: Fraction) -> None:
        """Writes sound up to a little after a time on the output's clock."""
        limit = self._origin + seconds + _LEAD
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or self._next.dts * self._next.time_base > limit:
                return
            packet, self._next = self._next, None
            self._attempt(self._tracks[packet.stream_index], packet)

    def _attempt(self, track: Track, packet: Any) -> None:
        """Writes a packet, or what is left for None; a track that fails is given up."""
        if track.failed:
            return
        try:
            if packet is None:
                track.finish()
            else:
                track.write(packet, self._origin)
        except (av.FFmpegError, ValueError) as error:
            if getattr(error, "errno", None) in _DISK:
                raise
            track.failed = True
            self.warnings.append(f"{track.name} could not be written to its end: {error}")

    def finish(self) -> None:
        """Writes what is left."""
        self.write_until(Fraction(10**9))
        for track in self._tracks.values():
            self._attempt(track, None)
            if track.silent:
                self.warnings.append(f"{track.name} could not be decoded; its track is empty")

    @property
    def ends(self) -> tuple[Fraction | None, ...]:
        """When each sound track ends on the output's clock, in seconds; None for one that holds nothing."""
        return tuple(track.end for track in self._tracks.values() if not isinstance(track, Subtitles))

    def close(self) -> None:
        """Closes the source."""
        self._packets.close()
        self._input.close()


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Failures of the disk, which end the whole output and not a track."""


class _Aligned:
    """Moves a track's packets as the video's were, where clocks step back."""

    def __init__(self, clock: Clock, offsets: Sequence[Fraction]) -> None:
        self._clock = clock
        self._left = list(offsets[1:])
        self._stretch = 0
        self._offset: Fraction = offsets[0]

    def move(self, packet: Any) -> None:
        """Changes a packet's times."""
        _, own = self._clock.place(packet)
        stretch = len(self._clock.offsets) - 1
        if stretch != self._stretch:
            self._stretch = stretch
            # What leaves no gap in the sound only tells which of the video's offsets is meant.
            wanted = own * packet.time_base
            nearest = min(self._left, key=lambda offset: abs(offset - wanted), default=wanted)
            self._offset = nearest if abs(nearest - wanted) < _IN_STEP else wanted
            if nearest in self._left:
                self._left = self._left[self._left.index(nearest) + 1 :]
        shift = round(self._offset / packet.time_base)
        packet.pts += shift
        packet.dts += shift


_IN_STEP = 10
"""Seconds by which a joined piece's sound may be shorter or longer than its pictures."""
