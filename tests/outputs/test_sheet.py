"""Contact sheets of videos, folders and single pictures."""

from pathlib import Path

import numpy as np
import pytest
from clips import make_folder, make_image, make_video
from PIL import Image

from sa2va_cli.outputs import sheet
from sa2va_cli.render.sheet import draw_sheet


@pytest.fixture
def captions(monkeypatch) -> list[str]:
    """Grows by what is written below the pictures of a sheet."""
    written: list[str] = []

    def draw(cells):
        written.extend(cell.caption for cell in cells)
        return draw_sheet(cells)

    monkeypatch.setattr(sheet, "draw_sheet", draw)
    return written


def sheet_of(run, source: Path, *options: str) -> np.ndarray:
    outcome = run("segment", source.name, "red corner", "--save", "sheet", "-o", "out.png", *options)
    assert outcome.code == 0, outcome.err
    return np.asarray(Image.open("out.png"))


@pytest.mark.parametrize(
    ("frames", "cells"), [(1, 1), (5, 5), (12, 12), (40, 12)], ids=["one", "few", "a dozen", "many"]
)
def test_a_video_has_a_dozen_cells_at_most(sa2va, folder, captions, frames, cells):
    sheet_of(sa2va, make_video(folder / "a.mp4", stamps=range(frames)))
    assert len(captions) == cells
    assert captions[0] == "0:00.0  frame 0"
    assert captions[-1].endswith(f"frame {frames - 1}")


def test_a_part_of_a_video_is_captioned_with_times_of_the_source(sa2va, folder, captions):
    video = make_video(folder / "a.mp4", stamps=range(40, 60))
    sheet_of(sa2va, video, "--start", "5f", "--every", "5")
    assert captions == ["0:00.2  frame 5", "0:00.4  frame 10", "0:00.6  frame 15"]


def test_pictures_are_captioned_with_their_names(sa2va, folder, captions):
    sheet_of(sa2va, make_folder(folder / "shot", 3))
    assert captions == ["frame0", "frame1", "frame2"]
    captions.clear()
    sheet_of(sa2va, make_image(folder / "b.png"), "--overwrite")
    assert captions == ["b"]


def test_large_pictures_are_made_small_and_keep_their_shape(sa2va, folder):
    pixels = sheet_of(sa2va, make_image(folder / "b.png", size=(1200, 900)))
    assert 480 <= pixels.shape[1] < 500
    assert 360 <= pixels.shape[0] < 400
