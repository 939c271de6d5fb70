"""The guided filter: edges are found in the picture, and where the picture tells nothing the mask stands."""

import numpy as np
import pytest

from sa2va_cli.render.refine.guided import guided, without_specks
from sa2va_cli.render.refine.matte import centred, draw_refined_matte
from sa2va_cli.render.refine.trimap import UNKNOWN, trimap

HEIGHT, WIDTH = 181, 243
RED, GREEN = np.array([200.0, 60, 50]), np.array([40.0, 150, 70])


def depth(radius: float = 50) -> np.ndarray:
    """Pixels to the edge of a disk with a thorn, positive inside."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disk = radius - np.hypot(columns - 110.3, rows - 90.6)
    thorn = 1.5 - np.abs(rows - 90)
    return np.maximum(disk, np.where((columns > 110) & (columns < 172), thorn, -99)).astype(np.float32)


def picture(alpha: np.ndarray, noise: float = 2.0, behind: np.ndarray = GREEN) -> np.ndarray:
    mixed = alpha[..., None] * RED + (1 - alpha[..., None]) * behind
    grain = np.random.default_rng(0).normal(0, noise, mixed.shape)
    return np.clip(np.rint(mixed + grain), 0, 255).astype(np.uint8)


def true_alpha() -> np.ndarray:
    return np.clip(depth() + 0.5, 0, 1)


def network_mask(off: float = 0.0, softness: float = 4.0) -> np.ndarray:
    """Too soft, without the thorn, and its edge off by some pixels."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disk = 50 - np.hypot(columns - 110.3, rows - 90.6) + off
    return (1 / (1 + np.exp(-disk / softness))).astype(np.float32)


@pytest.mark.parametrize("off", [-2.0, 0.0, 2.0])
def test_the_edge_is_put_where_the_picture_has_it(off):
    soft = network_mask(off)
    alpha = guided(picture(true_alpha()), soft)
    near = np.abs(depth()) < 8
    assert np.abs(alpha - true_alpha())[near].mean() < 0.25 * np.abs(soft - true_alpha())[near].mean()


def test_what_sticks_out_is_found_though_the_mask_hardly_knows_of_it():
    alpha = guided(picture(true_alpha()), network_mask())
    assert (alpha[90, 162:167] > 0.5).all()
    assert (alpha[95:98, 165] < 0.1).all()


def test_alpha_is_exactly_zero_or_one_outside_a_band_that_follows_the_mask_s_softness():
    widths = []
    for softness in (1.0, 4.0, 8.0):
        soft = network_mask(softness=softness)
        alpha = guided(picture(true_alpha(), 20), soft)
        band = trimap(soft) == UNKNOWN
        widths.append(band.sum())
        outside = ~band & (np.abs(soft - 0.5) < 0.4999)
        assert set(np.unique(alpha[outside])) <= {0.0, 1.0}
        assert np.array_equal(alpha[~band] > 0.5, soft[~band] > 0.5)
        assert alpha.dtype == np.float32
        assert (alpha.min(), alpha.max()) == (0, 1)
    assert widths[0] < widths[1] < widths[2]


def test_where_colours_do_not_tell_the_mask_stands():
    soft = network_mask()
    alpha = guided(picture(true_alpha(), 2, RED), soft)
    assert ((alpha > 0.5) == (soft > 0.5))[np.abs(soft - 0.5) > 0.1].all()
    assert np.abs(alpha - soft).max() < 0.5


def test_the_same_frame_gives_the_same_alpha_and_a_shift_shifts_it():
    alpha, image, soft = true_alpha(), picture(true_alpha(), 0), network_mask()
    one, two = guided(image, soft), guided(np.roll(image, 4, 1), np.roll(soft, 4, 1))
    assert np.array_equal(one, guided(image, soft))
    assert np.abs(np.roll(one, 4, 1) - two)[:, 20:-20].max() < 0.05
    assert alpha.shape == one.shape


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (37, 500), (401, 363)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_any_size_and_any_flat_mask_goes_through(size, value):
    soft = np.full(size, value, np.float32)
    alpha = guided(np.full((*size, 3), 90, np.uint8), soft)
    assert alpha.shape == size
    assert np.isfinite(alpha).all()
    if value != 0.5:
        assert (alpha == value).all()


def test_the_arguments_are_left_alone():
    image, soft = picture(true_alpha()), network_mask()
    before = image.copy(), soft.copy()
    guided(image, soft)
    assert np.array_equal(image, before[0])
    assert np.array_equal(soft, before[1])


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="soft mask"):
        guided(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4), np.float32))


def refined_matte(image: np.ndarray, soft: np.ndarray) -> np.ndarray:
    return draw_refined_matte(image, guided(image, soft))


def test_a_refined_matte_leaves_no_fringe_on_white_black_or_blue():
    alpha = true_alpha()
    matte = refined_matte(picture(alpha), network_mask()).astype(float) / 65535
    for new in ((255, 255, 255), (0, 0, 0), (30, 40, 220)):
        laid = matte[..., :3] * 255 * matte[..., 3:] + (1 - matte[..., 3:]) * np.array(new)
        ideal = alpha[..., None] * RED + (1 - alpha[..., None]) * np.array(new)
        assert np.abs(laid - ideal)[np.abs(depth(50)) < 6].mean() < 12


def test_the_half_line_of_a_refined_matte_lies_within_two_pixels_of_the_truth():
    matte = refined_matte(picture(true_alpha()), network_mask(1.5))
    wrong = (matte[..., 3] > 32767) != (depth() > 0)
    assert not wrong[np.abs(depth()) > 2].any()


def test_a_matte_of_nothing_is_empty_and_bad_arguments_are_refused():
    image = np.zeros((8, 9, 3), np.uint8)
    assert not draw_refined_matte(image, np.zeros((8, 9), np.float32)).any()
    with pytest.raises(ValueError, match="alpha"):
        draw_refined_matte(image, np.zeros((8, 8), np.float32))


def test_a_refined_matte_keeps_deep_colours_and_the_opacity_of_the_source():
    soft, opacity = network_mask(), np.full(network_mask().shape, 30000, np.uint16)
    deep = np.random.default_rng(0).integers(0, 65536, (*soft.shape, 3), np.uint16)
    opacity[:, ::2] = 0
    matte = draw_refined_matte(deep, (soft > 0.5).astype(np.float32), opacity)
    kept = (soft > 0.5) & (opacity > 0)
    assert kept.any()
    assert (matte[kept] == np.dstack([deep, opacity])[kept]).all()
    assert not matte[opacity == 0][:, 3].any()


def test_specks_that_hold_no_part_of_the_mask_are_dropped_and_hair_stays():
    alpha = np.zeros((60, 80), np.float32)
    alpha[20:40, 20:40] = 1
    alpha[25, 40:70] = 0.3  # a hair that hangs together with the head
    alpha[50, 60] = 0.4
    alpha[5:20, 60:70] = 0.2  # a puff of smoke
    wanted = alpha.copy()
    wanted[50, 60] = 0
    assert np.array_equal(without_specks(alpha, (alpha == 1).astype(np.float32), 1), wanted)


def test_the_edge_of_another_threshold_comes_to_a_half():
    soft = np.array([[0.0, 0.2, 0.3, 0.4, 1.0]], np.float32)
    assert centred(soft, 0.3) == pytest.approx(np.array([[0, 0.368, 0.5, 0.609, 1]]), abs=1e-3)
