"""J and F against values that can be worked out by hand, and against the definition written out slowly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sa2va_cli.evaluation.davis import boundary_f, j_and_f, jaccard

MASKS = npst.arrays(bool, (9, 12))


def square(x: int, y: int, side: int = 40) -> np.ndarray:
    mask = np.zeros((120, 160), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def slow_boundary(mask: np.ndarray) -> list[tuple[int, int]]:
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            below, right = min(y + 1, height - 1), min(x + 1, width - 1)
            if (
                mask[y, x] != mask[y, right]
                or mask[y, x] != mask[below, x]
                or mask[y, x] != mask[below, right]
            ):
                found.append((y, x))
    return found


def slow_f(pred: np.ndarray, truth: np.ndarray, radius: int) -> float:
    ours, theirs = slow_boundary(pred), slow_boundary(truth)
    if not ours or not theirs:
        return float(ours == theirs and pred.any() == truth.any())

    def share(of, near):
        return np.mean([any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in near) for y, x in of])

    precision, recall = share(ours, theirs), share(theirs, ours)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_j_of_a_half_covered_square_is_a_third():
    assert jaccard(square(20, 20), square(40, 20)) == pytest.approx(1 / 3)


def test_f_forgives_a_shift_within_the_bound_but_not_a_larger_one():
    # The diagonal is 200 pixels, so the bound is ceil(1.6) = 2.
    assert boundary_f(square(20, 20), square(22, 20)) == 1.0
    assert boundary_f(square(20, 20), square(23, 20)) < 1.0


def test_f_of_distant_boundaries_is_zero():
    assert boundary_f(square(0, 0), square(100, 60)) == 0.0


def test_a_bound_from_one_on_is_in_pixels():
    assert boundary_f(square(20, 20), square(25, 20), 5) == 1.0
    assert boundary_f(square(20, 20), square(25, 20), 4) < 1.0


@settings(max_examples=60, deadline=None)
@given(MASKS, MASKS, st.integers(1, 3))
def test_f_is_the_definition_written_out(pred, truth, radius):
    assert boundary_f(pred, truth, radius) == pytest.approx(slow_f(pred, truth, radius))


@given(MASKS, MASKS)
def test_the_scores_are_symmetric_and_between_zero_and_one(pred, truth):
    for score in (jaccard, boundary_f):
        assert 0 <= score(pred, truth) <= 1
        assert score(pred, truth) == pytest.approx(score(truth, pred))


@given(MASKS)
def test_a_mask_scores_one_against_itself(mask):
    assert j_and_f(mask[None], mask[None]) == 1.0


def test_both_empty_is_one_and_one_empty_is_zero():
    empty = np.zeros((1, 120, 160), bool)
    assert j_and_f(empty, empty) == 1.0
    for other in (square(20, 20)[None], ~empty):
        assert j_and_f(empty, other) == 0.0
        assert j_and_f(other, empty) == 0.0


def test_j_and_f_is_the_mean_over_frames():
    pred = np.stack([square(20, 20), square(20, 20)])
    truth = np.stack([square(20, 20), np.zeros((120, 160), bool)])
    assert j_and_f(pred, truth) == 0.5


def test_masks_of_different_sizes_fail():
    with pytest.raises(ValueError, match="of one shape"):
        jaccard(np.zeros((4, 5), bool), np.zeros((5, 4), bool))


def test_logits_instead_of_masks_fail():
    with pytest.raises(ValueError, match="must be bool"):
        boundary_f(np.zeros((4, 5)), np.zeros((4, 5), bool))


def test_a_clip_without_frames_fails():
    with pytest.raises(ValueError, match="at least one frame"):
        j_and_f(np.zeros((0, 4, 5), bool), np.zeros((0, 4, 5), bool))
