"""Masks drawn on their picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sa2va_cli.render.overlay import draw_overlay

RED = (255, 0, 0)


def disk(height: int, width: int, x: int, y: int, radius: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 100, np.uint8)


def test_no_masks_give_a_copy():
    image = grey(20, 30)
    drawn = draw_overlay(image, np.zeros((0, 20, 30), bool), [], [])
    assert np.array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


def test_an_empty_mask_draws_nothing_not_even_its_label():
    drawn = draw_overlay(grey(90, 160), np.zeros((1, 90, 160), bool), ["cat"], [RED])
    assert np.array_equal(drawn, grey(90, 160))


def test_the_picture_that_was_passed_stays_as_it_is():
    image = grey(90, 160)
    draw_overlay(image, disk(90, 160, 80, 45, 30)[None], ["cat"], [RED])
    assert np.array_equal(image, grey(90, 160))


def test_the_inside_is_tinted_the_edge_is_drawn_and_the_rest_is_untouched():
    drawn = draw_overlay(grey(360, 640), disk(360, 640, 320, 200, 80)[None], [""], [RED])
    assert drawn[200, 320].tolist() == [151, 67, 67]
    assert drawn[200, 400, 0] > 230
    assert drawn[200, 400, 1] < 30
    assert drawn[200, 420].tolist() == [100, 100, 100]
    assert len(np.unique(drawn[190:210, 395:406, 0])) > 4, "the line fades into its surroundings"


def test_the_edge_of_a_hole_is_drawn_and_the_hole_is_not_tinted():
    mask = disk(360, 640, 320, 180, 120) & ~disk(360, 640, 320, 180, 40)
    drawn = draw_overlay(grey(360, 640), mask[None], [""], [RED])
    assert drawn[180, 361, 0] > 170, "the line"
    assert drawn[180, 320].tolist() == [100, 100, 100]


def test_the_picture_s_own_border_gets_no_line():
    mask = np.zeros((360, 640), bool)
    mask[100:200, :50] = True
    drawn = draw_overlay(grey(360, 640), mask[None], [""], [RED])
    assert drawn[150, 0].tolist() == [151, 67, 67]


def test_a_single_pixel_can_still_be_seen():
    mask = np.zeros((1080, 1920), bool)
    mask[500, 700] = True
    drawn = draw_overlay(grey(1080, 1920), mask[None], [""], [RED])
    assert (drawn[..., 0] > 200).sum() >= 4


def test_the_line_grows_with_the_picture():
    def line_width(height: int) -> int:
        mask = np.zeros((height, height), bool)
        mask[:, : height // 2] = True
        row = draw_overlay(grey(height, height), mask[None], [""], [RED])[height // 2, :, 1]
        return int((row < 25).sum())

    assert line_width(2160) >= 3 * line_width(360) > 0


def test_later_objects_lie_over_earlier_ones():
    masks = np.stack([disk(90, 160, 80, 45, 30), disk(90, 160, 80, 45, 30)])
    drawn = draw_overlay(grey(90, 160), masks, ["", ""], [RED, (0, 0, 255)])
    assert drawn[45, 80, 2] > drawn[45, 80, 0]


def test_a_label_stands_above_the_largest_part_and_not_at_a_stray_speck():
    mask = disk(360, 640, 450, 250, 60)
    mask[5:8, 5:8] = True
    plain = draw_overlay(grey(360, 640), mask[None], [""], [RED])
    labelled = draw_overlay(grey(360, 640), mask[None], ["cat"], [RED])
    rows, columns = np.nonzero((plain != labelled).any(axis=2))
    assert rows.min() > 160
    assert rows.max() < 190
    assert abs(columns.mean() - 450) < 5


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 3), st.randoms(use_true_random=False))
def test_any_picture_can_be_drawn_on(height, width, count, random):
    generator = np.random.default_rng(random.randrange(2**32))
    masks = generator.random((count, height, width)) > generator.random()
    image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    drawn = draw_overlay(image, masks, ["a rather long label"] * count, [RED] * count)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8


def test_a_rotated_view_of_a_picture_is_drawn_on_like_its_copy():
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    mask = np.rot90(disk(64, 48, 20, 30, 12))[None]
    turned = np.rot90(image)
    assert np.array_equal(
        draw_overlay(turned, mask, ["cat"], [RED]),
        draw_overlay(turned.copy(), mask.copy(), ["cat"], [RED]),
    )


def test_masks_of_another_size_fail():
    with pytest.raises(ValueError, match=r"got masks \(1, 5, 5\) for a picture \(6, 5, 3\)"):
        draw_overlay(grey(6, 5), np.zeros((1, 5, 5), bool), [""], [RED])


def test_a_missing_label_fails():
    with pytest.raises(ValueError, match="got 2 masks, 1 labels and 2 colours"):
        draw_overlay(grey(5, 5), np.zeros((2, 5, 5), bool), [""], [RED, RED])
