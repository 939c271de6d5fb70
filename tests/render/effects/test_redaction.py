"""What is to be hidden is hidden on every frame, or the frame is named."""

from dataclasses import replace

import numpy as np
import pytest
from render.effects.moving import SIZE, clip, disc, drawn

EFFECTS = ("fill", "blur", "mosaic")
BLACK = (0, 0, 0)


def without_mask(scene):
    return replace(scene, objects=(replace(scene.objects[0], alpha=np.zeros(SIZE[::-1], np.float32)),))


def shown(found, truth):
    """Share of the thing's true pixels that are not covered."""
    seen = truth > 0.5
    return np.count_nonzero(seen & (found.picture != 0).any(axis=2)) / np.count_nonzero(seen)


@pytest.mark.parametrize("gap", [range(5, 6), range(4, 8)])
def test_a_mask_that_goes_missing_is_held(gap):
    truth = clip(12, step=2)
    given = [without_mask(one) if one.index in gap else one for one in truth]
    found, drawer = drawn(given, "fill,hold=6")
    for scene, one in zip(truth, found, strict=True):
        assert shown(one, scene.objects[0].alpha) < 0.01
    assert not drawer.remarks


@pytest.mark.parametrize("gap", [range(8, 12), range(3)])
def test_a_mask_that_is_held_from_one_side_only_is_named(gap):
    truth = clip(12, step=2)
    given = [without_mask(one) if one.index in gap else one for one in truth]
    found, drawer = drawn(given, "fill,hold=6")
    assert all((found[k].picture != given[k].picture).any() for k in gap)
    assert [(one.index, one.what) for one in drawer.remarks] == [(k, "doubtful") for k in gap]


@pytest.mark.parametrize("name", EFFECTS)
def test_frames_without_any_mask_are_named(name):
    truth = clip(9)
    given = [without_mask(one) if one.index >= 4 else one for one in truth]
    found, drawer = drawn(given, f"{name},hold=2")
    found_nothing = [one for one in drawer.remarks if one.what == "unprotected"]
    assert [one.index for one in found_nothing] == [6, 7, 8]
    assert {one.effect for one in drawer.remarks} == {name}
    assert found_nothing[0].seconds == pytest.approx(6 / 24)
    assert (found[8].picture == given[8].picture).all()


def test_a_mask_that_cannot_be_trusted_is_joined_with_its_neighbours():
    truth = clip(5)
    part = disc(30, 28, 4)
    doubtful = replace(truth[2], objects=(replace(truth[2].objects[0], alpha=part, confidence=0.2),))
    found, _ = drawn([*truth[:2], doubtful, *truth[3:]], "fill")
    assert shown(found[2], truth[2].objects[0].alpha) < 0.01


def test_a_mask_that_suddenly_is_much_smaller_is_joined_with_its_neighbours():
    truth = clip(5)
    half = truth[2].objects[0].alpha.copy()
    half[:36] = 0
    less = replace(truth[2], objects=(replace(truth[2].objects[0], alpha=half),))
    found, _ = drawn([*truth[:2], less, *truth[3:]], "fill")
    assert shown(found[2], truth[2].objects[0].alpha) < 0.02


def test_what_lies_between_the_parts_that_a_doubtful_mask_has_left_is_hidden():
    scene = clip(1)[0]
    parts = scene.objects[0].alpha.copy()
    parts[:, 26:34] = 0
    doubtful = replace(scene.objects[0], alpha=parts, confidence=0.4)
    found, _ = drawn([replace(scene, objects=(doubtful,))], "fill,grow=1")
    assert shown(found[0], scene.objects[0].alpha) < 0.03


def test_a_hole_in_a_mask_is_filled():
    truth = clip(1)
    ring = truth[0].objects[0].alpha * (1 - disc(30, 35, 6))
    found, _ = drawn([replace(truth[0], objects=(replace(truth[0].objects[0], alpha=ring),))], "fill")
    assert shown(found[0], truth[0].objects[0].alpha) == 0


def test_soft_edges_are_covered_all_the_way():
    scene = clip(1)[0]
    picture = drawn([scene], "fill,grow=0")[0][0].picture
    assert (picture[scene.objects[0].alpha > 0.05] == 0).all()


def test_little_is_left_of_what_is_behind_a_blur():
    scene = clip(1)[0]
    before = scene.picture.astype(np.float32)
    after = drawn([scene], "blur")[0][0].picture.astype(np.float32)
    inside = scene.objects[0].alpha == 1
    detail = [np.abs(np.diff(one, axis=1)[inside[:, 1:]]).mean() for one in (before, after)]
    assert detail[1] < 0.3 * detail[0]


def test_no_more_colours_are_left_of_what_is_behind_a_mosaic_than_it_has_cells():
    scene = clip(1)[0]
    after = drawn([scene], "mosaic=4")[0][0].picture
    assert len(np.unique(after[scene.objects[0].alpha > 0], axis=0)) <= 16


def test_a_fill_has_the_colour_that_was_asked_for():
    scene = clip(1)[0]
    picture = drawn([scene], "fill=#ff8000")[0][0].picture
    assert (picture[scene.objects[0].alpha == 1] == (255, 128, 0)).all()


def test_a_thing_that_goes_on_while_its_mask_is_missing_is_hidden_where_it_must_be():
    truth = clip(9, step=6)
    given = [without_mask(one) if one.index in (3, 4, 5) else one for one in truth]
    found, drawer = drawn(given, "fill")
    assert all(shown(found[k], truth[k].objects[0].alpha) == 0 for k in (3, 4, 5))
    assert not drawer.remarks


def test_a_doubtful_mask_between_two_good_ones_is_not_named():
    truth = clip(7)
    given = [
        replace(one, objects=(replace(one.objects[0], confidence=0.3 if one.index == 3 else 1.0),))
        for one in truth
    ]
    assert not drawn(given, "fill")[1].remarks


def test_a_doubtful_mask_with_nothing_better_on_one_side_is_named():
    given = [
        replace(one, objects=(replace(one.objects[0], confidence=0.3 if one.index >= 4 else 1.0),))
        for one in clip(8)
    ]
    remarks = drawn(given, "fill")[1].remarks
    assert {one.index for one in remarks} == {4, 5, 6, 7}


def test_each_of_two_things_is_held_on_its_own():
    other = disc(80, 20, 8)
    truth = [
        replace(one, objects=(one.objects[0], replace(one.objects[0], id=2, alpha=other))) for one in clip(9)
    ]
    nothing = np.zeros(SIZE[::-1], np.float32)
    given = [
        replace(one, objects=(one.objects[0], replace(one.objects[1], alpha=nothing)))
        if one.index == 4
        else one
        for one in truth
    ]
    found, drawer = drawn(given, "fill")
    assert shown(found[4], other) == 0
    assert not drawer.remarks


def test_one_of_two_things_that_is_gone_from_within_the_picture_is_named():
    nothing, other = np.zeros(SIZE[::-1], np.float32), disc(80, 20, 8)
    given = [
        replace(
            one,
            objects=(
                one.objects[0],
                replace(one.objects[0], id=2, alpha=other if one.index < 3 else nothing),
            ),
        )
        for one in clip(9, step=1)
    ]
    remarks = drawn(given, "fill,hold=2")[1].remarks
    assert {one.index for one in remarks} >= {3, 4, 5, 6, 7, 8}
