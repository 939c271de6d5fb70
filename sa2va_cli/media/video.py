"""Decodes video files into upright pictures: every frame in order, or single ones by seeking.

They come in 8-bit RGB for the network, and as the code values that the file holds.

Damaged files give all that can be decoded, and a warning that says how much that was.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from sa2va_cli.datatypes import RGB, Frame
from sa2va_cli.errors import InputError
from sa2va_cli.events import Progress, Report, no_report
from sa2va_cli.media.clock import BROADCAST, Clock
from sa2va_cli.media.containers import open_container, video_stream
from sa2va_cli.media.conversion import (
    colour_of,
    depth_of,
    display_matrix,
    drawable,
    image_of,
    opacity_of,
    orient,
    over_ground,
    planes_of,
    to_rgb,
    transposes,
)
from sa2va_cli.media.decoding import Decoder
from sa2va_cli.media.sample_tables import sample_tables
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.media.timeline import Timeline, is_shown, packets, scan, tabled
from sa2va_cli.media.video_info import describe, missing_end, remarks

_LARGE_BYTES = 256 << 20
"""Of a file that takes so long to read that somebody wants to know how far it is."""

_HEAD_PACKETS = 48
"""Among which the frame is that is shown first: codecs put off sixteen at most (H.264, A.3.1)."""

Look = Callable[[Any], None]

_THREADS = 16
"""Most decoding threads: each keeps a picture of its own in memory."""


class VideoSource:
    """A video file. Opening it decodes the first frame; all packets are read where no table tells of them."""

    def __init__(
        self,
        path: Path,
        *,
        stream_index: int | None = None,
        deinterlace: bool = False,
        progress: Report = no_report,
        only_first: bool = False,
    ) -> None:
        """Finds the video stream, its frames' times and the upright size.

        Args:
            path: the file.
            stream_index: number of the stream in the file, as ``ffprobe`` counts; None for the main video.
            deinterlace: whether interlaced frames are made whole (yadif, one frame for each).
            progress: is told how far a large file was read.
            only_first: whether nothing but the first frame is wanted: the rest is not looked at.

        Raises:
            InputError: when there is no such video in the file, or nothing of it can be decoded.
        """
        self._path = path
        self._deinterlace = deinterlace
        first: list[Any] = []

        def look(packet: Any) -> None:
            if not first:
                with suppress(av.FFmpegError):
                    first.extend(decoder.decode(packet)[:1])

        with open_container(path) as container:
            stream = video_stream(container, path, stream_index)
            self._stream_index: int = stream.index
            decoder = Decoder(stream, threads="SLICE", thread_count=1)
            if only_first:
                timeline = scan(container, stream, look, _HEAD_PACKETS)
            else:
                timeline = _timeline(path, container, stream, look, first, progress)
            if timeline is None:
                raise InputError(f"{path}: the video stream holds no frames")
            if not first:
                raise InputError(f"{path}: not one frame of the video could be decoded; the file is damaged")
            _require_convertible(path, first[0])
            cut_off = timeline.undecodable(first[0].pts, broadcast=container.format.name in BROADCAST)
            timeline = timeline.without_first(cut_off) if cut_off else timeline
            self._info = describe(path, container, stream, timeline, first[0], deinterlace=deinterlace)
            self._notes = remarks(path, container, timeline, first[0], cut_off, deinterlace=deinterlace)
        self._timeline: Timeline = timeline
        self._turn = (first[0].rotation, display_matrix(first[0]))
        self._damage = timeline.damage or missing_end(path)

    @property
    def info(self) -> SourceInfo:
        """The description."""
        return self._info

    @property
    def stream_index(self) -> int:
        """Number of the video stream in the file."""
        return self._stream_index

    @property
    def warnings(self) -> list[str]:
        """What the user should know."""
        return [*self._notes, *([self._damage] if self._damage else [])]

    def ordinal_at(self, seconds: Fraction) -> int:
        """Number of the first frame at or after a time."""
        return self._timeline.ordinal_at(seconds)

    def seconds_of(self, ordinal: int) -> Fraction:
        """Time of a frame on the file's own clock."""
        return self._timeline.seconds(ordinal)

    def group_start(self, ordinal: int) -> int:
        """Number of the key frame before a frame."""
        return self._timeline.group_start(ordinal)

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

    def glimpses(self, ordinals: range, size: tuple[int, int]) -> Iterator[tuple[int, RGB]]:
        """The wanted pictures in order, each with its ordinal: small, not turned, made in one rough step.

        Args:
            ordinals: of them.
            size: (width, height) of what is made.
        """
        width, height = size
        for ordinal, frame in self._decoded(ordinals):
            if ordinal in ordinals:
                small = frame.reformat(width, height, "rgb24", interpolation="FAST_BILINEAR", threads=1)
                yield ordinal, small.to_ndarray()

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
            decoder = Decoder(
                stream, threads=threads, thread_count=_thread_count(), deinterlace=self._deinterlace
            )
            demuxed = _seek(container, stream, self._timeline.key_before(first))
            previous = -1
            started = self._timeline.keyless
            clock = Clock.of(container, stream) if self._timeline.jumps else None
            codec = stream.codec_context.name
            for packet in demuxed:
                started = started or packet.is_keyframe
                if not started:
                    continue
                if clock is not None and is_shown(packet, codec):
                    _move(packet, clock.place(packet)[1])
                try:
                    frames = decoder.decode(packet)
                except av.FFmpegError:
                    continue
                for frame in frames:
                    previous = self._timeline.ordinal_of(frame.pts, previous)
                    yield previous, frame

    def _picture(self, ordinal: int, frame: Any) -> Frame:
        if frame.rotation != self._turn[0]:
            self._turn = (frame.rotation, display_matrix(frame))
        matrix = self._turn[1]
        width, height = self._info.size
        stored = (height, width) if transposes(matrix) else (width, height)
        if stored != (frame.width, frame.height):
            note = "frames change their size on the way; they are scaled to the first one's"
            if note not in self._notes:
                self._notes.append(note)
        picture = self._converted(frame, stored, matrix)
        line = self._timeline
        picture |= {"index": ordinal, "pts": line.pts(ordinal), "time_base": line.unit}
        picture["shown_for"] = line.shown_for(ordinal)
        planes = picture["stored"]
        if "image" in picture or planes is None:
            return Frame(**picture)
        return Frame.deferred(partial(image_of, planes), planes.size, **picture)

    def _converted(self, frame: Any, size: tuple[int, int], turn: Any) -> dict[str, Any]:
        """The fields of ``Frame`` that hold pixels; no ``image`` where it can be made of ``stored`` later."""
        alpha = None
        stored = None
        if size == (frame.width, frame.height):
            alpha = opacity_of(frame, turn)
            if alpha is not None and self._info.codec == "rawvideo" and not alpha.any():
                alpha = None  # four bytes per pixel, of which the fourth means nothing
            # An output has one size and one meaning of its numbers: only what is like the first frame counts.
            like_first = colour_of(frame) == self._info.colour and depth_of(frame) == self._info.depth
            if like_first and self._info.kind == "video":
                stored = planes_of(frame, turn)
        deep = None
        if stored is not None and alpha is None:
            return {"planes": drawable(stored), "stored": stored}
        if stored is not None:
            image, planes = image_of(stored), None
        else:
            image, planes = orient(to_rgb(frame, size), turn), None
            if self._info.depth > 8:
                deep = orient(to_rgb(frame, size, "rgb48le"), turn)
        if alpha is not None:
            if stored is None and deep is None:
                deep = image.astype(np.uint16) * np.uint16(257)
            image = over_ground(image, alpha)
        return {"image": image, "planes": planes, "stored": stored, "deep": deep, "alpha": alpha}


def _timeline(
    path: Path, container: Any, stream: Any, look: Look, first: list[Any], progress: Report
) -> Timeline | None:
    """When frames are shown; packets are given to ``look`` until it has found the first frame.

    Args:
        path: the file.
        container: of it, at its beginning.
        stream: the video.
        look: see ``scan``.
        first: filled by it.
        progress: is told how far a large file was read.

    Returns:
        None when there are no frames.
    """
    tables = sample_tables(path, stream, partial(open_container, path))
    if tables is None:
        return scan(container, stream, _telling(look, path.stat().st_size, progress))
    for packet in packets(container, stream):
        look(packet)
        if first:
            break
    return tabled(container, stream, tables)


def _telling(look: Look, length: int, progress: Report) -> Look:
    """Looks at packets, and tells at each hundredth of a large file how much of it was read."""
    if length < _LARGE_BYTES:
        return look
    told = 0

    def looking(packet: Any) -> None:
        nonlocal told
        look(packet)
        percent = 100 * (packet.pos or 0) // length
        if percent > told:
            told = percent
            progress(Progress("reading the times of all frames", percent, 100, "%"))

    return looking


def _move(packet: Any, offset: int) -> None:
    """Moves a packet's times, so that its frame carries the moved one."""
    if packet.pts is not None:
        packet.pts += offset
    if packet.dts is not None:
        packet.dts += offset


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


def _require_convertible(path: Path, frame: Any) -> None:
    """Refuses pixels of a kind that FFmpeg's scaler does not take, such as packed floats."""
    try:
        to_rgb(frame, (2, 2))
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{path}: pixels of the kind {frame.format.name} are not read; convert it to 8 or 16 bits"
        ) from error
