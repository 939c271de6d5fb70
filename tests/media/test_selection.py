"""Positions as people type them, ranges, and input that is piped in."""

import io
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_video

from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.media.reader import Selection, open_source, spool


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


@pytest.mark.parametrize(
    "end", [{"end": Fraction(100)}, {"end_frame": 100}, {"end_timecode": "00:00:09:00"}], ids=str
)
def test_an_end_behind_the_end_is_the_end(tmp_path: Path, end) -> None:
    reader = open_source(make_video(tmp_path / "a.mp4"), Selection(**end))
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
