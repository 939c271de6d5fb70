"""Positions as people type them, ranges, and input that is piped in."""

import io
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_video
from hypothesis import given
from hypothesis import strategies as st
from sa2va_cli.media.positions import parse_position

from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.media.reader import Selection, open_source, spool


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("12.5", Fraction(25, 2)),
        ("0", Fraction(0)),
        (".5", Fraction(1, 2)),
        ("00:01:02.5", Fraction(125, 2)),
        ("1:02.5", Fraction(125, 2)),
        ("90:00", Fraction(5400)),
        ("123f", 123),
        (" 7f ", 7),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_positions_are_read_exactly(text: str, position: Fraction | int) -> None:
    got = parse_position(text)
    assert got == position
    assert type(got) is type(position)


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "1:75", "1:60:00", "12.5f", "f", "1,5", "1e3", "nan", "1:2:3:4"]
)
def test_what_is_no_position_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"12\.5.*00:01:02\.5.*123f"):
        parse_position(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_clock_times_are_sums(hours: int, minutes: int, seconds: int, thousandths: int) -> None:
    text = f"{hours}:{minutes:02}:{seconds:02}.{thousandths:03}"
    assert parse_position(text) == hours * 3600 + minutes * 60 + seconds + Fraction(thousandths, 1000)


@pytest.mark.parametrize(
    "options",
    [
        {"start": Fraction(1), "start_frame": 1},
        {"end": Fraction(1), "end_frame": 1},
        {"every": 0},
        {"max_frames": 0},
        {"start": Fraction(-1)},
        {"start_frame": -1},
    ],
)
def test_selections_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Selection(**options)  # type: ignore[arg-type]


def test_the_rate_follows_the_step(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    assert open_source(path, Selection(every=4)).rate == Fraction(25, 4)


def test_an_end_behind_the_end_is_the_end(tmp_path: Path) -> None:
    reader = open_source(make_video(tmp_path / "a.mp4"), Selection(end=Fraction(100), end_frame=None))
    assert reader.count_selected() == 20
    assert reader.audio_range[1] is None


def test_piped_input_is_kept_in_a_file(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.mp4").read_bytes()
    path = spool(io.BytesIO(data), tmp_path)
    assert path.read_bytes() == data
    assert open_source(path).count_selected() == 20


def test_empty_piped_input_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing came in"):
        spool(io.BytesIO(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_piped_input_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spool(Broken(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="TMPDIR"):
        spool(io.BytesIO(b"x"), tmp_path / "nowhere")
