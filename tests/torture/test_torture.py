"""Every awkward input goes through ``segment`` with the right result or the right refusal."""

import shutil
from pathlib import Path

import pytest
from torture.page import PAGE, page
from torture.table import ROWS, Row

from sa2va_cli.media.probe import probe


def made(folder: Path, before: set[str]) -> list[Path]:
    """What a run has written, at the top of the folder."""
    return [path for path in folder.iterdir() if path.name not in before]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_an_awkward_input_has_the_right_result_or_the_right_refusal(row: Row, sa2va, folder):
    if row.needs_ffmpeg and shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed here")
    row.make(folder)
    before = {path.name for path in folder.iterdir()}
    outcome = sa2va("segment", row.name, "red", "--save", "mask", "--allow-empty", *row.options)
    if row.frames == 0:
        assert outcome.code == 3, outcome.err
        assert row.says in outcome.err
        assert outcome.err.count("error: ") == 1
        assert made(folder, before) == []
        return
    assert outcome.code == 0, outcome.err
    (mask,) = made(folder, before)
    info = probe(mask)
    assert info.size == row.size
    if row.frames > 0:
        assert info.frames == row.frames
    else:  # how much of a damaged file is decoded is the decoder's business
        assert 0 < info.frames <= 40
    warnings = [line for line in outcome.err.splitlines() if line.startswith("warning: ")]
    warnings = [line for line in warnings if "nothing matches" not in line]  # in a grey picture
    assert bool(row.says) == bool(warnings), warnings
    assert not row.says or any(row.says in line for line in warnings), warnings


def test_there_are_enough_rows_and_no_two_alike():
    assert len(ROWS) >= 60
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_the_page_says_what_the_table_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/reference"
