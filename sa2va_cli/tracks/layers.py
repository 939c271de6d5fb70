"""A layer: the masks that one correction made, in a file of its own beside the log, in any order of frames.

It grows while an object is followed from a frame in both directions, one record by one call of the system,
so that a program that is killed loses one record at most, and what is there can be seen at once. Knows
nothing about what the correction was.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import InputError
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.coding import encode
from sa2va_cli.tracks.corrections import NewMask
from sa2va_cli.tracks.indexed import CodedFrame, CodedMask
from sa2va_cli.tracks.log import FRAME, FRAME_HEAD
from sa2va_cli.tracks.records import HEAD_BYTES, heads, packed, record_at

MAGIC = b"sa2va layer\n\x1a\x00\x01"


class Layer:
    """Masks of one object by frame; threads may read while one appends.

    Args:
        path: the file; made where there is none.

    Raises:
        InputError: it is another kind of file.
        OutputError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b", buffering=0)
            self._places = self._search()

    def _search(self) -> dict[int, int]:
        self._file.seek(0)
        begin = self._file.read(len(MAGIC))
        if not begin:
            self._file.write(MAGIC)
            return {}
        if begin != MAGIC:
            self._file.close()
            raise InputError(f"{self.path}: not a layer of a correction; move it away")
        places, end = {}, len(MAGIC)
        for _, place, head in heads(self._file, FRAME_HEAD.size):
            record = record_at(self._file, place)
            if record is None:
                continue
            end = place + HEAD_BYTES + len(record.payload)
            if record.kind == FRAME and len(head) == FRAME_HEAD.size:
                places[FRAME_HEAD.unpack(head)[0]] = place
        self._file.truncate(end)  # what was cut off would hide what is written behind it
        return places

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, index: int) -> bool:
        """Whether a frame is done."""
        return index in self._places

    def __iter__(self) -> Iterator[int]:
        """The indices of the frames that are done, rising."""
        return iter(sorted(self._places))

    def done(self, frames: int) -> NDArray[np.bool_]:
        """Which of so many frames are done."""
        flags = np.zeros(frames, np.bool_)
        with self._lock:
            indices = np.fromiter(self._places, np.int64, len(self._places))
        flags[indices[indices < frames]] = True
        return flags

    def __getitem__(self, index: int) -> CodedMask | None:
        """The mask on a frame; None where it is not done yet."""
        place = self._places.get(index)
        if place is None:
            return None
        with self._lock:
            record = record_at(self._file, place)
        if record is None:
            return None
        return next(iter(CodedFrame.unpacked(record.payload).masks.values()), None)

    def append(self, index: int, mask: NewMask, threshold: float) -> None:
        """Adds a frame; a second time, the last mask counts.

        Args:
            index: of the frame.
            mask: of the object.
            threshold: probability above which a pixel belongs to it.

        Raises:
            OutputError: the disk is full, for example.
        """
        coded = CodedMask(mask.score, mask.iou, mask.agreement, encode(mask.logits, threshold))
        data = packed(FRAME, CodedFrame(index, index, 0, {1: coded}).payload)
        with output_errors(self.path), self._lock:
            place = self._file.seek(0, 2)
            self._file.write(data)
            self._places[index] = place
