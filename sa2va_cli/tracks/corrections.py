"""A log with some masks replaced or added: what a correction leaves of it, and what it says about itself.

Records of frames that do not change are copied as they are, and so is the header. On a frame that changes,
the masks of all other objects keep their bytes. A new object stands behind the others in the header and on
each frame; a header that is not the old one's is written anew. What was corrected is told in a record of its
own kind, which readers that do not know it pass over.
"""

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import InputError
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.coding import encode
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import (
    CORRECTION,
    FRAME,
    FRAME_HEAD,
    OBJECT_HEAD,
    Tracks,
    head_of,
    pack_worded,
    unpack_worded,
)
from sa2va_cli.tracks.records import Record, heads, packed, record_at
from sa2va_cli.visual_prompts import VisualPrompt, from_document, to_document


@dataclass(frozen=True)
class Correction:
    """What was said about one object afterwards.

    Attributes:
        object: its id.
        prompts: what it was pointed at with; empty where it was only taken away.
        frames: indices of the frames on which it was.
        first: index of the first frame that changed.
        last: index of the last one.
        model: name of the model that followed it; empty where none did.
        added: whether the object was not there before.
    """

    object: int
    prompts: tuple[VisualPrompt, ...]
    frames: tuple[int, ...]
    first: int
    last: int
    model: str = ""
    added: bool = False

    def to_json(self) -> bytes:
        """The correction as UTF-8."""
        document = {
            "object": self.object,
            "prompts": [to_document(one) for one in self.prompts],
            "frames": self.frames,
            "first": self.first,
            "last": self.last,
            "model": self.model,
            "added": self.added,
        }
        return json.dumps(document).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Correction":
        """Reads what ``to_json`` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            document = json.loads(data)
            return cls(
                int(document["object"]),
                tuple(from_document(one) for one in document["prompts"]),
                tuple(int(index) for index in document["frames"]),
                int(document["first"]),
                int(document["last"]),
                str(document["model"]),
                bool(document.get("added", False)),  # older versions have none
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"a correction is not understood ({type(error).__name__}: {error})") from error


@dataclass(frozen=True, eq=False)
class NewMask:
    """An object's mask on one frame, and what the network says about it.

    Attributes:
        logits: (h, w) float32.
        score: probability that it is visible.
        iou: with the truth, as the network predicts it.
        agreement: IoU with the mask before, moved as the picture moved.
    """

    logits: NDArray[np.float32] = field(repr=False)
    score: float
    iou: float
    agreement: float


def corrections_of(tracks: Tracks) -> tuple[Correction, ...]:
    """What was corrected in a log, in order; what cannot be understood is left out.

    Masks are passed over unread: a log of hours is looked through in a second.

    Raises:
        InputError: the log cannot be read.
    """
    try:
        with tracks.path.open("rb", buffering=0) as file:
            file.seek(tracks.begin)
            places = [place for kind, place, _ in heads(file, 0) if kind == CORRECTION]
            return understood(record_at(file, place) for place in places)
    except OSError as error:
        raise InputError(f"{tracks.path}: {error.strerror or error}") from error


def understood(records: Iterable[Record | None]) -> tuple[Correction, ...]:
    """The corrections that records hold; what is damaged or cannot be understood is left out."""
    found = []
    for record in records:
        if record is None:
            continue
        try:
            found.append(Correction.from_json(record.payload))
        except ValueError:
            continue
    return tuple(found)


def write_corrected(
    tracks: Tracks,
    path: Path,
    corrections: Sequence[Correction],
    changed: Iterable[tuple[int, Mapping[int, NewMask | None]]],
    header: Header | None = None,
) -> NDArray[np.int64]:
    """Writes a log with some masks replaced or added.

    Args:
        tracks: the log as it was.
        path: of the new one; a file that may be written over.
        corrections: what is told in it besides.
        changed: by rising index of the frame, the new masks of objects by their id; None for none.
        header: with the objects that are new behind the others; None for that of the log.

    Returns:
        The indices of the frames that have changed, rising.

    Raises:
        OutputError: the disk is full, for example.
    """
    written = array("q")
    with output_errors(path), path.open("wb") as file:
        _write_head(tracks, header, file)
        for one in corrections:
            file.write(packed(CORRECTION, one.to_json()))
        ahead = iter(changed)
        new = next(ahead, None)
        for record in _whole(tracks):
            payload = record.payload
            if record.kind == FRAME:
                index = FRAME_HEAD.unpack_from(payload)[0]
                while new is not None and new[0] < index:
                    new = next(ahead, None)
                if new is not None and new[0] == index and new[1]:
                    payload = _replaced(payload, new[1], tracks.header.threshold)
                    written.append(index)
            file.write(packed(record.kind, payload))
        for _ in ahead:  # to its end, where the log has fewer frames
            pass
    return np.array(written)


def _write_head(tracks: Tracks, header: Header | None, file: BinaryIO) -> None:
    if header is not None and header != tracks.header:
        file.write(head_of(header))
        return
    with tracks.path.open("rb") as old:
        file.write(old.read(tracks.begin))


def _whole(tracks: Tracks) -> Iterator[Record]:
    return (record for record in tracks.records() if isinstance(record, Record))


def _replaced(payload: bytes, masks: Mapping[int, NewMask | None], threshold: float) -> bytes:
    """The record of a frame with other masks for some of its objects; the others keep their bytes."""
    index, source_index, pts, count = FRAME_HEAD.unpack_from(payload)
    place, rows = FRAME_HEAD.size, {}
    for _ in range(count):
        number, score, iou, agreement, length = OBJECT_HEAD.unpack_from(payload, place)
        place += OBJECT_HEAD.size
        rows[number] = (score, iou, agreement, payload[place : place + length])
        place += length
    worded = dict(zip(rows, unpack_worded(payload[place:], count), strict=False))
    for number, one in masks.items():
        worded.pop(number, None)  # nobody looked at what the words say of the new mask
        if one is None:
            rows.pop(number, None)
            continue
        rows[number] = (one.score, one.iou, one.agreement, encode(one.logits, threshold))
    parts = [FRAME_HEAD.pack(index, source_index, pts, len(rows))]
    for number, (*facts, coded) in sorted(rows.items()):
        parts += [OBJECT_HEAD.pack(number, *facts, len(coded)), coded]
    parts.append(pack_worded([worded.get(number, math.nan) for number in sorted(rows)]))
    return b"".join(parts)
