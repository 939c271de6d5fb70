"""Tracks of sound and texts in an output: packets copied as they are, or decoded and encoded anew.

Knows nothing about which part of the source is wanted.
"""

import io
from fractions import Fraction
from typing import Any

import av

from sa2va_cli.media import texts

_OPUS_RATE = 48_000
"""Samples per second that Opus is at home with (RFC 6716, 2)."""

_TEXT_RATE = 1000
"""Units per second by which texts are moved where the source counts coarser ones."""

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


class Track:
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


class _Copied(Track):
    """A track whose packets go through unchanged."""

    def __init__(self, name: str, stream: Any, container: Any) -> None:
        super().__init__(name)
        self._container = container
        self._stream = self._added(stream)
        rate = stream.codec_context.sample_rate if stream.type == "audio" else _TEXT_RATE
        self._finest = Fraction(1, rate)
        self._last: int | None = None
        _copy_description(stream, self._stream)

    def _added(self, stream: Any) -> Any:
        """Adds the track to the output."""
        return self._container.add_stream_from_template(stream)

    def write(self, packet: Any, origin: Fraction) -> None:
        """Moves a packet onto the output's clock."""
        if packet.time_base > self._finest:  # AVI counts whole packets
            times = (packet.pts, packet.dts, packet.duration or 0)
            packet.pts, packet.dts, packet.duration = (
                round(time * packet.time_base / self._finest) for time in times
            )
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


class Subtitles(_Copied):
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


class PlainTexts(Subtitles):
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


class _Encoded(Track):
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


def best_track(name: str, stream: Any, container: Any, suffix: str) -> Track | None:
    """The best track that the container takes; None where it takes none."""
    codec = stream.codec_context.name
    ways: list[str | None] = [None] if codec.startswith(_COPIED.get(suffix, ())) else []
    lossless = codec.startswith(("pcm_", "flac"))
    ways += ["pcm_s24le", "aac"] if lossless and suffix == ".mov" else ["aac"]
    ways += ["pcm_s24le" if lossless else "pcm_s16le", "flac", "libopus"]
    for way in (*ways, None):
        if is_taken(name, stream, container.format.name, way):
            return _made(name, stream, container, way)
    return None


def _made(name: str, stream: Any, container: Any, codec: str | None) -> Track:
    return _Copied(name, stream, container) if codec is None else _Encoded(name, stream, container, codec)


def is_taken(name: str, stream: Any, container_format: str, codec: str | None) -> bool:
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
