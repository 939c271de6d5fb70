"""Plain words, words from outside, and questions: what they say is true of the scene they are about."""

import re

import numpy as np
import pytest

from sa2va_cli.demo.actors import KINDS
from sa2va_cli.demo.asking import KINDS_OF_QUESTIONS, asked
from sa2va_cli.demo.landscape import SCENERY
from sa2va_cli.demo.outside import outside_noun, outside_phrase, outside_words
from sa2va_cli.demo.plain import CHINESE, ENGLISH, WIDER, plain_expressions, scenery_seen
from sa2va_cli.demo.scene import SCENERY_NUMBERS, Scene

STILL = (30,)
CLIP = tuple(range(0, 96, 12))


@pytest.mark.parametrize("seed", range(6))
def test_scenery_is_what_is_left_where_there_is_no_actor(seed):
    scene = Scene.sample(seed)
    image, ids = scene.draw(20)
    same_image, everything = scene.draw_with_scenery(20)
    assert np.array_equal(image, same_image)
    assert np.array_equal(np.where(everything < SCENERY_NUMBERS["sky"], everything, 0), ids)
    assert set(everything[ids == 0]) <= set(SCENERY_NUMBERS.values())
    assert np.array_equal(scene.draw_scenery_ids(20), everything)


@pytest.mark.parametrize("kind", ["house", "bench", "tree"])
def test_landmarks_of_a_scene_are_found_in_its_scenery(kind):
    scenes = [Scene.sample(seed) for seed in range(12)]
    has = [any(mark.kind == kind for mark in scene.landmarks) for scene in scenes]
    seen = [scenery_seen(scene, CLIP)[kind] for scene in scenes]
    assert True in seen
    assert [one for one, there in zip(seen, has, strict=True) if not there] == [False] * has.count(False)


def test_the_sun_is_brighter_than_the_sky_around_it():
    scene = Scene.sample(3)
    image, ids = scene.draw_with_scenery(0)
    sun, sky = (image[ids == SCENERY_NUMBERS[name]].mean() for name in ("sun", "sky"))
    assert sun > sky


def test_words_from_outside_are_many_and_those_for_evaluation_are_others():
    english, chinese = outside_words("en"), outside_words("zh")
    held = outside_words("en", held_out=True), outside_words("zh", held_out=True)
    assert len(set(english)) == len(english) >= 600
    assert len(set(chinese)) == len(chinese) >= 200
    assert len(held[0]) >= 100
    assert len(held[1]) >= 50
    assert not set(english) & set(held[0])
    assert not set(chinese) & set(held[1])
    world = {word for pairs in ENGLISH.values() for pair in pairs for word in pair} | set(SCENERY)
    assert not world & {*english, *held[0]}
    assert not {word for words in CHINESE.values() for word in words} & {*chinese, *held[1]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_evaluation_says_a_word_that_training_never_does(language):
    rng = np.random.default_rng(0)
    held = outside_words(language, held_out=True)
    for _ in range(100):
        phrase = outside_phrase(language, rng, held_out=True)
        assert any(word in phrase.lower() for word in held)
        assert outside_noun(language, rng) not in held


@pytest.mark.parametrize("times", [STILL, CLIP])
def test_plain_words_mean_everyone_they_fit(times):
    said = 0
    for seed in range(12):
        scene = Scene.sample(seed)
        for e in plain_expressions(scene, times, np.random.default_rng(seed), 12):
            noun = re.sub(r"^(the|a|all|all the|every) ", "", e.text.lower().rstrip("."))
            kinds = {
                k for n, pairs in ENGLISH.items() for k in WIDER[n] if noun in {w for p in pairs for w in p}
            }
            if kinds and e.actors:
                said += 1
                assert {a.kind for a in scene.actors if a.id in e.actors} <= kinds
            if e.kind == "scenery":
                assert set(e.actors) <= set(SCENERY_NUMBERS.values())
            assert (e.kind == "none") == (not e.actors)
    assert said > 5


def test_counts_yes_and_no_are_true():
    checked = 0
    for seed in range(30):
        scene = Scene.sample(seed)
        rng = np.random.default_rng(seed)
        for q in asked(scene, STILL, rng, 12, ("count", "yes-no")):
            if q.kind == "count" and q.language == "en" and q.answer != "None.":
                assert ("Zero", "One", "Two", "Three", "Four", "Five", "Six").index(q.answer[:-1]) == len(
                    q.about
                )
                checked += 1
            if match := re.fullmatch(r"Is there an? (\w+)\?", q.text):
                kind = match[1]
                if kind in KINDS:
                    assert (q.answer == "Yes.") == bool(q.about)
                    assert q.answer == "No." or kind in {a.kind for a in scene.actors}
                    checked += 1
    assert checked > 20


def test_every_kind_of_question_is_asked_in_both_languages_and_nothing_moves_in_a_picture():
    found, still = set(), set()
    for seed in range(40):
        scene, rng = Scene.sample(seed), np.random.default_rng(seed)
        found |= {(q.kind, q.language) for q in asked(scene, CLIP, rng, 12)}
        still |= {q.kind for q in asked(scene, STILL, rng, 12)}
    assert found == {(kind, language) for kind in KINDS_OF_QUESTIONS for language in ("en", "zh")}
    assert still == set(KINDS_OF_QUESTIONS) - {"deed"}


def test_a_description_with_masks_has_one_mask_for_each_phrase():
    for seed in range(10):
        for q in asked(Scene.sample(seed), STILL, np.random.default_rng(seed), 4, ("grounded",)):
            assert q.answer.count("[SEG]") == q.answer.count("<p>") == len(q.segments) <= 3
            assert {i for each in q.segments for i in each} == set(q.about)
