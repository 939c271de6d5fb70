"""Tracks: what the network found, frame by frame, as a log that is written while it is followed.

The first record is the header; then comes one for each frame, in order; the last one says that nothing is
missing. The logits in the log are *the* logits: what is drawn while following is what drawing from the log
gives, to the bit. Other kinds of records are passed over, so that later versions can add some.

Knows nothing about networks, and nothing about pictures but their size.
"""

import os
import struct
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Evidence, FoundObject, Frame, FrameMasks
from sa2va_cli.errors import InputError
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.coding import CERTAIN, decode, encode, stacked
from sa2va_cli.tracks.confidence import gathered
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.records import Damage, Record, packed, read_records

MAGIC = b"sa2va tracks\n\x1a\x00\x01"
"""How a file begins: readable words, then what stops a terminal and what text mode would change."""

_HEADER, FRAME, _END, CORRECTION = 1, 2, 3, 4
BY_FLOW = b"\x01"
"""Stands behind the objects of a frame that no network saw, instead of how far they agree with the words.
Versions that do not know it read a frame of which that was not looked at."""

FRAME_HEAD = struct.Struct("<IIqH")
OBJECT_HEAD = struct.Struct("<HfffI")


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """What is known of one frame.

    Attributes:
        index: ordinal among the frames that were followed.
        source_index: number of the frame in the source, from 0.
        pts: presentation time stamp in the source's own units.
        objects: the objects that have a mask here.
        logits: (N, h, w) float32, one row for each of them.
        scores: (N,) float32 probability that it is visible.
        ious: (N,) float32 IoU with the truth that the network predicts for its mask.
        agreements: (N,) float32 IoU of its mask with the one before, moved as the picture moved.
        worded: (N,) float32 IoU of its mask with what the words alone name on the frame; NaN where nobody
            looked, None where nobody looked at any.
        by_flow: whether the network did not see the frame, and masks of others were moved to it.
    """

    index: int
    source_index: int
    pts: int
    objects: tuple[FoundObject, ...]
    logits: NDArray[np.float32] = field(repr=False)
    scores: NDArray[np.float32]
    ious: NDArray[np.float32]
    agreements: NDArray[np.float32]
    worded: NDArray[np.float32] | None = None
    by_flow: bool = False

    def masks(self, frame: Frame, threshold: float) -> FrameMasks:
        """The masks on the frame's picture."""
        evidence = self.evidence(threshold)
        return FrameMasks(frame, self.logits, self.scores, threshold, self.objects, evidence=evidence)

    def evidence(self, threshold: float) -> Evidence:
        """How far the masks can be trusted."""
        return gathered(
            self.logits, threshold, self.scores, self.ious, self.agreements, self.worded, self.objects
        )


def pack_worded(worded: Sequence[float]) -> bytes:
    """How far masks agree with the words, as it stands behind a frame's objects; nothing without a number."""
    return b"" if np.isnan(worded).all() else struct.pack(f"<{len(worded)}f", *worded)


def unpack_worded(data: bytes, count: int) -> tuple[float, ...]:
    """The same back: one number for each of ``count`` objects, or none where the log was written without."""
    return struct.unpack(f"<{count}f", data) if len(data) == 4 * count else ()


def head_of(header: Header) -> bytes:
    """How a log begins."""
    return MAGIC + packed(_HEADER, header.to_json())


class TracksWriter:
    """Appends to a log, one record by one call of the system, so that what was written can be read.

    Args:
        path: a new file, or one to go on with.
        header: what is written first.
        frames: how many an earlier run wrote that stay.
        size: bytes up to the end of these; what follows is cut off. 0 for a new file.

    Raises:
        OutputError: the file exists and is to be new, or it cannot be written.
    """

    def __init__(self, path: Path, header: Header, *, frames: int = 0, size: int = 0) -> None:
        self.path = path
        self.header = header
        self.frames = frames
        with output_errors(path):
            self._file = path.open("r+b" if size else "xb", buffering=0)
            if size:
                self._file.truncate(size)
                self._file.seek(size)
            else:
                self._write(head_of(header))

    def append(
        self,
        frame: Frame,
        logits: NDArray[np.float32],
        scores: NDArray[np.float32],
        ious: NDArray[np.float32],
        agreements: NDArray[np.float32],
        worded: NDArray[np.float32] | None = None,
        *,
        by_flow: bool = False,
    ) -> FrameMasks:
        """Adds a frame.

        Args:
            frame: in order of its index.
            logits: (N, h, w) of the header's objects.
            scores: (N,) probabilities that they are visible.
            ious: (N,) IoU with the truth that the network predicts for each mask.
            agreements: (N,) IoU of each mask with the one before, moved as the picture moved.
            worded: (N,) IoU of each mask with what the words alone name; NaN or None where nobody looked.
            by_flow: whether masks of other frames were moved to this one; then nobody looked.

        Returns:
            Its masks as the log has them.

        Raises:
            OutputError: the disk is full, for example.
        """
        threshold, objects = self.header.threshold, self.header.objects
        payloads = [encode(one, threshold) for one in logits]
        source_index = frame.index if frame.source_index is None else frame.source_index
        parts = [FRAME_HEAD.pack(frame.index, source_index, frame.pts, len(payloads))]
        facts = np.stack([scores, ious, agreements], axis=1)
        for found, row, payload in zip(objects, facts.tolist(), payloads, strict=True):
            parts += [OBJECT_HEAD.pack(found.id, *row, len(payload)), payload]
        parts.append(BY_FLOW if by_flow else pack_worded([] if worded is None else worded.tolist()))
        with output_errors(self.path):
            self._write(packed(FRAME, b"".join(parts)))
        self.frames += 1
        kept = np.stack([decode(payload) for payload in payloads]) if payloads else logits
        evidence = gathered(kept, threshold, scores, ious, agreements, worded, objects)
        return FrameMasks(frame, kept, scores, threshold, objects, evidence=evidence)

    def append_record(self, payload: bytes) -> None:
        """Adds a frame that another log has, as ``payload_for`` made it of what stands there.

        Raises:
            OutputError: the disk is full, for example.
        """
        with output_errors(self.path):
            self._write(packed(FRAME, payload))
        self.frames += 1

    def synchronise(self) -> int:
        """Makes sure that what was written survives a loss of power; returns its bytes.

        Raises:
            OutputError: the disk is full, for example.
        """
        with output_errors(self.path):
            os.fsync(self._file.fileno())
            return self._file.tell()

    def finish(self) -> None:
        """Says that the log is complete.

        Raises:
            OutputError: the disk is full, for example.
        """
        with output_errors(self.path):
            self._write(end_of(self.frames))
            os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:  # an unbuffered file may take a part
            view = view[self._file.write(view) :]

    def __enter__(self) -> Self:
        """The log is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file; what is in it stays."""
        self._file.close()


def end_of(frames: int) -> bytes:
    """How a log of so many frames ends."""
    return packed(_END, struct.pack("<I", frames))


@dataclass(frozen=True)
class Condition:
    """How whole a log is.

    Attributes:
        frames: how many can be read.
        complete: whether its end was written.
        damaged: how many places between records cannot be read.
        torn: whether the last record was cut off.
    """

    frames: int
    complete: bool
    damaged: int
    torn: bool

    @property
    def problem(self) -> str | None:
        """What is wrong with it, for people; None for nothing."""
        texts = []
        if self.damaged:
            texts.append(f"{self.damaged} damaged record{'s' if self.damaged > 1 else ''} left out")
        if self.torn:
            texts.append("the last record is cut off")
        if not self.complete:
            texts.append("the run that wrote it did not come to its end")
        return "; ".join(texts) or None


class Tracks:
    """A log that is read; it may still be written.

    Attributes:
        begin: where the records behind the header begin in the file.

    Args:
        path: the file.

    Raises:
        InputError: it is no tracks file, or its header cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.header = _header(path, file)
                self.begin = file.tell()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error

    def __iter__(self) -> Generator[TrackedFrame, None, None]:
        """Reads the frames that are whole, in order; begins anew each time."""
        with closing(self.records()) as records:
            for record in records:
                if isinstance(record, Record) and record.kind == FRAME and (frame := self._frame(record)):
                    yield frame

    def masks(self, one: TrackedFrame | None, frame: Frame) -> FrameMasks:
        """The masks of all objects of the log on a frame's picture.

        Args:
            one: what the log says about the frame; None for nothing. Objects it leaves out have no mask.
            frame: with the picture.
        """
        objects, threshold = self.header.objects, self.header.threshold
        if one is not None and one.objects == objects:
            return one.masks(frame, threshold)
        rows = {} if one is None else {found.id: row for row, found in enumerate(one.objects)}
        shape = one.logits.shape[1:] if one is not None and rows else (1, 1)
        logits = np.full((len(objects), *shape), -CERTAIN, np.float32)
        scores, ious, agreements = np.zeros((3, len(objects)), np.float32)
        worded = np.full(len(objects), np.nan, np.float32)
        for place, found in enumerate(objects):
            if one is not None and found.id in rows:
                row = rows[found.id]
                logits[place], scores[place] = one.logits[row], one.scores[row]
                ious[place], agreements[place] = one.ious[row], one.agreements[row]
                worded[place] = np.nan if one.worded is None else one.worded[row]
        evidence = gathered(logits, threshold, scores, ious, agreements, worded, objects)
        return FrameMasks(frame, logits, scores, threshold, objects, evidence=evidence)

    @cached_property
    def condition(self) -> Condition:
        """Reads the whole log and says how whole it is."""
        frames, complete, damaged, torn = 0, False, 0, False
        for record in self.records():
            if isinstance(record, Damage):
                torn, damaged = torn or record.torn, damaged + (not record.torn)
            elif record.kind == FRAME:
                whole = self._frame(record) is not None
                frames, damaged = frames + whole, damaged + (not whole)
            complete = isinstance(record, Record) and record.kind == _END
        return Condition(frames, complete, damaged, torn)

    def records(self) -> Generator[Record | Damage, None, None]:
        """Reads all records behind the header, as they are."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.begin)
                yield from read_records(file)
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error

    def _frame(self, record: Record) -> TrackedFrame | None:
        """A frame's record; None where it cannot be understood although its checksum is right."""
        known = {found.id: found for found in self.header.objects}
        objects: list[FoundObject] = []
        logits: list[NDArray[np.float32]] = []
        facts: list[tuple[float, float, float]] = []
        try:
            index, source_index, pts, count = FRAME_HEAD.unpack_from(record.payload)
            place = FRAME_HEAD.size
            for _ in range(count):
                number, score, iou, agreement, length = OBJECT_HEAD.unpack_from(record.payload, place)
                place += OBJECT_HEAD.size
                objects.append(known[number])
                logits.append(decode(record.payload[place : place + length]))
                facts.append((score, iou, agreement))
                place += length
            rows = stacked(logits)
            rest = record.payload[place:]
            told = unpack_worded(rest, count)
        except (struct.error, KeyError, ValueError):
            return None
        scores, ious, agreements = np.array(facts, np.float32).reshape(-1, 3).T
        worded = np.array(told, np.float32) if told else None
        return TrackedFrame(
            index,
            source_index,
            pts,
            tuple(objects),
            rows,
            scores,
            ious,
            agreements,
            worded,
            by_flow=rest == BY_FLOW,
        )


def _header(path: Path, file: BinaryIO) -> Header:
    if file.read(len(MAGIC)) != MAGIC:
        raise InputError(f"{path}: not a tracks file of sa2va; make one with segment --save tracks")
    first = next(read_records(file), None)
    if not isinstance(first, Record) or first.kind != _HEADER:
        raise InputError(f"{path}: the header of the tracks file is damaged, so nothing in it can be read")
    file.seek(first.offset + len(packed(_HEADER, first.payload)))
    try:
        return Header.from_json(first.payload)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
