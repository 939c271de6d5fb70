"""What the packets of a video in an MP4 or MOV file will say, from the tables at the file's head.

Two hours of video are thus known without reading all of it. The tables are believed where they are of the
plain kind that nearly all files have, and where the first and the last packets are just what they say; all
else is left to a scan of the packets. Knows nothing about rates and decoding.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import av
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.media.tail import boxes

_CODECS = frozenset(("h264", "hevc", "av1", "vp9", "prores", "dnxhd", "mjpeg", "png", "qtrle"))
"""Whose samples FFmpeg passes on as they are stored. Others it cuts up or puts together anew."""

_TOP = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"uuid", b"meta"))
"""Boxes beside which no fragments hold more samples (ISO 14496-12, 8.8)."""

_MOST_BOXES = 10_000
_HEAD_PACKETS = 60
"""Packets from the beginning that are compared."""

_MOST_TAIL = 2_000
"""Packets behind the last key frame that are compared; where there are more, all packets are read anyway."""

_ENDLESS_TABLE = 1 << 28
"""Bytes of a table that nobody has meant: twelve for each frame of a month."""


@dataclass(frozen=True)
class SampleTables:
    """What a stream's packets say, in the order of decoding.

    Attributes:
        shown: (N,) presentation time stamps.
        keys: (N,) whether decoding can begin.
        last: units for which the frame is shown that is shown last.
    """

    shown: NDArray[np.int64] = field(repr=False)
    keys: NDArray[np.bool_] = field(repr=False)
    last: int

    @property
    def stamps(self) -> Any:
        """The presentation time stamps in their own order, as an array of integers."""
        return _integers(np.sort(self.shown))

    @property
    def key_stamps(self) -> Any:
        """Those of the key frames."""
        return _integers(np.sort(self.shown[self.keys]))


def sample_tables(path: Path, stream: Any, reopened: Callable[[], Any]) -> SampleTables | None:
    """Reads the tables of a video stream.

    Args:
        path: the file.
        stream: of PyAV's.
        reopened: opens the file once more; what it gives is a context manager for a container.

    Returns:
        None where only the packets themselves can tell.
    """
    container = stream.container
    if not container.format.name.startswith("mov") or stream.codec_context.name not in _CODECS:
        return None
    entries: list[tuple[Any, ...]] = [
        (one.timestamp, one.size, one.pos, one.is_keyframe, one.is_discard) for one in stream.index_entries
    ]
    if len(entries) < 2 or len(entries) != stream.frames:
        return None
    with path.open("rb") as file:
        length = path.stat().st_size
        samples = _Samples.of(entries, length)
        delays = None if samples is None else _delays(file, length, stream.id, len(entries))
    if samples is None or delays is None:
        return None
    with reopened() as again:
        return samples.checked(again, stream.index, samples.decoded + delays)


def _integers(values: NDArray[np.int64]) -> Any:
    made = array("q")
    made.frombytes(np.ascontiguousarray(values).tobytes())
    return made


@dataclass(frozen=True)
class _Samples:
    """The samples of a track, in the order of decoding: (N,) each."""

    decoded: NDArray[np.int64]
    sizes: NDArray[np.int64]
    keys: NDArray[np.bool_]

    @classmethod
    def of(cls, entries: list[tuple[Any, ...]], length: int) -> Self | None:
        """The samples of an index of FFmpeg's; None where some are not there, or not in order.

        Args:
            entries: time stamp, size, place, whether it is a key frame and left out.
            length: bytes of the file.
        """
        table = np.array(entries, np.int64)
        decoded, sizes, ends, keys = table[:, 0], table[:, 1], table[:, 1] + table[:, 2], table[:, 3] > 0
        whole = not table[:, 4].any() and bool((sizes > 0).all()) and int(ends.max()) <= length
        return cls(decoded, sizes, keys) if whole and keys[0] and (np.diff(decoded) >= 0).all() else None

    def checked(self, container: Any, number: int, shown: NDArray[np.int64]) -> SampleTables | None:
        """The tables, if the first and the last packets are as they say, and no clock steps back.

        Args:
            container: of PyAV's, at its beginning.
            number: of the stream.
            shown: (N,) presentation time stamps, up to a number that is the same for all.
        """
        stream, count = container.streams[number], len(shown)
        tail = int(np.flatnonzero(self.keys)[-1])
        head = _facts(container, stream, min(count, _HEAD_PACKETS))
        if count - tail > _MOST_TAIL or not head or head[0][0] is None:
            return None
        shown = shown + (head[0][0] - int(shown[0]))  # FFmpeg adds what the lowest of all delays needs
        columns = (shown, self.decoded, self.sizes, self.keys)
        expected = list(zip(*(one.tolist() for one in columns), strict=True))
        container.seek(int(shown[tail]), stream=stream)
        end = _facts(container, stream, count - tail + 1)
        if [one[:4] for one in (*head, *end)] != [*expected[: len(head)], *expected[tail:]]:
            return None
        # ``Clock`` starts over where a key frame is shown before something that is decoded earlier.
        back = self.keys[1:] & (shown[1:] < np.maximum.accumulate(shown)[:-1])
        final = max((one[0], one[4]) for one in end)
        return None if back.any() or final[0] != shown.max() else SampleTables(shown, self.keys, final[1])


def _facts(container: Any, stream: Any, most: int) -> list[tuple[Any, ...]]:
    """(pts, dts, size, key, duration) of the next packets; nothing where they cannot be read."""
    try:
        return [
            (one.pts, one.dts, one.size, one.is_keyframe, one.duration or 0)
            for one in islice(container.demux(stream), most)
            if one.size and not one.is_discard
        ]
    except (av.FFmpegError, ValueError):
        return []


def _delays(file: BinaryIO, length: int, track: int, count: int) -> NDArray[np.int64] | None:
    """How much later each sample of a track is shown than decoded; None where the file is of no plain kind.

    Args:
        file: the file.
        length: its bytes.
        track: the track's own number.
        count: of samples.
    """
    top = list(islice(boxes(file, 0, length), _MOST_BOXES))
    movies = [(at, size) for at, kind, size in top if kind == b"moov"]
    if len(movies) != 1 or not {kind for _, kind, _ in top} <= _TOP:
        return None
    inside = list(_children(file, *movies[0]))
    tracks = [(at, size) for kind, at, size in inside if kind == b"trak"]
    tracks = [one for one in tracks if _number_of(file, *one) == track]
    fragments = any(kind == b"mvex" for kind, _, _ in inside)
    if fragments or len(tracks) != 1 or not _is_plainly_cut(file, *tracks[0]):
        return None
    tables = {kind: (at, size) for kind, at, size in _within(file, tracks[0], (b"mdia", b"minf", b"stbl"))}
    if b"stsd" not in tables or _read(file, tables[b"stsd"], 8)[4:8] != b"\0\0\0\1":
        return None  # several kinds of samples: some may be passed over
    if b"ctts" not in tables:
        return np.zeros(count, np.int64)
    return _offsets(_read(file, tables[b"ctts"], _ENDLESS_TABLE), count)


def _offsets(data: bytes, count: int) -> NDArray[np.int64] | None:
    """Those of a composition table (ISO 14496-12, 8.6.1.3); None where it is not one of so many samples."""
    end = 8 + 8 * int.from_bytes(data[4:8], "big")
    if len(data) < end:
        return None
    runs = np.frombuffer(data[8:end], ">u4").reshape(-1, 2)
    # Offsets are signed in practice, whatever the version of the box says; FFmpeg reads them so.
    repeated = runs[:, 0].astype(np.int64)
    if int(repeated.sum()) != count:
        return None
    return np.repeat(runs[:, 1].astype(np.int32).astype(np.int64), repeated)


def _is_plainly_cut(file: BinaryIO, at: int, size: int) -> bool:
    """Whether a track's edits, if it has any, are one stretch at its own speed, after a wait at most."""
    for kind, begin, length in _children(file, at, size):
        if kind != b"edts":
            continue
        for inner, place, rest in _children(file, begin, length):
            if inner == b"elst":
                return _is_one_stretch(_read(file, (place, rest), 8 + 20 * 3))
    return True


def _is_one_stretch(data: bytes) -> bool:
    """The same of an edit list (ISO 14496-12, 8.6.6)."""
    wide = 8 if data[:1] == b"\1" else 4
    entry, count = 2 * wide + 4, int.from_bytes(data[4:8], "big")
    if count not in (1, 2) or len(data) < 8 + count * entry:
        return False
    edits = [data[8 + k * entry : 8 + (k + 1) * entry] for k in range(count)]
    begins = [int.from_bytes(one[wide : 2 * wide], "big", signed=True) for one in edits]
    rates = [one[2 * wide :] for one in edits]
    return begins[-1] >= 0 and rates[-1] == b"\0\1\0\0" and all(begin == -1 for begin in begins[:-1])


def _number_of(file: BinaryIO, at: int, size: int) -> int:
    """A track's own number (ISO 14496-12, 8.3.2); 0 where it has none."""
    for kind, begin, length in _children(file, at, size):
        if kind == b"tkhd":
            data = _read(file, (begin, length), 24)
            place = 20 if data[:1] == b"\1" else 12
            return int.from_bytes(data[place : place + 4], "big")
    return 0


def _within(
    file: BinaryIO, place: tuple[int, int], names: tuple[bytes, ...]
) -> Iterator[tuple[bytes, int, int]]:
    """The boxes inside the first box of each name inside the one before."""
    for name in names:
        found = [(at, size) for kind, at, size in _children(file, *place) if kind == name]
        if not found:
            return
        place = found[0]
    yield from _children(file, *place)


def _children(file: BinaryIO, at: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    return ((kind, begin, length) for begin, kind, length in islice(boxes(file, at, at + size), _MOST_BOXES))


def _read(file: BinaryIO, place: tuple[int, int], most: int) -> bytes:
    file.seek(place[0])
    return file.read(min(place[1], most))
