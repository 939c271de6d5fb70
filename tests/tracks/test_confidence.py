"""What speaks against a mask, one fact at a time."""

import numpy as np
import pytest

from sa2va_cli.datatypes import Evidence, FoundObject, Prompt
from sa2va_cli.tracks.confidence import DOUBTFUL, gathered

Y, X = np.mgrid[:64, :64].astype(np.float32)


def disc(radius: float = 16, steepness: float = 4) -> np.ndarray:
    return steepness * (radius - np.hypot(Y - 32, X - 32))


def judged(
    logits: np.ndarray,
    *,
    score=1.0,
    iou=0.93,
    agreement=0.9,
    threshold=0.5,
    worded=None,
    margin=None,
    elsewhere=None,
) -> Evidence:
    values = (np.array([value], np.float32) for value in (score, iou, agreement))
    asked = None if worded is None else np.array([worded], np.float32)
    found = FoundObject(1, Prompt(1, "disc"), "disc", margin, elsewhere)
    return gathered(logits[None].astype(np.float32), threshold, *values, asked, (found,))


def test_a_steep_steady_mask_that_the_network_likes_is_trusted():
    assert judged(disc()).confidences[0] > DOUBTFUL


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (judged(disc(), iou=0.5), "unsure edge"),
        (judged(disc(), iou=0.85, agreement=0.0), "jumped"),
        (judged(disc(radius=1.0), iou=0.86, agreement=0.7), "nearly hidden"),
        (judged(disc(radius=-50), score=0.6), "lost"),
        (judged(disc(), worded=0.3), "not as named"),
        (judged(disc(), margin=0.2, worded=0.8), "unsure words"),
        (judged(disc(), elsewhere=0.5, worded=0.9), "unsure words"),
        (judged(disc(), elsewhere=0.1, worded=0.3), "not as named"),
        (judged(disc(radius=-50), score=0.3, worded=0.0), "lost"),
    ],
)
def test_each_fault_has_its_reason(evidence, reason):
    assert evidence.confidences[0] < DOUBTFUL
    assert evidence.reasons == (reason,)


def test_an_object_that_is_surely_absent_is_not_lost():
    assert judged(disc(radius=-50), score=0.02, agreement=0.0).confidences[0] > DOUBTFUL


def test_a_soft_edge_is_trusted_less_than_a_steep_one():
    soft, steep = (judged(disc(steepness=value)).confidences[0] for value in (0.1, 4))
    assert soft < steep


def test_confidence_falls_with_each_fact_and_stays_between_0_and_1():
    for name in ("iou", "agreement", "worded", "margin"):
        values = [judged(disc(), **{name: value}).confidences[0] for value in np.linspace(1, 0, 9)]
        assert values == sorted(values, reverse=True)
        assert 0 < values[-1] < values[0] < 1


def test_what_nobody_asked_the_words_about_is_judged_without_them():
    for unknown in (None, np.nan):
        assert judged(disc(), worded=unknown).confidences == judged(disc()).confidences
    assert judged(disc(radius=-50), score=0.02, worded=np.nan).confidences[0] > DOUBTFUL


def test_words_that_the_model_was_sure_of_are_as_good_as_those_that_nobody_measured():
    assert judged(disc(), margin=7.0).confidences == judged(disc()).confidences


def test_where_nothing_else_was_nearly_answered_hesitating_over_words_is_hardly_a_doubt():
    known, unknown = (judged(disc(), elsewhere=value, margin=0.1).confidences[0] for value in (0.0, None))
    assert known > DOUBTFUL > unknown


def test_what_was_probably_not_meant_is_trusted_as_little_as_that_is_probable():
    sure, other = (judged(disc(), elsewhere=value).confidences[0] for value in (0.0, 0.75))
    assert other == pytest.approx(sure / 4)
    assert np.isfinite(judged(disc(), elsewhere=1.0).confidences).all()


def test_no_objects_have_no_evidence():
    evidence = gathered(np.zeros((0, 1, 1), np.float32), 0.5, *np.zeros((3, 0), np.float32))
    assert evidence.confidences.shape == (0,)
    assert evidence.reasons == ()


def test_values_beyond_all_bounds_give_numbers():
    wild = np.full((2, 8, 8), -1024, np.float32)
    wild[0] = 1e9
    evidence = gathered(wild, 0.5, *np.array([[0, 1], [1, 0], [0, 1]], np.float32))
    assert np.isfinite(evidence.confidences).all()
