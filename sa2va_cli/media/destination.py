"""Where an encoded video goes: a hidden file beside the final one, or a stream; and what containers want.

Writes into a file what FFmpeg's muxers cannot be told. Knows nothing about pictures or encoders.
"""

import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from sa2va_cli.datatypes import Publication
from sa2va_cli.media import avi, matroska, nut, quicktime
from sa2va_cli.staging import discard, publish, reserve_beside

_WITH_TIMECODE = (".mov", ".mp4", ".mkv")
"""Files in which FFmpeg's muxers keep a timecode."""

_WITH_TAGS = (".mov", ".mp4", ".m4v", ".mkv", ".webm")
"""Files that say what the values of codecs mean which do not say it themselves, such as FFV1."""


class Destination:
    """A container that is being written; a file has its name only when it is complete.

    Args:
        path: the final file; the name of a stream.
        stream: is written to instead of a file, and never sought in.
        muxer: FFmpeg's name of the stream's format.
        size: (width, height) of the pictures.
        rate: pictures per second on average.
        aspect: width of a pixel over its height; None for square ones.
    """

    def __init__(
        self,
        path: Path,
        stream: BinaryIO | None,
        muxer: str | None,
        size: tuple[int, int],
        rate: Fraction,
        aspect: Fraction | None,
    ) -> None:
        self._path, self._to, self._muxer = path, stream, muxer
        self._size, self._rate, self._aspect = size, rate, aspect
        self._hidden: Path | None = None
        self._container: Any = None

    @property
    def suffix(self) -> str:
        """The ending of the name, in small letters."""
        return self._path.suffix.lower()

    @property
    def keeps_timecode(self) -> bool:
        """Whether a timecode that was given is in the file."""
        return self.suffix in _WITH_TIMECODE

    @property
    def keeps_tags(self) -> bool:
        """Whether the file says what values mean, whatever their codec."""
        return self.suffix in _WITH_TAGS

    def reserve(self) -> None:
        """Reserves a hidden file beside the final one."""
        if self._to is None:
            self._hidden = reserve_beside(self._path)

    @property
    def is_reserved(self) -> bool:
        """Whether there is a place to write to."""
        return self._hidden is not None or self._to is not None

    def open(self) -> Any:
        """PyAV's container, in the hidden file or on the way into the stream."""
        if self._to is not None:
            outlet = _Outlet(self._to, self._muxer or "nut", self._aspect)
            self._container = av.open(outlet, "w", format=self._muxer)
            return self._container
        options = {"movflags": "+faststart"} if self.suffix in (".mp4", ".m4v", ".mov") else {}
        if self.suffix in (".mkv", ".webm"):
            options["fflags"] = "+bitexact"  # else each file gets a random number of its own
        self._container = av.open(f"file:{self._hidden}", "w", container_options=options)
        return self._container

    def make_room(self, stream: Any) -> None:
        """Leaves room in a stream for how wide pixels are, which ``finish`` fills in."""
        if self._hidden is None or self._aspect is None:
            return
        if self.suffix in matroska.ENDINGS:
            matroska.make_room(stream)
        if self.suffix == avi.ENDING:
            avi.make_room(stream)

    def finish(self, vendor: str | None) -> None:
        """Closes the container, and writes into a file what FFmpeg's muxers cannot be told.

        Args:
            vendor: who made it, as the encoder has it; None where it has none.
        """
        container, self._container = self._container, None
        container.close()
        if self._hidden is not None:
            self._mend(self._hidden, vendor)

    def _mend(self, path: Path, vendor: str | None) -> None:
        aspect, suffix = self._aspect, path.suffix.lower()
        if aspect is not None and suffix in matroska.ENDINGS:
            matroska.write_aspect(path, self._size, aspect)
        if aspect is not None and suffix == avi.ENDING:
            avi.write_aspect(path, self._size, aspect, self._rate)
        if aspect is not None and suffix == nut.ENDING:
            nut.write_aspect(path, self._size, aspect)
        if vendor and suffix == quicktime.ENDING:
            quicktime.write_vendor(path, vendor.encode())

    def publish(self, publication: Publication) -> None:
        """Gives a complete file its name."""
        if self._hidden is not None:
            publish(self._hidden, self._path, publication)

    def abandon(self) -> None:
        """Lets go of everything; after success there is nothing left to remove."""
        if self._container is not None:
            with suppress(Exception):
                self._container.close()
        self._container = None
        if self._hidden is not None:
            discard(self._hidden)
            self._hidden = None


class _Outlet:
    """A stream that can only be written to: PyAV would seek in one that says it can.

    Args:
        stream: is written to.
        container: FFmpeg's name of the format.
        aspect: width of a pixel over its height, which the muxer of ``yuv4mpegpipe`` cannot be told; None for
            square ones.
    """

    def __init__(self, stream: BinaryIO, container: str, aspect: Fraction | None = None) -> None:
        self._stream = stream
        self.name = f"-.{'mkv' if container == 'matroska' else container}"
        self._aspect = aspect if container == "yuv4mpegpipe" else None

    def write(self, data: bytes) -> int:
        """Hands bytes on."""
        left = memoryview(data)
        if self._aspect is not None:  # the first line says what all pictures are
            line, end, rest = bytes(data).partition(b"\n")
            shape = b" A%d:%d" % self._aspect.as_integer_ratio()
            left = memoryview(re.sub(rb" A\d+:\d+", shape, line) + end + rest)
            self._aspect = None
        while left:  # a pipe may take a part only
            left = left[self._stream.write(left) :]
        return len(data)

    def flush(self) -> None:
        """Hands on what is held back."""
        self._stream.flush()
