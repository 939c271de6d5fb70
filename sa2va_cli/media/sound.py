"""Carries sound from one file to another, in step with the video and without keeping it in memory.

Packets are copied as they are where the container takes their codec; otherwise they are encoded anew.
"""

from collections.abc import Generator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Discard

from sa2va_cli.errors import InputError
from sa2va_cli.media.timeline import packets

_LEAD = Fraction(1, 2)
"""Seconds by which sound may be ahead of the video, so that players find both together."""

_OPUS_PREROLL = Fraction(80, 1000)
"""Seconds that an Opus decoder needs to find its state (RFC 7845, 4.6)."""

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
        "dts",
        "truehd",
        "pcm_s",
        "pcm_f32le",
    ),
    ".avi": ("mp3", "ac3", "aac", "pcm_s16le"),
    ".nut": ("aac", "mp3", "ac3", "opus", "flac", "vorbis", "pcm_"),
}
"""By file name ending: codecs (or beginnings of their names) that the container plays widely."""


class Sound:
    """Every sound track of a file, on its way into an output container.

    The tracks must be added before the first packet is written, so this is made when the output is opened.
    """

    def __init__(
        self, source: Path, container: Any, origin: Fraction, start: Fraction, end: Fraction | None
    ) -> None:
        """Opens the source and adds its sound tracks to the output.

        Args:
            source: the file with the sound; one without sound adds nothing.
            container: PyAV's output container.
            origin: time on the source's clock that becomes zero.
            start: sound that ends before this time on the source's clock is left out.
            end: sound that begins after it is left out; None for all.
        """
        self._start, self._end, self._origin = start, end, origin
        self._container = container
        try:
            self._input: Any = av.open(f"file:{source}", metadata_errors="ignore")
        except av.FFmpegError as error:
            raise InputError(f"{source}: its sound cannot be read") from error
        self._tracks: dict[int, _Track] = {}
        suffix = Path(container.name).suffix.lower()
        self._has_edit_lists = suffix in (".mp4", ".m4v", ".mov")
        for stream in self._input.streams.audio:
            if stream.codec_context is None or not stream.codec_context.sample_rate:
                continue
            self._tracks[stream.index] = _track(stream, container, suffix)
        for other in self._input.streams:
            if other.index not in self._tracks:
                other.discard = Discard.all
        self._packets = self._read()
        self._next: Any = None

    def _read(self) -> Generator[Any]:
        """Packets of the wanted range."""
        if not self._tracks:
            return
        if self._start > 0:
            with suppress(av.FFmpegError):
                self._input.seek(max(0, int((self._start - 1) * av.time_base)))
        done: set[int] = set()
        for packet in packets(self._input, [self._input.streams[index] for index in self._tracks]):
            if len(done) == len(self._tracks):
                return
            if packet.dts is None or packet.pts is None:
                continue
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
        if not self._has_edit_lists:
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
            self._tracks[packet.stream_index].write(packet, self._origin)

    def finish(self) -> None:
        """Writes what is left."""
        self.write_until(Fraction(10**9))
        for track in self._tracks.values():
            track.finish()

    def close(self) -> None:
        """Closes the source."""
        self._packets.close()
        self._input.close()


class _Copied:
    """A track whose packets go through unchanged."""

    def __init__(self, stream: Any, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream_from_template(stream)
        _copy_description(stream, self._stream)

    def write(self, packet: Any, origin: Fraction) -> None:
        shift = round(origin / packet.time_base)
        packet.pts -= shift
        packet.dts -= shift
        packet.stream = self._stream
        self._container.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class _Encoded:
    """A track that the container cannot hold as it is: decoded, and encoded as AAC (PCM in .mov)."""

    def __init__(self, stream: Any, container: Any) -> None:
        self._container = container
        context = stream.codec_context
        lossless = context.name.startswith(("pcm_", "flac")) and container.name.lower().endswith(".mov")
        codec = "pcm_s24le" if lossless else "aac"
        rate = context.sample_rate if lossless else _aac_rate(context.sample_rate)
        self._stream = container.add_stream(codec, rate=rate)
        # WAV files often give the number of channels only ("2 channels"), which encoders refuse.
        layout = _LAYOUTS.get(context.layout.nb_channels, context.layout.name)
        if "channel" not in context.layout.name:
            layout = context.layout.name
        self._stream.codec_context.layout = layout
        if not lossless:
            self._stream.codec_context.bit_rate = 96_000 * max(1, context.layout.nb_channels)
        _copy_description(stream, self._stream)
        self._resampler = av.AudioResampler(
            format=self._stream.codec_context.format.name, layout=layout, rate=rate
        )
        self._rate = rate
        self._position: int | None = None

    def write(self, packet: Any, origin: Fraction) -> None:
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
            frame.pts = self._position or 0
            frame.time_base = Fraction(1, self._rate)
            self._position = frame.pts + frame.samples
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._encode([frame for frame in self._resampler.resample(None) if frame is not None])
        self._container.mux(self._stream.encode(None))


_Track = _Copied | _Encoded


def _track(stream: Any, container: Any, suffix: str) -> _Track:
    if stream.codec_context.name.startswith(_COPIED.get(suffix, ())):
        # PyAV raises ValueError where the muxer has no tag for a variant of the codec.
        with suppress(ValueError):
            return _Copied(stream, container)
    return _Encoded(stream, container)


_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's name of the usual layout of so many channels."""

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def _aac_rate(rate: int) -> int:
    return rate if rate in _AAC_RATES else min(_AAC_RATES[:5], key=lambda known: abs(known - rate))


def _copy_description(source: Any, target: Any) -> None:
    for key in ("language", "title"):
        if key in source.metadata:
            target.metadata[key] = source.metadata[key]
