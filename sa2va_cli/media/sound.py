"""Carries sound and subtitles from one file to another, in step with the video, without keeping them.

Packets are copied as they are where the container takes their codec; otherwise they are encoded anew.
"""

import errno
import io
from collections.abc import Generator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Discard

from sa2va_cli.errors import InputError
from sa2va_cli.media import texts
from sa2va_cli.media.clock import Clock
from sa2va_cli.media.timeline import packets

_LEAD = Fraction(1, 2)
"""Seconds by which sound may be ahead of the video, so that players find both together."""

_OPUS_PREROLL = Fraction(80, 1000)
"""Seconds that an Opus decoder needs to find its state (RFC 7845, 4.6)."""

_OPUS_RATE = 48_000
"""Samples per second that Opus is at home with (RFC 6716, 2)."""

_COPIED: dict[str, tuple[str, ...]] = {
    ".mp4": ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"),
    ".m4v": ("aac", "mp3", "ac3", "eac3", "alac"),
    ".mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_"),
    ".mkv": (
        "aac",
        "mp3",
        "ac3",
        "eac3",
        "alac",
        "opus",
        "flac",
        "vorbis",
        "dca",
        "truehd",
        "pcm_s",
        "pcm_f32le",
    ),
    ".avi": ("mp3", "ac3", "aac", "pcm_s16le"),
    ".webm": ("opus", "vorbis"),
    ".nut": ("aac", "mp3", "ac3", "opus", "flac", "vorbis", "pcm_"),
}
"""By file name ending: codecs (or beginnings of their names) that the container plays widely."""


_AS_THEY_ARE = (("ass", ".mkv"), ("ssa", ".mkv"), ("text", ".mkv"), ("webvtt", ".mkv"))
"""Texts that a container takes with their styles, although its players show others more often."""


class Sound:
    """Every sound track of a file, on its way into an output container.

    The tracks must be added before the first packet is written, so this is made when the output is opened. A
    track that cannot be carried is left out, or ends where it fails; ``warnings`` then names it.

    Attributes:
        warnings: one line for each track that is not whole.
    """

    def __init__(
        self,
        source: Path,
        container: Any,
        origin: Fraction,
        start: Fraction,
        end: Fraction | None,
        offsets: Sequence[Fraction] = (Fraction(0),),
        *,
        strip: bool = False,
    ) -> None:
        """Opens the source and adds its sound tracks to the output.

        Args:
            source: the file with the sound; one without sound adds nothing.
            container: PyAV's output container.
            origin: time on the source's clock that becomes zero.
            start: sound that ends before this time on the source's clock is left out.
            end: sound that begins after it is left out; None for all.
            offsets: seconds that were added to the times of each stretch of the video's clock.
            strip: whether subtitles, which cameras write places into, and titles of tracks are left out.
        """
        self._strip = strip
        self._start, self._end, self._origin = start, end, origin
        self._offsets = offsets
        self.warnings: list[str] = []
        try:
            self._input: Any = av.open(f"file:{source}", metadata_errors="ignore")
        except av.FFmpegError as error:
            raise InputError(f"{source}: its sound cannot be read") from error
        self._tracks: dict[int, _Track] = {}
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
        track = _track(name, stream, container, suffix)
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
            self._tracks[stream.index] = _PlainTexts(name, stream, container, self._start, into)
            return
        if stream.codec_context is None or not _is_taken(name, stream, container.format.name, None):
            self.warnings.append(f"{name} cannot be copied into {suffix} and is left out")
            return
        self._tracks[stream.index] = _Subtitles(name, stream, container, self._start)

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
        if not self._has_edit_lists and not isinstance(self._tracks[packet.stream_index], _Subtitles):
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

    def _attempt(self, track: "_Track", packet: Any) -> None:
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
        return tuple(track.end for track in self._tracks.values() if not isinstance(track, _Subtitles))

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


class _Track:
    """One track of the output.

    Attributes:
        name: for messages.
        failed: whether it was given up.
        silent: whether there was something to decode and nothing came of it.
        end: when what was written ends on the output's clock, in seconds; None where nothing was.
    """

    _stream: Any

    def __init__(self, name: str) -> None:
        self.name = name
        self.failed = False
        self.silent = False
        self.end: Fraction | None = None

    def write(self, packet: Any, origin: Fraction) -> None:
        """Takes a packet of the source."""
        raise NotImplementedError

    def forget_title(self) -> None:
        """Leaves out what the track is called."""
        self._stream.metadata.pop("title", None)

    def finish(self) -> None:
        """Writes what is held back."""

    def rehearse(self) -> None:
        """Writes a moment of silence."""


class _Copied(_Track):
    """A track whose packets go through unchanged."""

    def __init__(self, name: str, stream: Any, container: Any) -> None:
        super().__init__(name)
        self._container = container
        self._stream = self._added(stream)
        rate = 0 if stream.type != "audio" else stream.codec_context.sample_rate
        self._finest = Fraction(1, rate or _FINEST)
        self._last: int | None = None
        _copy_description(stream, self._stream)

    def _added(self, stream: Any) -> Any:
        """Adds the track to the output."""
        return self._container.add_stream_from_template(stream)

    def write(self, packet: Any, origin: Fraction) -> None:
        """Moves a packet onto the output's clock."""
        if packet.time_base > self._finest:  # AVI counts whole packets
            times = [round(time * packet.time_base / self._finest) for time in _times(packet)]
            packet.pts, packet.dts, packet.duration = times
            packet.time_base = self._finest
        shift = round(origin / packet.time_base)
        packet.pts -= shift
        packet.dts -= shift
        if self._last is not None and packet.dts <= self._last:  # pieces that overlap where they were joined
            if packet.dts + (packet.duration or 0) // 2 <= self._last:
                return
            packet.dts = self._last + 1
            packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts
        end = (packet.pts + (packet.duration or 0)) * packet.time_base
        packet.stream = self._stream
        self._container.mux(packet)
        self.end = end if self.end is None else max(self.end, end)

    def rehearse(self) -> None:
        """Writes a moment of silence, where any bytes are sound."""
        context = self._stream.codec_context
        if context.name.startswith("pcm_"):
            packet = av.Packet(bytes(context.layout.nb_channels * 24))  # whole samples of 1 to 4 bytes
            packet.pts, packet.dts, packet.stream = 0, 0, self._stream
            self._container.mux(packet)


_FINEST = 1000
"""Units per second that times of texts are moved by where the source counts coarser ones."""


def _times(packet: Any) -> tuple[int, int, int]:
    return packet.pts, packet.dts, packet.duration or 0


class _Subtitles(_Copied):
    """Texts, each with its time; one that is shown already when the range begins is shortened."""

    def __init__(self, name: str, stream: Any, container: Any, start: Fraction) -> None:
        super().__init__(name, stream, container)
        self._start = start

    def write(self, packet: Any, origin: Fraction) -> None:
        """Moves a packet onto the output's clock."""
        late = round(self._start / packet.time_base) - packet.pts
        if late > 0:
            packet.pts += late
            packet.dts = packet.pts
            packet.duration = max(0, (packet.duration or 0) - late)
        super().write(packet, origin)


class _PlainTexts(_Subtitles):
    """Texts of one format as plain ones of another; their styles are left out."""

    def __init__(self, name: str, stream: Any, container: Any, start: Fraction, into: str) -> None:
        self._from, self._into = stream.codec_context.name, into
        super().__init__(name, stream, container, start)

    def _added(self, stream: Any) -> Any:
        return texts.added(self._container, self._into, stream.time_base)

    def write(self, packet: Any, origin: Fraction) -> None:
        """Takes the text out of a packet, and writes it as the other format has it."""
        text = texts.plain(self._from, bytes(packet))
        if not text.strip():  # the gap between two texts
            return
        other = av.Packet(texts.coded(self._into, text))
        other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
        other.time_base = packet.time_base
        super().write(other, origin)

    def rehearse(self) -> None:
        """Nothing has to be tried: any bytes are text."""


_REHEARSED = 4096
"""Samples of silence that fill a frame of every encoder."""


class _Encoded(_Track):
    """A track that the container cannot hold as it is: decoded, and encoded anew."""

    def __init__(self, name: str, stream: Any, container: Any, codec: str) -> None:
        super().__init__(name)
        self._container = container
        context = stream.codec_context
        rate = _aac_rate(context.sample_rate) if codec == "aac" else context.sample_rate
        if codec == "libopus":
            rate = _OPUS_RATE
        self._stream = container.add_stream(codec, rate=rate)
        # WAV files often give the number of channels only ("2 channels"), which encoders refuse.
        layout = context.layout.name
        if "channel" in layout:
            layout = _LAYOUTS.get(context.layout.nb_channels, layout)
        self._stream.codec_context.layout = layout
        if codec == "aac":
            self._stream.codec_context.bit_rate = 96_000 * max(1, context.layout.nb_channels)
        _copy_description(stream, self._stream)
        self._resampler = av.AudioResampler(
            format=self._stream.codec_context.format.name, layout=layout, rate=rate
        )
        self._rate = rate
        self._position: int | None = None

    def write(self, packet: Any, origin: Fraction) -> None:
        """Decodes a packet and encodes what comes of it."""
        self.silent = self._position is None
        try:
            frames = packet.decode()
        except av.FFmpegError:
            return
        for frame in frames:
            if frame.pts is not None:
                position = round((frame.pts * frame.time_base - origin) * self._rate)
                # Samples are counted on, as time stamps of packets are rounded; only a real gap is kept.
                if self._position is None or position > self._position + self._rate // 10:
                    self._position = position
            self._encode(self._resampler.resample(frame))

    def _encode(self, frames: list[Any]) -> None:
        for frame in frames:
            self.silent = False
            frame.pts = self._position or 0
            frame.time_base = Fraction(1, self._rate)
            self._position = frame.pts + frame.samples
            self._container.mux(self._stream.encode(frame))
            self.end = Fraction(self._position, self._rate)

    def rehearse(self) -> None:
        """Writes a moment of silence."""
        # Packed, as PyAV reaches no more than eight planes of a frame; the track's own resampler parts them.
        frame = av.AudioFrame("s16", self._stream.codec_context.layout.name, _REHEARSED)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = self._rate, 0, Fraction(1, self._rate)
        self._position = 0
        self._encode(self._resampler.resample(frame))
        self.finish()

    def finish(self) -> None:
        """Empties the resampler and the encoder."""
        if self._position is not None:
            self._encode([frame for frame in self._resampler.resample(None) if frame is not None])
        self._container.mux(self._stream.encode(None))


def _track(name: str, stream: Any, container: Any, suffix: str) -> _Track | None:
    """The best track that the container takes; None where it takes none."""
    codec = stream.codec_context.name
    ways: list[str | None] = [None] if codec.startswith(_COPIED.get(suffix, ())) else []
    lossless = codec.startswith(("pcm_", "flac"))
    ways += ["pcm_s24le", "aac"] if lossless and suffix == ".mov" else ["aac"]
    ways += ["pcm_s24le" if lossless else "pcm_s16le", "flac", "libopus"]
    for way in (*ways, None):
        if _is_taken(name, stream, container.format.name, way):
            return _made(name, stream, container, way)
    return None


def _made(name: str, stream: Any, container: Any, codec: str | None) -> _Track:
    return _Copied(name, stream, container) if codec is None else _Encoded(name, stream, container, codec)


def _is_taken(name: str, stream: Any, container_format: str, codec: str | None) -> bool:
    """Whether a container takes such a track: tried in memory, since there is no table of it.

    PyAV raises ValueError where the muxer has no tag for a variant of the codec, FFmpeg its own errors where
    an encoder does not take so many channels, some of them in the file's last words only.
    """
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            track = _made(name, stream, trial, codec)
            trial.start_encoding()
            track.rehearse()
    except (av.FFmpegError, ValueError, KeyError):
        return False
    return True


_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's name of the usual layout of so many channels."""

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def _aac_rate(rate: int) -> int:
    return rate if rate in _AAC_RATES else min(_AAC_RATES[:5], key=lambda known: abs(known - rate))


def _copy_description(source: Any, target: Any) -> None:
    target.disposition = source.disposition
    for key in ("language", "title"):
        if key in source.metadata:
            target.metadata[key] = source.metadata[key]
    if "name" in source.metadata:  # what QuickTime calls a title
        target.metadata.setdefault("title", source.metadata["name"])
