"""Every row of the table of effects keeps the same promises."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from render.effects.moving import SIZE, clip, drawn, example

from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.parameters import Number
from sa2va_cli.render.effects.reading import Target, effect_row, read_effect, written_effect
from sa2va_cli.render.effects.table import EFFECTS

NAMES = tuple(name for name, row in EFFECTS.items() if row.family != "generated")
"""All but what shows frames that a back-end has made, which are in a folder."""
INSIDE = tuple(name for name in NAMES if EFFECTS[name].area == "inside")
OUTSIDE = tuple(name for name in NAMES if EFFECTS[name].area == "outside")
NOTHING = np.zeros(SIZE[::-1], np.float32)
EVERYTHING = np.ones(SIZE[::-1], np.float32)


@cache
def shown(name, deep):
    """A clip and what becomes of it, for those that only look at both."""
    scenes = clip(3, deep=deep)
    return scenes, drawn(scenes, example(name))[0]


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("name", NAMES)
def test_an_effect_gives_a_picture_of_the_source_s_type_and_changes_something(name, deep):
    scenes, found = shown(name, deep)
    for scene, one in zip(scenes, found, strict=True):
        assert one.picture.shape == scene.picture.shape
        assert one.picture.dtype == scene.picture.dtype
    assert (found[-1].picture != scenes[-1].picture).any()


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_marked_as_touched_is_the_source_to_the_bit(name, deep):
    for scene, one in zip(*shown(name, deep), strict=True):
        assert (one.picture == scene.picture)[one.touched == 0].all()


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("name", INSIDE)
def test_an_effect_inside_touches_nothing_where_alpha_is_0(name, deep):
    for scene, one in zip(*shown(name, deep), strict=True):
        outside = scene.objects[0].alpha == 0
        assert (one.picture == scene.picture)[outside].all()
        assert not one.touched[outside].any()


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_effect_outside_leaves_alone_what_is_all_the_target_s(name):
    scenes = clip(2)
    for scene, one in zip(scenes, drawn(scenes, example(name))[0], strict=True):
        assert (one.picture == scene.picture)[scene.objects[0].alpha == 1].all()


@pytest.mark.parametrize("name", [name for name in NAMES if EFFECTS[name].area != "outside"])
def test_without_any_mask_the_picture_stays_as_it_is(name):
    scenes = clip(2, alphas=NOTHING)
    for scene, one in zip(scenes, drawn(scenes, example(name))[0], strict=True):
        assert (one.picture == scene.picture).all()
        assert not one.touched.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alpha", [NOTHING, EVERYTHING], ids=["empty", "full"])
def test_an_empty_and_a_full_mask_are_drawn_without_complaint(name, alpha):
    for one in drawn(clip(2, alphas=alpha), example(name))[0]:
        assert one.picture.shape == (*SIZE[::-1], 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_of_one_pixel_in_a_corner_is_drawn_without_complaint(name):
    alpha = NOTHING.copy()
    alpha[-1, -1] = 1
    assert len(drawn(clip(2, alphas=alpha), example(name))[0]) == 2


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_draws_the_same_at_every_run(name):
    first, again = shown(name, False)[1], drawn(clip(3), example(name))[0]
    for one, other in zip(first, again, strict=True):
        assert (one.picture == other.picture).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_with_its_target_turned_round_is_drawn_on_everything_else(name):
    use = replace(example(name), target=Target(inverted=True))
    scenes = clip(2)
    found = drawn(scenes, use)[0]
    assert (found[-1].picture != scenes[-1].picture).any()
    for scene, one in zip(scenes, found, strict=True):
        if EFFECTS[name].area == "inside":
            assert (one.picture == scene.picture)[scene.objects[0].alpha == 1].all()


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_is_drawn_in_its_time_only(name):
    scenes = clip(4)
    use = replace(example(name), begin_seconds=2 / 24)
    found, _ = drawn(scenes, use)
    same = [(one.picture == scene.picture).all() for scene, one in zip(scenes, found, strict=True)]
    assert same[:2] == [True, True]
    assert not same[3]  # a zoom begins with what there is


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_leaves_what_it_is_given_as_it_was(name):
    scenes = clip(2)
    before = [(scene.picture.copy(), scene.objects[0].alpha.copy()) for scene in scenes]
    drawn(scenes, example(name))
    for scene, (picture, alpha) in zip(scenes, before, strict=True):
        assert (scene.picture == picture).all()
        assert (scene.objects[0].alpha == alpha).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_out_of_its_range_is_refused_in_one_line_that_says_what_is_allowed(name):
    row = EFFECTS[name]
    for parameter in row.all_parameters:
        if not isinstance(parameter, Number):
            continue
        for wrong in (f"{parameter.least - 1}", "many", "nan"):
            start = name if parameter is row.value else f"{written_effect(example(name))},{parameter.name}"
            with pytest.raises(UsageError) as caught:
                read_effect(f"{start}={wrong}")
            assert "\n" not in str(caught.value)
            assert parameter.allowed in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_parameter_is_refused(name):
    if name in ("background", "label", "caption"):  # a text may say anything
        return
    with pytest.raises(UsageError, match="no parameter 'sparkle'"):
        read_effect(f"{written_effect(example(name))},sparkle=1")


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_is_written_as_it_is_read(name):
    use = example(name)
    assert read_effect(written_effect(use)) == use


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_words_in_both_languages_that_no_other_row_has(name):
    row = EFFECTS[name]
    assert row.chinese
    assert row.text
    for word in (*row.english, *row.chinese):
        assert effect_row(word) is row
        assert effect_row(f"  {word.upper()} ") is row


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_within_what_is_allowed(name):
    for parameter in EFFECTS[name].all_parameters:
        if isinstance(parameter, Number) and not parameter.is_required:
            assert parameter.least <= parameter.default <= parameter.most
