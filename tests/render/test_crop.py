"""Boxes around masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa2va_cli.render.crop import Box, crop, mask_box, padded, union_box


@st.composite
def boxes_in_pictures(draw: st.DrawFn) -> tuple[Box, tuple[int, int]]:
    width, height = draw(st.integers(2, 400)), draw(st.integers(2, 400))
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))), (width, height)


def test_the_box_of_a_mask_holds_exactly_its_pixels():
    mask = np.zeros((20, 30), bool)
    mask[4:9, 7:21] = True
    assert mask_box(mask) == Box(7, 4, 21, 9)
    assert Box(7, 4, 21, 9).size == (14, 5)


def test_the_union_box_holds_all_objects_and_skips_empty_ones():
    masks = np.zeros((3, 20, 30), bool)
    masks[0, 2, 3] = masks[2, 18, 25] = True
    assert union_box(masks) == Box(3, 2, 26, 19)


def test_there_is_no_box_without_a_mask():
    assert union_box(np.zeros((2, 5, 5), bool)) is None
    assert union_box(np.zeros((0, 5, 5), bool)) is None


def test_a_large_box_gets_a_tenth_on_each_side():
    assert padded(Box(100, 100, 300, 200), (640, 360)) == Box(80, 90, 320, 210)


def test_a_small_box_gets_at_least_eight_pixels():
    assert padded(Box(50, 50, 60, 60), (640, 360)) == Box(42, 42, 68, 68)


@given(boxes_in_pictures(), st.floats(0, 1))
def test_a_padded_box_lies_in_the_picture_has_even_sides_and_loses_at_most_an_odd_last_line(case, margin):
    box, size = case
    wide = padded(box, size, margin)
    assert 0 <= wide.x0 < wide.x1 <= size[0]
    assert 0 <= wide.y0 < wide.y1 <= size[1]
    assert wide.size[0] % 2 == 0
    assert wide.size[1] % 2 == 0
    assert wide.x0 <= box.x0
    assert wide.x1 >= min(box.x1, size[0] // 2 * 2)
    assert wide.y0 <= box.y0
    assert wide.y1 >= min(box.y1, size[1] // 2 * 2)


@given(boxes_in_pictures())
def test_odd_sides_are_kept_when_asked(case):
    box, size = case
    assert padded(box, size, 0.0, even=False, least=0) == box


def test_a_negative_margin_fails():
    with pytest.raises(ValueError, match=r"margin must not be negative, got -0\.1"):
        padded(Box(0, 0, 4, 4), (8, 8), -0.1)


def test_a_box_that_ends_before_it_begins_fails():
    with pytest.raises(ValueError, match="end before it begins"):
        Box(5, 0, 4, 1)


def test_a_crop_is_a_copy_of_the_box():
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    cut = crop(image, Box(2, 1, 6, 5))
    assert np.array_equal(cut, image[1:5, 2:6])
    cut[:] = 0
    assert image[1, 2, 0] == 30
