"""Records survive whatever happens to the bytes around them."""

import io

from hypothesis import given
from hypothesis import strategies as st

from sa2va_cli.tracks.records import Damage, Record, packed, read_records

PAYLOADS = [b"", b"\xb5sR\n", b"a" * 100, bytes(range(256)) * 3, b"\xb5sR\n" * 9]
WHOLE = b"".join(packed(k, payload) for k, payload in enumerate(PAYLOADS))
ENDS = [sum(len(packed(k, p)) for k, p in enumerate(PAYLOADS[: n + 1])) for n in range(len(PAYLOADS))]


def read(data: bytes) -> list[Record | Damage]:
    return list(read_records(io.BytesIO(data)))


def test_what_was_written_is_read() -> None:
    records = read(WHOLE)
    assert [record.payload for record in records if isinstance(record, Record)] == PAYLOADS
    assert [record.kind for record in records if isinstance(record, Record)] == [0, 1, 2, 3, 4]


@given(st.integers(0, len(WHOLE)))
def test_everything_before_a_cut_is_read_and_the_torn_tail_is_told(cut: int) -> None:
    found = read(WHOLE[:cut])
    whole = sum(end <= cut for end in ENDS)
    assert [record.payload for record in found if isinstance(record, Record)] == PAYLOADS[:whole]
    torn = cut - ([0, *ENDS][whole])
    assert [one for one in found if isinstance(one, Damage)] == (
        [Damage(cut - torn, torn, torn=True)] if torn else []
    )


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_costs_one_record_and_no_other(place: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= change
    found = read(bytes(data))
    hit = sum(end <= place for end in ENDS)
    assert [record.payload for record in found if isinstance(record, Record)] == [
        payload for k, payload in enumerate(PAYLOADS) if k != hit
    ]
    assert len([one for one in found if isinstance(one, Damage)]) == 1


@given(st.binary(max_size=300))
def test_bytes_that_are_no_records_are_one_damage(data: bytes) -> None:
    found = read(data)
    assert all(isinstance(one, Damage) and one.torn for one in found)
    assert len(found) == bool(data)
