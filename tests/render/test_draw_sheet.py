"""Pictures in rows with captions."""

import numpy as np
import pytest

from sa2va_cli.render.sheet import Cell, columns_for, draw_sheet


def cell(shade: int, caption: str = "0:01.0", size=(40, 60)) -> Cell:
    return Cell(np.full((*size, 3), shade, np.uint8), caption)


@pytest.mark.parametrize(
    ("count", "size", "columns"), [(1, (640, 360), 1), (12, (640, 360), 4), (12, (360, 640), 6)]
)
def test_a_sheet_has_the_shape_of_a_screen(count, size, columns):
    assert columns_for(count, size) == columns


def test_pictures_stand_in_order_and_unchanged():
    sheet = draw_sheet([cell(100 + 10 * k) for k in range(4)])
    places = [np.argwhere((sheet == 100 + 10 * k).all(axis=2)) for k in range(4)]
    assert [len(place) for place in places] == [40 * 60] * 4
    corners = [tuple(place.min(axis=0)) for place in places]
    assert corners == sorted(corners)


def test_captions_are_written_below_and_no_wider_than_the_picture():
    without, with_one = (draw_sheet([cell(0, caption)]) for caption in (" ", "W" * 300))
    assert without.shape == with_one.shape
    changed = np.argwhere((without != with_one).any(axis=2))
    assert changed[:, 0].min() > 40
    assert changed[:, 1].max() < 60 + 8


def test_a_caption_that_no_font_has_is_a_number():
    np.testing.assert_array_equal(draw_sheet([cell(0, "\U0010fffe")]), draw_sheet([cell(0, "#1")]))


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="one size"):
        draw_sheet([cell(0), cell(0, size=(3, 3))])
