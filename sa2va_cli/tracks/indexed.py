"""Single frames of a log, in any order: where each record lies is found once, from the heads of the records.

Payloads are read, and held to their checksums, when they are asked for. Knows nothing about pictures.
"""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sa2va_cli.datatypes import FoundObject
from sa2va_cli.errors import InputError
from sa2va_cli.tracks.coding import decode, stacked
from sa2va_cli.tracks.corrections import Correction, understood
from sa2va_cli.tracks.log import (
    CORRECTION,
    FRAME,
    FRAME_HEAD,
    OBJECT_HEAD,
    TrackedFrame,
    Tracks,
    pack_worded,
    unpack_worded,
)
from sa2va_cli.tracks.records import heads, record_at


@dataclass(frozen=True)
class CodedMask:
    """An object's mask on one frame, as a log holds it.

    Attributes:
        score: probability that the object is visible.
        iou: with the truth, as the network predicts it.
        agreement: IoU with the mask before, moved as the picture moved.
        coded: what ``coding.decode`` reads.
        worded: IoU with what the words alone name; NaN where nobody looked.
    """

    score: float
    iou: float
    agreement: float
    coded: bytes = field(repr=False)
    worded: float = math.nan


@dataclass(frozen=True)
class CodedFrame:
    """A frame's record, with its masks as they are coded.

    Attributes:
        index: ordinal among the frames that were followed.
        source_index: number of the frame in the source, from 0.
        pts: presentation time stamp in the source's own units.
        masks: by the objects' ids.
    """

    index: int
    source_index: int
    pts: int
    masks: dict[int, CodedMask]

    @classmethod
    def unpacked(cls, payload: bytes) -> "CodedFrame":
        """Reads the payload of a record.

        Raises:
            ValueError: it is cut off.
        """
        if len(payload) < FRAME_HEAD.size:
            raise ValueError("the record of a frame is cut off")
        index, source_index, pts, count = FRAME_HEAD.unpack_from(payload)
        place, masks = FRAME_HEAD.size, {}
        for _ in range(count):
            if place + OBJECT_HEAD.size > len(payload):
                raise ValueError("the record of a frame is cut off")
            number, score, iou, agreement, length = OBJECT_HEAD.unpack_from(payload, place)
            place += OBJECT_HEAD.size
            masks[number] = CodedMask(score, iou, agreement, payload[place : place + length])
            place += length
        told = zip(masks, unpack_worded(payload[place:], count), strict=False)
        masks |= {number: replace(masks[number], worded=worded) for number, worded in told}
        return cls(index, source_index, pts, masks)

    @property
    def payload(self) -> bytes:
        """What ``unpacked`` reads, and ``log.Tracks`` too."""
        parts = [FRAME_HEAD.pack(self.index, self.source_index, self.pts, len(self.masks))]
        for number, one in sorted(self.masks.items()):
            parts += [OBJECT_HEAD.pack(number, one.score, one.iou, one.agreement, len(one.coded)), one.coded]
        parts.append(pack_worded([one.worded for _, one in sorted(self.masks.items())]))
        return b"".join(parts)

    def decoded(self, objects: tuple[FoundObject, ...]) -> TrackedFrame:
        """The same with logits; objects that are not in ``objects`` are left out.

        Raises:
            ValueError: a mask is damaged.
        """
        known = [one for one in objects if one.id in self.masks]
        masks = [self.masks[one.id] for one in known]
        rows = stacked([decode(one.coded) for one in masks])
        facts = np.array([(one.score, one.iou, one.agreement) for one in masks], np.float32).reshape(-1, 3)
        scores, ious, agreements = facts.T
        worded = np.array([one.worded for one in masks], np.float32)
        return TrackedFrame(
            self.index, self.source_index, self.pts, tuple(known), rows, scores, ious, agreements, worded
        )


class IndexedFrames:
    """The frames of a log by their index; any number of threads may ask.

    Args:
        path: the file; it is held open until ``close``.
        begin: where its records begin.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, path: Path, begin: int) -> None:
        self.path = path
        self._begin = begin
        self._lock = threading.Lock()
        self._places: dict[int, int] | None = None
        self._corrections: list[int] = []
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error

    @classmethod
    def of(cls, tracks: Tracks) -> "IndexedFrames":
        """Those of a log."""
        return cls(tracks.path, tracks.begin)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __contains__(self, index: int) -> bool:
        """Whether the log has a frame."""
        return index in self._found()

    def __iter__(self) -> Iterator[int]:
        """The indices of the frames that the log has, rising."""
        return iter(sorted(self._found()))

    def __getitem__(self, index: int) -> CodedFrame | None:
        """A frame; None where the log leaves it out, or its record is damaged."""
        place = self._found().get(index)
        if place is None:
            return None
        with self._lock:
            record = record_at(self._file, place)
        if record is None:
            return None
        try:
            return CodedFrame.unpacked(record.payload)
        except ValueError:
            return None

    @property
    def is_known(self) -> bool:
        """Whether all heads were read: a second for a log of hours, which asking for a frame takes."""
        return self._places is not None

    def corrections(self) -> tuple[Correction, ...]:
        """What was corrected in the log: see ``corrections.corrections_of``."""
        self._found()
        with self._lock:
            return understood(record_at(self._file, place) for place in self._corrections)

    def _found(self) -> dict[int, int]:
        """Where the record of each frame begins."""
        with self._lock:
            if self._places is None:
                self._file.seek(self._begin)
                places, self._corrections = {}, []
                for kind, place, head in heads(self._file, FRAME_HEAD.size):
                    if kind == FRAME and len(head) == FRAME_HEAD.size:
                        places[FRAME_HEAD.unpack(head)[0]] = place
                    elif kind == CORRECTION:
                        self._corrections.append(place)
                self._places = places
            return self._places
