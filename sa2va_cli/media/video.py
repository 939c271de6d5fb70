"""Decodes video files into upright pictures: every frame in order, or single ones by seeking.

They come in RGB and, where that is what the file holds, as planes of 8-bit 4:2:0.

Damaged files give all that can be decoded, and a warning that says how much that was.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from sa2va_cli.datatypes import LUMA_WEIGHTS, RGB, Frame, Yuv420, YuvColour
from sa2va_cli.errors import InputError
from sa2va_cli.media.encodings import BT709
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.media.timeline import Timeline, packets, scan

_NOT_VIDEO = ("tty", "lavfi", "hls", "concat", "ffmetadata", "bin", "xbin", "adf", "idf")
"""Demuxers that take text or play-lists for video."""

_THREADS = 16
"""Most decoding threads: each keeps a picture of its own in memory."""

_UNSPECIFIED = 2
_BT601 = 6
_PLANAR = ("yuv420p", "yuvj420p")
_HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of high dynamic range by their number in ITU-T H.273."""


class VideoSource:
    """A video file. Opening it reads all packets once and decodes the first frame."""

    def __init__(self, path: Path) -> None:
        """Finds the video stream, its frames' times and the upright size.

        Raises:
            InputError: when there is no video in the file, or nothing of it can be decoded.
        """
        self._path = path
        first: list[Any] = []

        def look(packet: Any) -> None:
            if not first:
                with suppress(av.FFmpegError):
                    first.extend(packet.decode()[:1])

        with open_container(path) as container:
            stream = video_stream(container, path)
            self._stream_index: int = stream.index
            timeline = scan(container, stream, look)
            if timeline is None:
                raise InputError(f"{path}: the video stream holds no frames")
            if not first:
                raise InputError(f"{path}: not one frame of the video could be decoded; the file is damaged")
            self._timeline: Timeline = timeline
            self._info = _describe(path, container, stream, timeline, first[0])
        self._turn = (first[0].rotation, _display_matrix(first[0]))
        self._colour = _yuv_colour(first[0])
        self._notes = _remarks(first[0], timeline)
        self._damage = timeline.damage

    @property
    def info(self) -> SourceInfo:
        """The description."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """What the user should know."""
        return [*self._notes, *([self._damage] if self._damage else [])]

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first frame at or after a time."""
        return self._timeline.ordinal_at(seconds)

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a frame on the file's own clock."""
        return self._timeline.stamps[ordinal] * self._timeline.time_base

    def check(self, ordinals: range) -> None:
        """Frames of another size are scaled to the first one's."""

    def files(self, ordinals: range) -> tuple[Path, ...]:  # noqa: ARG002  (all are in one)
        """The one file."""
        return (self._info.path,)

    def pictures(self, ordinals: range) -> Iterator[Frame]:
        """The wanted frames in order; at the end the warnings say how many could not be decoded."""
        decoded = corrupt = 0
        for ordinal, frame in self._decoded(ordinals):
            decoded += 1
            corrupt += bool(frame.is_corrupt)
            if ordinal in ordinals:
                yield self._picture(ordinal, frame)
        self._report(ordinals, decoded, corrupt)

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single frames by ascending ordinal; seeks where that saves decoding."""
        wanted = sorted(set(ordinals))
        while wanted:
            # Frames that share a stretch between two key frames are decoded in one go.
            key = self._timeline.key_before(wanted[0])
            group = [ordinal for ordinal in wanted if self._timeline.key_before(ordinal) == key]
            wanted = wanted[len(group) :]
            for ordinal, frame in self._decoded(range(group[0], group[-1] + 1)):
                if ordinal in group:
                    yield self._picture(ordinal, frame)

    def _report(self, ordinals: range, decoded: int, corrupt: int) -> None:
        whole = (
            len(ordinals) > 0 and ordinals.start == 0 and ordinals[-1] + ordinals.step >= len(self._timeline)
        )
        expected = (ordinals[-1] + 1 if ordinals else ordinals.start) - ordinals.start
        if whole:
            expected += max(0, self._timeline.promised - len(self._timeline))
        if decoded < expected:
            self._damage = f"the file is damaged: {decoded} of {expected} frames could be decoded"
            if corrupt:
                self._damage += f", {corrupt} of them with errors"
        elif corrupt:
            self._damage = f"the file is damaged: {corrupt} of {decoded} frames were decoded with errors"

    def _decoded(self, ordinals: range) -> Iterator[tuple[int, Any]]:
        """All decodable frames from the first to the last of a range, with their ordinals."""
        last = ordinals.start - 1
        final = ordinals[-1] if ordinals else -1
        # Frame threads lose what is still in flight when the end of a file is damaged; a second pass without
        # them then reads the tail. Where frames are only counted, the faster kind could count wrongly.
        for threads in ("SLICE",) if self._timeline.counted else ("AUTO", "SLICE"):
            if last >= final:
                return
            previous = last
            for ordinal, frame in self._pass(last + 1, threads):
                if ordinal > final:
                    break
                if ordinal > last:
                    last = ordinal
                    yield ordinal, frame
                if last >= final:
                    return
            if last == previous:
                return

    def _pass(self, first: int, threads: str) -> Iterator[tuple[int, Any]]:
        """Decodes from the key frame before a frame to the end of the file."""
        with open_container(self._path) as container:
            stream = container.streams[self._stream_index]
            stream.thread_type = threads
            stream.codec_context.thread_count = _thread_count()
            demuxed = _seek(container, stream, self._timeline.key_before(first))
            previous = -1
            started = False
            for packet in demuxed:
                started = started or packet.is_keyframe
                if not started:
                    continue
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    continue
                for frame in frames:
                    previous = self._timeline.ordinal_of(frame.pts, previous)
                    yield previous, frame

    def _picture(self, ordinal: int, frame: Any) -> Frame:
        if frame.rotation != self._turn[0]:
            self._turn = (frame.rotation, _display_matrix(frame))
        matrix = self._turn[1]
        width, height = self._info.size
        stored = (height, width) if _transposes(matrix) else (width, height)
        if stored != (frame.width, frame.height):
            note = "frames change their size on the way; they are scaled to the first one's"
            if note not in self._notes:
                self._notes.append(note)
        image = orient(to_rgb(frame, stored), matrix)
        planes = None
        # An output has one size and one meaning of its numbers, so only what is like the first frame counts.
        if self._colour is not None and stored == (frame.width, frame.height):
            planes = to_planes(frame, matrix) if _yuv_colour(frame) == self._colour else None
        stamps = self._timeline.stamps
        stamp = stamps[min(ordinal, len(stamps) - 1)] + max(0, ordinal - len(stamps) + 1)
        return Frame(ordinal, stamp, self._timeline.time_base, image, planes=planes)


def open_container(path: Path) -> Any:
    """Opens a file for reading, without letting its name or content reach for other files.

    Raises:
        InputError: when it cannot be read or is not a media file.
    """
    try:
        container = av.open(f"file:{path}", metadata_errors="ignore")
    except av.FFmpegError as error:
        if isinstance(error, PermissionError):
            raise InputError(f"{path}: no permission to read it") from error
        raise InputError(
            f"{path}: not an image or a video that can be read; if it is a recording, it was cut off before "
            "its index was written"
        ) from error
    if container.format.name in _NOT_VIDEO:
        container.close()
        raise InputError(f"{path}: not an image or a video")
    return container


def video_stream(container: Any, path: Path) -> Any:
    """The file's main video stream; cover art does not count.

    Raises:
        InputError: when there is none.
    """
    art = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & art and s.codec_context is not None]
    if not streams:
        sound = "; it holds only sound" if container.streams.audio else ""
        raise InputError(f"{path}: has no video stream{sound}")
    best = container.streams.best("video")
    return best if best in streams else streams[0]


def to_rgb(frame: Any, size: tuple[int, int]) -> RGB:
    """A decoded frame as (H, W, 3) uint8 RGB of a given stored size (width, height)."""
    matrix = None
    if frame.colorspace == _UNSPECIFIED:
        matrix = Colorspace.ITU709 if _matrix(frame) == BT709 else Colorspace.ITU601
    converted = frame.reformat(
        width=size[0], height=size[1], format="rgb24", src_colorspace=matrix, threads=1
    )
    image: RGB = converted.to_ndarray()
    return image


def to_planes(frame: Any, matrix: NDArray[np.int32] | None) -> Yuv420 | None:
    """A decoded frame's own planes, upright; None where they are not 8-bit 4:2:0 of a common kind."""
    colour = _yuv_colour(frame)
    if colour is None:
        return None
    stored = [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
    shown = [rows[: plane.height, : plane.width] for rows, plane in zip(stored, frame.planes, strict=True)]
    # Copied, so that nothing of the decoder's is held while a picture waits its turn.
    luma, blue, red = (np.array(orient(plane, matrix), order="C") for plane in shown)
    return Yuv420(luma, blue, red, colour)


def _yuv_colour(frame: Any) -> YuvColour | None:
    """What the values of an 8-bit 4:2:0 frame mean; None for other frames, and for those of odd sides."""
    odd = frame.width % 2 or frame.height % 2
    if odd or frame.format.name not in _PLANAR or _matrix(frame) not in LUMA_WEIGHTS:
        return None
    full = frame.format.name == "yuvj420p" or frame.color_range == ColorRange.JPEG
    return YuvColour(_matrix(frame), full, int(frame.color_primaries), int(frame.color_trc))


def _matrix(frame: Any) -> int:
    """The number of the frame's matrix in ITU-T H.273; as high definition or not where it is not stated."""
    if frame.colorspace != _UNSPECIFIED:
        return int(frame.colorspace)
    return BT709 if frame.height >= 720 or frame.width >= 1280 else _BT601


def orient(image: NDArray[np.uint8], matrix: NDArray[np.int32] | None) -> NDArray[np.uint8]:
    """Applies a display matrix of right angles and mirrors to a picture or plane, as ``ffmpeg`` does.

    The matrix (ISO 14496-12, 6.2.2) takes (x, y) to (a x + c y, b x + d y), with a, b, c, d at 0, 1, 3, 4.
    """
    if matrix is None:
        return image
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    if _transposes(matrix):
        turned = image.swapaxes(0, 1)[:: -1 if b < 0 else 1, :: -1 if c < 0 else 1]
    else:
        turned = image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(turned)


def _transposes(matrix: NDArray[np.int32] | None) -> bool:
    if matrix is None:
        return False
    a, b, c, d = (abs(int(matrix[place])) for place in (0, 1, 3, 4))
    return b + c > a + d


def _display_matrix(frame: Any) -> NDArray[np.int32] | None:
    """The display matrix; asking makes PyAV tie the frame into a cycle, which only the collector frees."""
    try:
        data = bytes(frame.side_data["DISPLAYMATRIX"])
    except KeyError:
        return None
    matrix = np.frombuffer(data, "<i4")
    return matrix if len(matrix) == 9 and matrix[[0, 1, 3, 4]].any() else None


def _seek(container: Any, stream: Any, key: int | None) -> Iterator[Any]:
    """Packets from a key frame on; from the beginning where the container does not find it."""
    margin = 0
    while key is not None:
        try:
            container.seek(key - margin, stream=stream)
            demuxed = packets(container, stream)
            packet = next(demuxed)
        except (av.FFmpegError, StopIteration):
            break
        if packet.is_keyframe and packet.pts is not None and packet.pts <= key:
            return _chain(packet, demuxed)
        # Containers that seek by decoding time, or roughly, may land behind the key frame: aim earlier.
        margin = max(2 * margin, round(1 / stream.time_base))
        if margin > round(64 / stream.time_base):
            break
    if key is not None:
        with suppress(av.FFmpegError):
            container.seek(0)
    return packets(container, stream)


def _chain(packet: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield packet
    yield from rest


def _thread_count() -> int:
    return min(_THREADS, os.cpu_count() or 1)


def _describe(path: Path, container: Any, stream: Any, timeline: Timeline, frame: Any) -> SourceInfo:
    matrix = _display_matrix(frame)
    aspect = stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio or Fraction(1)
    if aspect <= 0:
        aspect = Fraction(1)
    turned = _transposes(matrix)
    return SourceInfo(
        path=path,
        kind="video",
        size=(frame.height, frame.width) if turned else (frame.width, frame.height),
        frames=len(timeline),
        rate=timeline.rate,
        time_base=timeline.time_base,
        duration_seconds=float(timeline.duration),
        rotation=0 if matrix is None else frame.rotation % 360,
        has_audio=any(s.codec_context is not None for s in container.streams.audio),
        codec=stream.codec_context.codec.canonical_name,
        sample_aspect_ratio=1 / aspect if turned else aspect,
        start_seconds=timeline.stamps[0] * timeline.time_base,
    )


def _remarks(frame: Any, timeline: Timeline) -> list[str]:
    notes = []
    if int(frame.color_trc) in _HDR:
        notes.append(
            f"high dynamic range ({_HDR[int(frame.color_trc)]}) is not tone-mapped; colours look flat"
        )
    if frame.interlaced_frame:
        notes.append("the video is interlaced and is not deinterlaced; edges that move will look combed")
    if frame.rotation % 90:
        notes.append(f"a rotation by {frame.rotation} degrees is not a right angle and is rounded to one")
    if timeline.jumps:
        notes.append("the time stamps jump; frames are counted at the average rate instead")
    return notes
