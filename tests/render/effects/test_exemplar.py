"""A hole is filled with what looks as its surroundings do."""

import numpy as np
import pytest

from sa2va_cli.render.effects.exemplar import filled_by_example


def stripes(dtype=np.uint8):
    """Dark and bright stripes of 6 pixels, upright."""
    row = np.where(np.arange(96) // 6 % 2, 200, 60).astype(dtype) * (257 if dtype is np.uint16 else 1)
    return np.repeat(np.repeat(row[None, :, None], 72, axis=0), 3, axis=2).astype(dtype)


HOLE = np.zeros((72, 96), np.bool_)
HOLE[28:44, 36:60] = True


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_pattern_goes_on_through_the_hole(dtype):
    truth = stripes(dtype)
    given = truth.copy()
    given[HOLE] = 0
    filled = filled_by_example(given, HOLE, ~HOLE)
    assert filled.dtype == dtype
    assert (filled == truth)[~HOLE].all()
    wrong = np.abs(filled.astype(int) - truth)[HOLE] > 0.2 * np.iinfo(dtype).max
    assert wrong.mean() < 0.1
    assert (filled_by_example(given, HOLE, ~HOLE) == filled).all()


def test_without_surroundings_there_is_nothing_to_fill_with():
    assert filled_by_example(stripes(), HOLE, np.zeros_like(HOLE)) is None


def test_one_row_of_examples_fills_it():
    """No patch above or below one of them is an example: there was nothing to compare, and an error."""
    picture = np.random.default_rng(0).integers(0, 255, (24, 300, 3)).astype(np.uint8)
    lacking, usable = np.zeros((2, 24, 300), np.bool_)
    lacking[14:18, 100:200] = usable[:7] = True
    filled = filled_by_example(picture, lacking, usable)
    assert filled is not None
    assert (filled == picture)[~lacking].all()
