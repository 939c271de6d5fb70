"""The scores of the demo world: what is asked and pointed at, and what counts as right."""

import numpy as np
import pytest

from sa2va_cli.demo.asking import KINDS_OF_QUESTIONS
from sa2va_cli.demo.outside import outside_words
from sa2va_cli.demo.world import Scene
from sa2va_cli.evaluation.asking import AnswerScore, answer_table, score_answers
from sa2va_cli.evaluation.park import Score, group, more_expressions, table
from sa2va_cli.evaluation.pointing import deepest, pointing_table, score_pointing
from sa2va_cli.runtime.choice import ModelChoice, Placement
from sa2va_cli.runtime.loading import load_segmenter


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter(ModelChoice("demo"), Placement("cpu", "fp32"))


def score(kind: str, *, empty: bool = False) -> Score:
    return Score(kind, "en", kind, 0.5, 0.7, empty, 10, 20)


def test_words_from_outside_and_plain_words_do_not_count_among_all():
    scores = [score("colour"), score("scenery"), score("outside", empty=True), score("none")]
    assert group(scores, "all") == scores[:1]
    assert group(scores, "scenery") == scores[1:2]
    written = table(scores, scores)
    assert "No mask where nothing matches, clips: 0.0 % of 1." in written
    assert "No mask for words from outside, pictures: 100.0 % of 1." in written
    assert "| scenery | 1 | 0.500 | 0.700 | 0.600 | 1 | 0.500 |" in written


def test_words_from_outside_are_those_that_training_never_sees():
    asked = [
        e for e in more_expressions(Scene.sample(5), [30], np.random.default_rng(0)) if e.kind == "outside"
    ]
    held = (*outside_words("en", held_out=True), *outside_words("zh", held_out=True))
    assert {e.language for e in asked} == {"en", "zh"}
    assert all(any(word in e.text.lower() for word in held) for e in asked)


def test_an_answer_is_right_to_the_last_letter_or_wrong():
    scores = [
        AnswerScore("clips", "count", "en", "How many?", "Two.", given) for given in ("Two.", "two", "Two. ")
    ]
    assert [one.right for one in scores] == [True, False, False]
    assert "| count | 3 | 33.3 | 0 | - |" in answer_table(scores)


def test_a_picture_is_asked_about_with_every_kind_that_it_has_an_answer_to(segmenter):
    scores = score_answers(segmenter, 1000, 0, clip=False)
    assert {one.source for one in scores} == {"pictures"}
    assert (
        {"count", "yes-no", "description", "grounded"}
        <= {one.kind for one in scores}
        <= {*KINDS_OF_QUESTIONS}
    )
    assert all(one.given for one in scores)


def test_all_actors_of_a_picture_are_pointed_at_boxed_and_corrected(segmenter):
    scene = Scene.sample(11)
    image, ids = scene.draw_with_scenery(40)
    scores = score_pointing(segmenter, image, ids, [a.id for a in scene.actors])
    of_actors = [one.how for one in scores if one.what == "actor"]
    assert of_actors.count("point") == of_actors.count("box") == of_actors.count("corrected half") > 0
    assert all(0.2 < one.before < 0.8 for one in scores if one.how == "corrected half")
    assert pointing_table(scores).count("\n") >= 4


def test_the_deepest_point_is_in_the_middle():
    mask = np.zeros((40, 60), np.bool_)
    mask[10:31, 20:41] = True
    assert deepest(mask) == (30, 20)
