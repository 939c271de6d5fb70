from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.selection import parse_time


@pytest.mark.parametrize(
    ("text", "seconds", "frame"),
    [
        ("12.5", Fraction(25, 2), None),
        ("0", Fraction(0), None),
        (2.5, Fraction(5, 2), None),
        ("90", Fraction(90), None),
        ("1:30", Fraction(90), None),
        ("01:02:03.500", Fraction(7447, 2), None),
        ("100:00:00", Fraction(360_000), None),
        ("123f", None, 123),
        ("0F", None, 0),
    ],
)
def test_times_are_read_exactly(text, seconds, frame):
    assert parse_time(text, "start") == (seconds, frame)


@pytest.mark.parametrize(
    "text", ["", "noon", "-1", "1:75", "1:2:3:4", "00:00:00:0", "1.5f", "nan", "inf", "1e3", "12,5"]
)
def test_what_is_no_time_fails(text):
    with pytest.raises(UsageError, match="end"):
        parse_time(text, "end")


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_clock_times_round_trip(hours, minutes, seconds, milliseconds):
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"
    expected = 3600 * hours + 60 * minutes + seconds + Fraction(milliseconds, 1000)
    assert parse_time(text, "start") == (expected, None)
