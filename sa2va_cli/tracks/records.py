"""Records in an append-only file, each with its length and its checksums.

A record is a head and a payload. The head begins with a mark, so that reading goes on behind what is damaged:
mark (4 bytes), kind (1), length of the payload (4), CRC-32 of the payload (4), CRC-32 of these 13 bytes (4);
numbers are little-endian. A record is written by one call, so a program that is killed leaves at most one
torn record, the last.

Knows nothing about what the payloads are.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MARK = b"\xb5sR\n"
_HEAD = struct.Struct("<4sBII")
_CHECK = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CHECK.size
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Record:
    """One record.

    Attributes:
        kind: what the payload is, as its writer counts.
        payload: the bytes.
        offset: where the record begins in the file.
    """

    kind: int
    payload: bytes
    offset: int


@dataclass(frozen=True)
class Damage:
    """Bytes that are no record.

    Attributes:
        offset: where they begin in the file.
        length: how many there are.
        torn: whether they end the file: a record that was not written to its end.
    """

    offset: int
    length: int
    torn: bool


def packed(kind: int, payload: bytes) -> bytes:
    """A record as bytes."""
    head = _HEAD.pack(_MARK, kind, len(payload), zlib.crc32(payload))
    return head + _CHECK.pack(zlib.crc32(head)) + payload


def read_records(file: BinaryIO) -> Iterator[Record | Damage]:
    """Reads a file from where it stands; what is no record is told and passed over."""
    while True:
        offset = file.tell()
        record = record_at(file, offset)
        if isinstance(record, Record):
            yield record
            continue
        after = _next_record(file, offset + 1)
        end = file.seek(0, 2)
        if offset == end:
            return
        yield Damage(offset, (end if after is None else after) - offset, torn=after is None)
        if after is None:
            return
        file.seek(after)


def heads(file: BinaryIO, ahead: int) -> Iterator[tuple[int, int, bytes]]:
    """Reads the heads of records from where a file stands, and passes payloads over; damage, too.

    Args:
        file: unbuffered, it is read less.
        ahead: how many bytes of each payload are wanted.

    Yields:
        Kind, where the record begins, and the first bytes of its payload, unchecked.
    """
    offset = file.tell()
    end = file.seek(0, 2)
    while offset < end:
        file.seek(offset)
        data = file.read(HEAD_BYTES + ahead)
        known = _facts(data[:HEAD_BYTES])
        if known is None or offset + HEAD_BYTES + known[1] > end:
            after = _next_record(file, offset + 1)
            if after is None:
                return
            offset = after
            continue
        kind, length, _ = known
        yield kind, offset, data[HEAD_BYTES : HEAD_BYTES + min(length, ahead)]
        offset += HEAD_BYTES + length


def _head_at(file: BinaryIO, offset: int) -> tuple[int, int, int] | None:
    """Kind, length and checksum of the payload, where a head stands whole; the file is left behind it."""
    file.seek(offset)
    return _facts(file.read(HEAD_BYTES))


def _facts(head: bytes) -> tuple[int, int, int] | None:
    if len(head) < HEAD_BYTES or not head.startswith(_MARK):
        return None
    if _CHECK.unpack_from(head, _HEAD.size)[0] != zlib.crc32(head[: _HEAD.size]):
        return None
    _, kind, length, checksum = _HEAD.unpack_from(head)
    return kind, length, checksum


def record_at(file: BinaryIO, offset: int) -> Record | None:
    """The record that begins somewhere in a file; None where none that is whole does."""
    head = _head_at(file, offset)
    if head is None:
        return None
    kind, length, checksum = head
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None
    return Record(kind, payload, offset)


def _next_record(file: BinaryIO, start: int) -> int | None:
    """Where the next whole record begins at or after ``start``; None where there is none."""
    file.seek(start)
    place, overlap = start, b""
    while chunk := file.read(_CHUNK):
        text = overlap + chunk
        base = place - len(overlap)
        found = text.find(_MARK)
        while found >= 0:
            if record_at(file, base + found) is not None:
                return base + found
            found = text.find(_MARK, found + 1)
        place += len(chunk)
        overlap = text[-(len(_MARK) - 1) :]
        file.seek(place)
    return None
