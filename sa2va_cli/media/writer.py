"""Writes video: one output frame for each picture given, at exactly its time, with the source's sound.

Knows nothing about masks; what it is given is what it encodes.
"""

from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import av
import cv2
from av.codec.context import Flags
from av.stream import Disposition
from av.video.frame import PictureType

from sa2va_cli.datatypes import Publication, Yuv420, YuvColour, YuvPlanes
from sa2va_cli.errors import OutputError, Sa2VAError, UsageError
from sa2va_cli.media.destination import Destination
from sa2va_cli.media.encodings import ENCODINGS, SDR, Codec, Encoding, Pixels, converted_like
from sa2va_cli.media.fields import FieldOrder, can_say, prepare
from sa2va_cli.media.marking import ASPECT_IN_FRAMES, FrameMarker
from sa2va_cli.media.metadata import Metadata
from sa2va_cli.media.readback import sample_of, tags_of
from sa2va_cli.media.sound import Sound, SoundSource
from sa2va_cli.staging import output_error
from sa2va_cli.written import Sample, WrittenVideo

_FINEST = 1_000_000
"""Units per second to round to where a source's own time base does not fit a container's 32 bits."""

_MOST_SAMPLES = 8

_AVX_512F = 13
"""OpenCV's number for AVX-512 (``CV_CPU_AVX_512F``).

With it, the x264 of PyAV 18 computes macroblock-tree costs from memory that was never written
where a row is no multiple of 8 macroblocks: the same pictures give other files from run to run. Up to AVX2 it
does not. Seen by encoding the same frames under several values of MALLOC_PERTURB_.
"""


class VideoWriter:
    """Encodes pictures into a file that appears under its name only when it is complete.

    Time stamps are those of the source, shifted so that the first picture is at zero; the sound is shifted by
    the same amount, so the two stay together. Nothing is duplicated or dropped to reach a rate.

    A picture is held until the next one arrives, since only then is it known for how long it is shown.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        codec: Codec = "h264",
        sound: SoundSource | None = None,
        crf: float | None = None,
        sample_aspect_ratio: Fraction | None = None,
        colour: YuvColour | None = None,
        metadata: Metadata | None = None,
        stream: BinaryIO | None = None,
        muxer: str | None = None,
        field_order: FieldOrder | None = None,
    ) -> None:
        """Checks the arguments; nothing is touched before the ``with`` block begins.

        Args:
            path: the file to make; its ending chooses the container. Missing folders are made.
            size: (width, height) in pixels; odd sides are kept.
            rate: pictures per second on average; the last picture is shown for ``1 / rate``.
            time_base: seconds per unit of the source's time stamps; they are kept exactly.
            codec: a name in ``ENCODINGS``.
            sound: what is copied beside the pictures, packet by packet.
            crf: constant rate factor of ``h264`` and ``gray``; smaller is better.
            sample_aspect_ratio: width of a pixel over its height, where it is not 1.
            colour: the matrix, primaries and transfer that RGB pictures are in and are written with; BT.709
                where it is not given. Planes bring their own.
            metadata: timecode, texts and chapters, on a clock that begins at zero with the first picture.
            stream: is written to instead of a file, and never sought in; ``path`` is then its name.
            muxer: FFmpeg's name of the stream's format.
            field_order: which field of each picture of colour is shown first, where these are interlaced;
                grey ones are whole.

        Raises:
            UsageError: for a codec that does not exist or that the container cannot hold.
        """
        self._encoding = _encoding_for(codec, None if stream is not None else path)
        if min(size) < 1 or rate <= 0 or time_base <= 0:
            raise ValueError(f"got {size = }, {rate = }, {time_base = }; all must be positive")
        self.publication = Publication()
        """How the finished file gets its name; may be set until then."""
        self._path = path
        self._size = size
        self._options = self._encoder_options(crf)
        self._rate = rate
        self._time_base = time_base if time_base.denominator < 2**31 else Fraction(1, _FINEST)
        self._step = self._encoding.step(crf)
        self._sample_aspect_ratio = sample_aspect_ratio
        self._destination = Destination(path, stream, muxer, size, rate, self._aspect)
        self._field_order = field_order
        self._marker: FrameMarker | None = None
        self._colour = SDR if colour is None else colour
        self._metadata = metadata
        self._sound_source = sound
        self._sound: Sound | None = None
        self._warnings: list[str] = []
        self._container: Any = None
        self._stream: Any = None
        self._held: av.VideoFrame | None = None
        self._origin: Fraction | None = None
        self._shown_for: Fraction | None = None
        self._record = _Record()
        self._written: WrittenVideo | None = None

    def _encoder_options(self, crf: float | None) -> dict[str, str]:
        options = dict(self._encoding.options)
        if self._encoding.crf is not None:
            options["crf"] = f"{self._encoding.crf if crf is None else crf:g}"
        if self._encoding.preset is not None:
            options["preset"] = self._encoding.preset
        if self._encoding.encoder == "ffv1" and self._size[0] == 1:
            options["slices"] = "1"  # more cannot be cut out of one column
        if self._encoding.encoder == "libx264" and cv2.checkHardwareSupport(_AVX_512F):
            options["x264-params"] = "asm=AVX2"
        return options

    @property
    def path(self) -> Path:
        """The final file."""
        return self._path

    @property
    def warnings(self) -> list[str]:
        """What the user should know, one line each; complete when the file is."""
        return self._warnings

    @property
    def written(self) -> WrittenVideo | None:
        """What was meant to be in the file, once it is complete."""
        return self._written

    def __enter__(self) -> Self:
        """Reserves a hidden file beside the final one."""
        self._destination.reserve()
        return self

    def write(
        self,
        picture: Pixels | Yuv420,
        pts: int,
        time_base: Fraction,
        stored: YuvPlanes | None = None,
        shown_for: Fraction | None = None,
    ) -> None:
        """Adds one picture.

        Args:
            picture: (H, W, 3) uint8 RGB, (H, W) uint8 grey, or for codecs with alpha (H, W, 4) uint8 or
                uint16 RGBA with straight alpha. Planes are taken as deep as
                ``Encoding.plane_bits`` says; all pictures get the meaning of the first one's values.
            pts: presentation time stamp on the source's clock; greater than the one before.
            time_base: seconds per unit of ``pts``.
            stored: the source's code values, which ``prores4444`` takes for pixels that were left alone.
            shown_for: seconds; counts for the last picture only, else the next one's time says it;
                ``1 / rate`` where it is not given.

        Raises:
            OutputError: when the disk is full or the encoder fails.
            ValueError: for an array of another size or kind than the codec takes.
        """
        size = picture.size if isinstance(picture, Yuv420) else (picture.shape[1], picture.shape[0])
        if size != self._size:
            raise ValueError("got a picture of {}x{}, expected {}x{}".format(*size, *self._size))
        frame = self._encoding.frame_of(picture, self._colour, stored)
        if self._origin is None:
            self._choose_marks(frame, is_grey=not isinstance(picture, Yuv420) and picture.ndim == 2)
        if self._marker is not None:
            frame = self._marker.mark(frame, self._time_base)
        self._guarded(lambda: self._take(frame, pts * time_base))
        self._shown_for = shown_for

    def _choose_marks(self, first: av.VideoFrame, *, is_grey: bool) -> None:
        """Decides what each frame says of itself: whether it is interlaced, and how wide its pixels are."""
        encoder, ending = self._encoding.encoder, self._destination.suffix
        if is_grey:
            self._field_order = None
        elif self._field_order is not None and not can_say(encoder, ending, first):
            self._field_order = None
            self._warnings.append(
                "holds interlaced pictures and cannot say so; make whole frames with --deinterlace"
            )
        if self._field_order is not None:
            self._options.pop("field_order", None)
        aspect = self._aspect if self._encoding.encoder in ASPECT_IN_FRAMES else None
        if self._field_order is not None or aspect is not None:
            self._marker = FrameMarker(self._field_order, aspect)

    @property
    def _aspect(self) -> Fraction | None:
        """How wide pixels are where they are not square."""
        aspect = self._sample_aspect_ratio
        return None if aspect is None or aspect <= 0 or aspect == 1 else aspect

    def _take(self, frame: av.VideoFrame, seconds: Fraction) -> None:
        if self._origin is None:
            self._origin = seconds
            self._open(frame)
        stamp = round((seconds - self._origin) / self._time_base)
        if self._held is not None:
            previous = self._held.pts or 0
            stamp = max(stamp, previous + 1)  # encoders refuse time that stands still
            if self._encoding.tagged:
                frame = converted_like(frame, self._held)
            self._encode(self._held, stamp - previous)
        frame.pts, frame.time_base = stamp, self._time_base
        self._held = frame

    def _open(self, frame: av.VideoFrame) -> None:
        self._container = self._destination.open()
        stream = self._container.add_stream(self._encoding.encoder, rate=self._rate, options=self._options)
        stream.width, stream.height = self._size
        stream.pix_fmt = frame.format.name
        stream.time_base = self._time_base
        stream.disposition = Disposition.default
        context = stream.codec_context
        context.time_base = self._time_base
        # x264 takes slice threads, which cost quality, unless it is asked for frame threads.
        context.thread_type = "AUTO"
        # Without this flag x264 drops the durations, and an mp4 would end where its last picture begins.
        context.flags |= Flags.frame_duration
        if self._field_order is not None:
            prepare(context, self._field_order)
        if self._encoding.tagged:
            context.colorspace, context.color_range = frame.colorspace, frame.color_range
            context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
        if self._sample_aspect_ratio is not None and self._sample_aspect_ratio > 0:
            context.sample_aspect_ratio = self._sample_aspect_ratio
        self._destination.make_room(stream)
        self._stream = stream
        if frame.format.name == "yuv444p":
            width, height = self._size
            self._warnings.append(
                f"{width}x{height} has an odd side; it is written as 4:4:4, which some players do not show"
            )
        if self._metadata is not None:
            self._metadata.write(self._container)
        if self._sound_source is not None:
            assert self._origin is not None  # noqa: S101
            self._sound = Sound(self._sound_source, self._container, self._origin)

    def _encode(self, frame: av.VideoFrame | None, duration: int = 0, *, alone: bool = False) -> None:
        if frame is not None:
            frame.duration = duration
            # MP4 keeps the duration of what is decoded last. As a key frame, that is what is shown last.
            frame.pict_type = PictureType.I if alone else PictureType.NONE
            self._record.add(frame)
        for packet in self._stream.encode(frame):
            self._record.note(packet, self._time_base)
            if packet.dts is not None and self._sound is not None:
                self._sound.write_until(packet.dts * packet.time_base)
            self._container.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Completes the file and renames it into place, or removes it when ``kind`` is an exception."""
        if not self._destination.is_reserved:
            return
        try:
            if kind is None:
                self._guarded(self._finish)
                self._destination.publish(self.publication)
        finally:
            self._abandon()

    def _finish(self) -> None:
        if self._held is None:
            raise OutputError(f"cannot write {self._path}: there was no picture to write")
        shown_for = 1 / self._rate if self._shown_for is None else self._shown_for
        last = max(1, round(shown_for / self._time_base))
        self._encode(self._held, last, alone=shown_for != 1 / self._rate)
        self._encode(None)
        if self._sound is not None:
            self._sound.finish()
            self._warnings += self._sound.warnings
        self._written = self._meant(self._held, last)
        self._container = None
        self._destination.finish(self._options.get("vendor"))

    def _meant(self, frame: av.VideoFrame, last: int) -> WrittenVideo:
        timecode = None if self._metadata is None else self._metadata.timecode
        return WrittenVideo(
            size=self._size,
            stamps=self._record.stamps,
            time_base=self._time_base,
            end=self._record.stamps[-1] + last,
            alpha=any(part.is_alpha for part in frame.format.components),
            tags=tags_of(frame) if self._encoding.tagged and self._destination.keeps_tags else None,
            aspect=self._sample_aspect_ratio or Fraction(1),
            timecode=timecode if self._destination.keeps_timecode else None,
            field_order=self._field_order,
            sound=() if self._sound is None else self._sound.ends,
            samples=self._record.samples,
            step=self._step,
        )

    def _abandon(self) -> None:
        """Lets go of everything; after success there is nothing left to remove."""
        if self._sound is not None:
            self._sound.close()
        self._destination.abandon()
        self._container = self._stream = self._held = self._sound = None

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Sa2VAError:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            raise output_error(self._path, error) from error


class _Record:
    """What went into the encoder: all times, and values of a few pictures from which decoding can begin."""

    def __init__(self) -> None:
        self.stamps = array("q")
        self.samples: dict[int, Sample] = {}
        self._waiting: dict[int, Sample] = {}
        self._keys = 0
        self._every = 1

    def add(self, frame: av.VideoFrame) -> None:
        """Takes a picture before it is encoded."""
        assert frame.pts is not None  # noqa: S101
        self.stamps.append(frame.pts)
        self._waiting[frame.pts] = sample_of(frame)

    def note(self, packet: Any, time_base: Fraction) -> None:
        """Takes what became of one: kept are key frames spread evenly, 4 to 8 of them."""
        if packet.pts is None:
            return
        sample = self._waiting.pop(round(packet.pts * packet.time_base / time_base), None)
        if sample is None or not packet.is_keyframe:
            return
        self._keys += 1
        if (self._keys - 1) % self._every:
            return
        self.samples[round(packet.pts * packet.time_base / time_base)] = sample
        if len(self.samples) > _MOST_SAMPLES:
            self._every *= 2
            self.samples = {stamp: self.samples[stamp] for stamp in list(self.samples)[::2]}


def _encoding_for(codec: Codec, path: Path | None) -> Encoding:
    """How a codec is encoded.

    Raises:
        UsageError: it does not exist, or a file of this name cannot hold it.
    """
    if codec not in ENCODINGS:
        raise UsageError(f"unknown codec {codec!r}; choose one of {', '.join(ENCODINGS)}")
    encoding = ENCODINGS[codec]
    if path is not None and path.suffix.lower() not in encoding.containers:
        allowed = ", ".join(encoding.containers)
        ending = repr(path.suffix) if path.suffix else "this"
        raise UsageError(f"{path.name}: {codec} video does not fit into {ending} files; use {allowed}")
    return encoding
