"""cIoU and gIoU on pairs whose areas can be counted."""

import numpy as np
import pytest

from sa2va_cli.evaluation.images import cumulative_iou, generalized_iou


def row(*filled: int, width: int = 100) -> np.ndarray:
    mask = np.zeros((1, width), bool)
    mask[0, slice(*filled)] = True
    return mask


EMPTY = row(0, 0)
HALF_OF_A_LARGE = row(0, 40), row(0, 80)
ALL_OF_A_SMALL = row(0, 10), row(0, 10)


def test_ciou_weighs_by_area():
    assert cumulative_iou([HALF_OF_A_LARGE, ALL_OF_A_SMALL]) == pytest.approx(50 / 90)


def test_giou_weighs_sentences_alike():
    assert generalized_iou([HALF_OF_A_LARGE, ALL_OF_A_SMALL]) == pytest.approx(0.75)


def test_without_a_target_an_empty_answer_scores_one_and_any_other_zero():
    assert generalized_iou([(EMPTY, EMPTY)]) == 1.0
    assert generalized_iou([(row(0, 1), EMPTY)]) == 0.0


def test_a_false_alarm_adds_to_the_union_of_ciou():
    assert cumulative_iou([ALL_OF_A_SMALL, (row(0, 30), EMPTY)]) == pytest.approx(10 / 40)


def test_empty_masks_alone_score_one():
    assert cumulative_iou([(EMPTY, EMPTY)]) == 1.0


def test_pairs_may_come_from_a_generator_and_differ_in_size():
    pairs = ((row(0, 5, width=width), row(0, 5, width=width)) for width in (10, 20))
    assert generalized_iou(pairs) == 1.0


@pytest.mark.parametrize("score", [cumulative_iou, generalized_iou])
def test_no_pair_fails(score):
    with pytest.raises(ValueError, match="at least one pair"):
        score([])


@pytest.mark.parametrize("score", [cumulative_iou, generalized_iou])
def test_a_pair_of_different_sizes_fails(score):
    with pytest.raises(ValueError, match="of one shape"):
        score([(row(0, 1), row(0, 1, width=7))])
