"""Decodes packets: of one video stream, with opacity and without fields where asked, or of a single picture.

Knows nothing about files or about which frames are wanted.
"""

from contextlib import suppress
from typing import Any

import av
from av.codec.codec import UnknownCodecError

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that keep the opacity of a codec, where FFmpeg's own ones drop it."""


class Decoder:
    """Frames of one stream, in order of presentation."""

    def __init__(self, stream: Any, *, threads: str, thread_count: int, deinterlace: bool = False) -> None:
        """Prepares decoding.

        Args:
            stream: PyAV's video stream.
            threads: kind of threads, as PyAV names them.
            thread_count: how many.
            deinterlace: whether interlaced frames are made whole (yadif, one frame for each).
        """
        self._stream = stream
        self._context = _context_with_alpha(stream)
        context = stream.codec_context if self._context is None else self._context
        context.thread_type = threads
        context.thread_count = thread_count
        self._filter = _Deinterlacer() if deinterlace else None

    def decode(self, packet: Any) -> list[Any]:
        """The frames that are ready once a packet is known; an empty one empties the decoder.

        Raises:
            av.FFmpegError: for a packet that cannot be decoded.
        """
        frames: list[Any] = []
        try:
            if self._context is None:
                frames = packet.decode()
            else:
                frames = self._context.decode(packet if packet.size else None)
        finally:
            if self._filter is not None:
                frames = [whole for frame in frames for whole in self._filter.push(frame)]
        if self._filter is not None and not packet.size:
            frames += self._filter.flush()
        return frames

    def restart(self) -> None:
        """Forgets what was decoded, as after a seek."""
        context = self._stream.codec_context if self._context is None else self._context
        if context.is_open:
            context.flush_buffers()


def _context_with_alpha(stream: Any) -> Any:
    """A decoder of its own for WebM with opacity; None where the stream's own one does."""
    name = _WITH_ALPHA.get(stream.codec_context.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1":
        return None
    with suppress(UnknownCodecError):
        return av.CodecContext.create(name, "r")
    return None


class _Deinterlacer:
    """FFmpeg's yadif on frames that are marked as interlaced; times stay."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._base: Any = None
        self._shape: tuple[int, int, str] | None = None

    def push(self, frame: Any) -> list[Any]:
        """Takes a frame; returns those that are done, one behind."""
        done = []
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape:
            done = self.flush()
            self._shape, self._base = shape, frame.time_base
            self._graph = _graph_for(frame)
        if self._graph is None:
            return [*done, frame]
        self._graph.vpush(frame)
        return done + self._pulled()

    def flush(self) -> list[Any]:
        """The frames that are left."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        return self._pulled()

    def _pulled(self) -> list[Any]:
        frames = []
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                frame = self._graph.vpull()
                if frame.pts is not None and self._base is not None:
                    frame.pts = round(frame.pts * frame.time_base / self._base)
                    frame.time_base = self._base
                frames.append(frame)
        return frames


def _graph_for(frame: Any) -> Any:
    """Yadif for frames like this one; None for those without rows or columns enough to make others of.

    A graph that refuses its frames ends the process when it is given one all the same.
    """
    if min(frame.width, frame.height) < _LEAST_SIDE:
        return None
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    yadif = graph.add("yadif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(source, yadif, graph.add("buffersink")).configure()
    return graph


_LEAST_SIDE = 3
"""Rows and columns that yadif wants (FFmpeg, libavfilter/vf_yadif.c)."""


def decoded_picture(codec: str, data: bytes, **options: str) -> Any:
    """The frame of a file that holds one picture; None where nothing comes of it.

    Args:
        codec: FFmpeg's name of the decoder.
        data: the whole file.
        options: of the decoder.
    """
    context: Any = av.CodecContext.create(codec, "r")
    context.options = options
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.FFmpegError, ValueError):
        return None
    return frames[0] if frames else None
