"""Logits through the coding of a log: masks, alphas, sizes."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sa2va_cli.datatypes import Frame, FrameMasks
from sa2va_cli.tracks.coding import CERTAIN, decode, encode, stacked

SIZE = (1280, 720)


def on_frame(logits: np.ndarray, threshold: float = 0.5, size: tuple[int, int] = SIZE) -> FrameMasks:
    blank = np.broadcast_to(np.uint8(0), (size[1], size[0], 3))
    return FrameMasks(Frame(0, 0, Fraction(1, 24), blank), logits[None], np.ones(1, np.float32), threshold)


def disc(grid: int, radius: float, slope: float, noise: float = 0.3) -> np.ndarray:
    """A thing as a trained network sees it: sure inside and outside, an edge some cells wide."""
    y, x = np.mgrid[:grid, :grid].astype(np.float32)
    far = radius - np.hypot(y - 0.47 * grid, x - 0.41 * grid)
    grain = np.random.default_rng(0).normal(size=(grid, grid)) * noise
    return np.asarray(np.clip(slope * far, -12, 12) + grain, np.float32)


def noise(grid: int, deviation: float) -> np.ndarray:
    """What a network with random weights says: edges everywhere."""
    return (np.random.default_rng(1).normal(size=(grid, grid)) * deviation).astype(np.float32)


CASES = {
    "small thing": disc(64, 9, 3),
    "thing": disc(256, 40, 3),
    "thing with a soft edge": disc(256, 40, 1),
    "soft thing": disc(256, 60, 0.15),
    "random weights": noise(256, 0.088),
    "random weights, small": noise(64, 0.088),
    "large values": noise(64, 40),
    "nothing": np.full((64, 64), -1024, np.float32),
    "everything": np.full((64, 64), 14, np.float32),
}


@pytest.mark.parametrize("threshold", [0.5, 0.2, 0.9])
@pytest.mark.parametrize("name", CASES)
def test_masks_and_alphas_are_those_of_the_network(name: str, threshold: float) -> None:
    logits = CASES[name]
    exact = on_frame(logits, threshold)
    kept = on_frame(decode(encode(logits, threshold)), threshold)
    assert np.mean(kept.masks != exact.masks) <= 1e-5
    assert np.abs(kept.alphas - exact.alphas).max() <= 1e-3


def test_what_is_far_from_an_edge_is_certain() -> None:
    alphas = on_frame(decode(encode(disc(256, 40, 1) - 8.0 * (disc(256, 40, 1) < 0), 0.5))).alphas[0]
    far = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(far, (int(0.41 * SIZE[0]), int(0.47 * SIZE[1])), 500, 1, -1)
    assert alphas[far == 0].max() < 1e-12


def test_a_minute_of_one_thing_at_full_size_takes_less_than_ten_megabytes() -> None:
    assert 60 * 24 * len(encode(disc(256, 40, 3), 0.5)) < 10e6


def test_coding_twice_is_coding_once() -> None:
    for logits in CASES.values():
        once = decode(encode(logits, 0.5))
        np.testing.assert_array_equal(decode(encode(once, 0.5)), once)


@given(
    npst.arrays(
        np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(width=32)
    ),
    st.floats(0.01, 0.99),
)
def test_any_logits_keep_their_shape_their_sides_and_nearly_their_alphas(
    logits: np.ndarray, threshold: float
) -> None:
    kept = decode(encode(logits, threshold))
    assert kept.shape == logits.shape
    assert kept.dtype == np.float32
    assert np.isfinite(kept).all()
    exact = np.nan_to_num(logits).astype(np.float64)
    with np.errstate(over="ignore"):
        difference = 1 / (1 + np.exp(-kept.astype(np.float64))) - 1 / (1 + np.exp(-exact))
    assert np.abs(difference).max() <= 1.1e-3


def test_certainty_is_beyond_sixteen_bits() -> None:
    assert 1 / (1 + np.exp(CERTAIN)) < 1 / 65535 / 1000


@pytest.mark.parametrize("cut", [0, 3, 9, 20, -1])
def test_what_is_cut_off_is_damaged(cut: int) -> None:
    with pytest.raises(ValueError, match="damaged logits"):
        decode(encode(noise(16, 1), 0.5)[:cut])


def test_masks_of_several_grids_are_one_array_on_the_finest() -> None:
    fine, coarse = disc(64, 20, 1, noise=0), disc(32, 10, 1, noise=0)
    rows = stacked([coarse, fine])
    assert rows.shape == (2, 64, 64)
    assert np.array_equal(rows[1], fine)
    assert ((rows[0] > 0) ^ (fine > 0)).mean() < 0.03
    assert stacked([fine, fine]).shape == (2, 64, 64)
    assert stacked([]).shape == (0, 1, 1)
