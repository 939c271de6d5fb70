"""Polygons of masks: drawn again, they are the masks."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, ImageDraw

from sa2va_cli.export.polygons import joined_polygon, mask_polygons

MASKS = npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=24))


def drawn(polygons, shape) -> np.ndarray:
    """What ``cv2.fillPoly`` makes of polygons, each by itself."""
    canvas = np.zeros(shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(canvas, [polygon], 1)
    return canvas.astype(bool)


def blob(seed: int, height: int, width: int) -> np.ndarray:
    """A smooth mask, as networks make them: parts with holes and with parts in these."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return cv2.GaussianBlur(noise, (0, 0), 3) > 0


@given(MASKS)
@settings(max_examples=300)
def test_the_polygons_of_any_mask_are_the_mask_again_to_the_pixel(mask):
    assert np.array_equal(drawn(mask_polygons(mask), mask.shape), mask)


@pytest.mark.parametrize("seed", range(5))
def test_holes_within_parts_within_holes_come_back(seed):
    mask = blob(seed, 90, 160)
    assert cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[1].shape[1] > 5
    assert np.array_equal(drawn(mask_polygons(mask), mask.shape), mask)


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_pillow_draws_the_same_but_for_the_border(seed):
    mask = blob(seed, 40, 60)
    canvas = Image.new("1", (60, 40))
    for polygon in mask_polygons(mask):
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in polygon.tolist()], fill=1, outline=1)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    outer = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    got = np.array(canvas)
    assert not np.any(inner & ~got)
    assert not np.any(got & ~outer)


@given(MASKS)
def test_one_polygon_for_all_parts_adds_nothing_but_its_bridges(mask):
    polygons = mask_polygons(mask)
    whole = joined_polygon(polygons)
    if whole is None:
        assert not mask.any()
        return
    got = drawn([whole], mask.shape)
    assert np.array_equal(got & mask, mask)
    assert (got & ~mask).sum() <= (len(polygons) - 1) * max(mask.shape)


def test_a_bridge_is_a_line_of_one_pixel_between_the_nearest_corners():
    mask = np.zeros((20, 40), bool)
    mask[5:15, 2:10] = mask[5:15, 20:30] = True
    extra = drawn([joined_polygon(mask_polygons(mask))], mask.shape) & ~mask
    assert extra.sum() == 10
    assert len(set(np.nonzero(extra)[0])) == 1


def test_a_square_has_four_corners():
    mask = np.zeros((10, 10), bool)
    mask[2:7, 3:9] = True
    (polygon,) = mask_polygons(mask)
    assert sorted(map(tuple, polygon.tolist())) == [(3, 2), (3, 6), (8, 2), (8, 6)]


@pytest.mark.parametrize("pixels", [[(2, 3)], [(2, 3), (2, 4)], [(2, 3), (3, 4)]])
def test_the_smallest_parts_have_three_corners(pixels):
    mask = np.zeros((6, 6), bool)
    for row, column in pixels:
        mask[row, column] = True
    (polygon,) = mask_polygons(mask)
    assert polygon.shape == (3, 2)


def test_an_empty_mask_has_no_polygon():
    assert mask_polygons(np.zeros((5, 5), bool)) == []
    assert joined_polygon([]) is None


def test_a_mask_that_is_not_contiguous_is_taken():
    mask = blob(1, 30, 20).T
    assert np.array_equal(drawn(mask_polygons(mask), mask.shape), mask)
