"""Jumps of masks whose changes can be counted."""

import numpy as np
import pytest

from sa2va_cli.evaluation.steadiness import Jumps, area_jumps, boundary_jumps, steady_places


def square(side: int, left: float = 20) -> np.ndarray:
    mask = np.zeros((80, 120), bool)
    mask[20 : 20 + side, int(left) : int(left) + side] = True
    return mask


def clip(*sides: int) -> np.ndarray:
    return np.stack([square(side) for side in sides])


@pytest.mark.parametrize("sides", [(30, 30, 30, 30), (0, 0, 0)])
def test_what_stays_has_no_jumps(sides):
    jumps = Jumps.of(clip(*sides))
    assert not jumps.area.any()
    assert not jumps.boundary.any()


def test_what_moves_evenly_has_no_jumps_along_straight_edges():
    moving = np.stack([square(30, 20 + 2 * t) for t in range(5)])
    assert not area_jumps(moving).any()
    assert boundary_jumps(moving).max() < 0.5  # corners alone, where the nearest edge changes


def test_one_frame_that_stands_out_jumps_by_twice_its_change():
    jumps = Jumps.of(clip(30, 30, 32, 30, 30))
    assert jumps.area[2] == pytest.approx(2 * (32**2 - 30**2) / 32**2)
    assert jumps.area[1] == pytest.approx((32**2 - 30**2) / 30**2)
    # Two of four sides went out by two pixels and come back.
    assert jumps.boundary[2] == pytest.approx(0.5 * 2 * 2, rel=0.15)
    assert jumps.area[[0, 4]].tolist() == [0, 0]


def test_a_mask_that_is_gone_for_one_frame_is_no_error():
    jumps = Jumps.of(clip(30, 0, 30))
    assert jumps.area[1] == 2 * 30**2
    assert jumps.boundary[1] == 0


def test_a_keyframe_is_compared_with_frames_around_it_and_not_with_its_neighbours():
    truth, found = clip(*[30] * 21), np.ones(21, bool)
    places = steady_places(truth, found, (0, 10, 20))
    assert places == {10: (4, 5, 6, 7, 8, 12, 13, 14, 15, 16)}
    popping = clip(*[30] * 10, 32, *[30] * 10)
    compared = Jumps.of(popping).at(10, places[10])
    assert compared.area > 0.2
    assert (compared.area_around, compared.boundary_around) == (0, 0)


@pytest.mark.parametrize("what", ["small", "unsteady", "not found"])
def test_keyframes_of_what_is_not_steady_do_not_count(what):
    truth, found = clip(*[30] * 21), np.ones(21, bool)
    if what == "small":
        truth = clip(*[10] * 21)
    elif what == "unsteady":
        truth[10] = square(36)
    else:
        found[9] = False
    assert steady_places(truth, found, (10,)) == {}
