"""Masks and mattes for laying over another background."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sa2va_cli.render.matte import draw_mask, draw_matte

HEIGHT, WIDTH = 240, 320
RED, GREEN, BLUE = (200.0, 60.0, 50.0), (40.0, 180.0, 60.0), (30.0, 40.0, 220.0)


def distance(radius: float = 70) -> np.ndarray:
    """Distance in pixels to the edge of a disk, positive inside."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (radius - np.hypot(columns - 160.3, rows - 119.6)).astype(np.float32)


def network_alpha(inside: np.ndarray, softness: float = 4.0) -> np.ndarray:
    """What a network says: the edge in the right place, but far too soft."""
    return (1 / (1 + np.exp(-inside / softness))).astype(np.float32)[None]


def composite(colours: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
    return colours * alpha[..., None] + background * (1 - alpha[..., None])


def flat(colour: tuple[float, float, float]) -> np.ndarray:
    return np.broadcast_to(np.array(colour), (HEIGHT, WIDTH, 3))


def shot() -> np.ndarray:
    """A red disk before green, its edge two pixels soft, as a camera sees it."""
    return np.rint(composite(flat(RED), np.clip(0.5 + distance() / 2, 0, 1), flat(GREEN))).astype(np.uint8)


def over(matte: np.ndarray, background: tuple[float, float, float]) -> np.ndarray:
    straight = matte.astype(float) / 65535
    return composite(straight[..., :3] * 255, straight[..., 3], flat(background))


def test_the_mask_is_the_union_in_white_on_black():
    masks = np.zeros((2, 4, 5), bool)
    masks[0, 1, 1] = masks[1, 2, 3] = True
    drawn = draw_mask(masks)
    assert drawn.dtype == np.uint8
    assert sorted(map(tuple, np.argwhere(drawn == 255))) == [(1, 1), (2, 3)]
    assert drawn.sum() == 2 * 255


def test_the_mask_of_no_objects_is_black():
    assert not draw_mask(np.zeros((0, 4, 5), bool)).any()


def test_alpha_is_soft_only_in_a_thin_band():
    alpha = draw_matte(shot(), network_alpha(distance()))[..., 3]
    assert (alpha[distance() > 3] == 65535).all()
    assert (alpha[distance() < -3] == 0).all()
    assert len(np.unique(alpha)) > 100, "the band has many steps, more than eight bits hold across an edge"


def test_alpha_is_that_of_the_shot():
    alpha = draw_matte(shot(), network_alpha(distance()))[..., 3] / 65535
    assert np.abs(alpha - np.clip(0.5 + distance() / 2, 0, 1)).max() < 0.06


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(0.2, 0.8))
def test_alpha_is_above_one_half_exactly_where_the_soft_mask_is_above_the_threshold(random, threshold):
    generator = np.random.default_rng(random.randrange(2**32))
    soft = generator.random((2, 30, 40), dtype=np.float32)
    matte = draw_matte(np.zeros((30, 40, 3), np.uint8), soft, threshold)
    assert np.array_equal(matte[..., 3] > 32767, soft.max(axis=0) > threshold)


def test_no_fringe_of_the_old_background_is_left_on_a_new_one():
    matte = draw_matte(shot(), network_alpha(distance()))
    alpha = matte[..., 3] / 65535
    ideal = composite(flat(RED), alpha, flat(BLUE))
    fringed = composite(shot().astype(float), alpha, flat(BLUE))
    assert np.abs(over(matte, BLUE) - ideal).max() < 6
    assert np.abs(fringed - ideal).max() > 30


def test_an_edge_one_pixel_too_far_out_leaves_little_fringe():
    matte = draw_matte(shot(), network_alpha(distance() + 1))
    alpha = matte[..., 3] / 65535
    ideal = composite(flat(RED), alpha, flat(BLUE))
    error = np.square(over(matte, BLUE) - ideal)
    fringed = np.square(composite(shot().astype(float), alpha, flat(BLUE)) - ideal)
    assert error.sum() < fringed.sum() / 9


def test_colours_inside_are_the_picture_s_own_to_the_bit():
    image = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    deep = distance() > 8
    matte = draw_matte(image, network_alpha(distance()))
    assert np.array_equal(matte[deep][:, :3], image[deep].astype(np.uint16) * 257)


def test_colours_continue_just_outside_and_end_in_black():
    matte = draw_matte(shot(), network_alpha(distance()))
    outside = (distance() < -1) & (distance() > -4)
    assert np.abs(matte[outside][:, :3] / 257 - np.array(RED)).max() < 10
    assert not matte[distance() < -60].any()


def test_a_thin_thing_keeps_its_colour_and_its_alpha():
    inside = np.full((HEIGHT, WIDTH), -1.0, np.float32)
    inside[100:102, 40:280] = 1.0
    image = np.where(inside[..., None] > 0, np.array(RED), np.array(GREEN)).astype(np.uint8)
    matte = draw_matte(image, network_alpha(inside, 0.2))
    assert (matte[100:102, 50:270, 3] > 40000).all()
    assert matte[100:102, 50:270, 0].min() / 257 > 150


def test_the_union_of_objects_is_cut_out():
    left, right = np.zeros((2, HEIGHT, WIDTH), np.float32)
    left[50:100, 50:100] = 1
    right[150:200, 200:300] = 1
    alpha = draw_matte(shot(), np.stack([left, right]))[..., 3]
    assert alpha[75, 75] == alpha[175, 250] == 65535
    assert alpha[120, 150] == 0


def test_nothing_found_gives_an_empty_matte():
    for alphas in (np.zeros((0, HEIGHT, WIDTH), np.float32), np.zeros((2, HEIGHT, WIDTH), np.float32)):
        matte = draw_matte(shot(), alphas)
        assert matte.shape == (HEIGHT, WIDTH, 4)
        assert matte.dtype == np.uint16
        assert not matte.any()


def test_a_mask_over_the_whole_picture_is_solid_to_the_border():
    matte = draw_matte(shot(), np.ones((1, HEIGHT, WIDTH), np.float32))
    assert (matte[..., 3] == 65535).all()
    assert np.array_equal(matte[..., :3], shot().astype(np.uint16) * 257)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (17, 5)])
def test_tiny_pictures_can_be_cut_out(shape):
    image = np.full((*shape, 3), 90, np.uint8)
    assert draw_matte(image, np.full((1, *shape), 0.9, np.float32)).shape == (*shape, 4)


def test_alphas_of_another_size_fail():
    with pytest.raises(ValueError, match=r"got alphas \(1, 4, 4\)"):
        draw_matte(shot(), np.zeros((1, 4, 4), np.float32))


def test_a_threshold_of_one_fails():
    with pytest.raises(ValueError, match=r"threshold must lie between 0 and 1, got 1\.0"):
        draw_matte(shot(), network_alpha(distance()), 1.0)
