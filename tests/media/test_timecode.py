"""SMPTE timecode, with and without dropped numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa2va_cli.errors import UsageError
from sa2va_cli.media.timecode import Timecode

NTSC, DOUBLE = Fraction(30000, 1001), Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "frames", "later"),
    [
        ("10:11:12:13", Fraction(24), 12, "10:11:13:01"),
        ("10:11:12:13", Fraction(24000, 1001), 12, "10:11:13:01"),
        ("10:11:12:13", Fraction(25), 12, "10:11:13:00"),
        ("00:00:59:29", NTSC, 1, "00:01:00:00"),
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),
        ("00:00:59;59", DOUBLE, 1, "00:01:00;04"),
        ("00:00:59.29", NTSC, 1, "00:01:00;02"),
        ("23:59:59:23", Fraction(24), 1, "00:00:00:00"),
        ("23:59:59;29", NTSC, 1, "00:00:00;00"),
        ("01:00:00;00", NTSC, 0, "01:00:00;00"),
    ],
)
def test_counting_on(text: str, rate: Fraction, frames: int, later: str) -> None:
    assert str(Timecode.parse(text, rate) + frames) == later


def test_an_hour_of_drop_frame_is_an_hour() -> None:
    assert Timecode.parse("01:00:00;00", NTSC).frames == 107_892
    assert Timecode.parse("01:00:00;00", DOUBLE).frames == 215_784
    assert Timecode.parse("01:00:00:00", NTSC).frames == 108_000


@given(st.integers(0, 24 * 107_892 - 1))
def test_every_frame_has_one_name(frames: int) -> None:
    named = Timecode(frames, 30, drop=True)
    assert Timecode.parse(str(named), NTSC) == named


@given(st.integers(0, 24 * 215_784 - 1))
def test_every_frame_has_one_name_at_sixty(frames: int) -> None:
    named = Timecode(frames, 60, drop=True)
    assert Timecode.parse(str(named), DOUBLE) == named


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10:11:12", Fraction(24)),
        ("10:11:12:24", Fraction(24)),
        ("10:60:12:00", Fraction(24)),
        ("24:00:00:00", Fraction(24)),
        ("10:11:12;13", Fraction(25)),
        ("00:01:00;00", NTSC),
        ("00:01:00;03", DOUBLE),
        ("nonsense", Fraction(24)),
    ],
)
def test_what_names_no_frame_is_refused(text: str, rate: Fraction) -> None:
    with pytest.raises(UsageError, match=r"timecode|names no frame"):
        Timecode.parse(text, rate)


def test_the_same_time_at_another_rate() -> None:
    assert str(Timecode.parse("10:11:12:13", Fraction(24)).at_rate(Fraction(12))) == "10:11:12:06"
    assert str(Timecode.parse("00:00:59;29", NTSC).at_rate(NTSC)) == "00:00:59;29"
