"""Conversions between code values and RGB, and the curves of high dynamic range."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from sa2va_cli.colour import (
    HLG,
    PQ,
    codes_of,
    coding_matrix,
    halved,
    in_high_range,
    nits,
    planes_420,
    rgb8_of,
    rgb_of,
    signal,
    tone_mapped,
    upsampled,
)
from sa2va_cli.datatypes import LUMA_WEIGHTS

meanings = pytest.mark.parametrize(
    ("matrix", "depth", "full_range"), list(itertools.product((1, 6, 9), (8, 10, 12), (False, True)))
)


def noise(depth: int, seed: int = 1) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 2**depth, (40, 60, 3)).astype(np.uint16)


def planes(codes: NDArray[np.uint16], depth: int) -> tuple[NDArray, NDArray, NDArray]:
    kind = np.uint8 if depth == 8 else np.uint16
    return tuple(np.ascontiguousarray(codes[..., k], kind) for k in range(3))


@meanings
def test_rgb_is_rounded_from_the_exact_value(matrix: int, depth: int, *, full_range: bool) -> None:
    weights, codes = LUMA_WEIGHTS[matrix], noise(depth)
    terms, offset = coding_matrix(weights, depth, full_range=full_range)
    exact = np.clip((codes - offset) @ np.linalg.inv(terms).T, 0, 1)
    given = planes(codes, depth)
    assert np.abs(rgb_of(given, weights, depth, full_range=full_range) - 65535 * exact).max() < 0.52
    assert np.abs(rgb8_of(given, weights, depth, full_range=full_range) - 255 * exact).max() < 0.52


@meanings
def test_code_values_survive_the_way_through_rgb(matrix: int, depth: int, *, full_range: bool) -> None:
    weights = LUMA_WEIGHTS[matrix]
    codes = codes_of(noise(16), weights, depth, full_range=full_range)
    rgb = rgb_of(planes(codes, depth), weights, depth, full_range=full_range)
    assert np.array_equal(codes_of(rgb, weights, depth, full_range=full_range), codes)


def test_the_matrix_of_bt709_is_that_of_the_recommendation() -> None:
    terms, offset = coding_matrix(LUMA_WEIGHTS[1], 8, full_range=False)
    white, red = terms @ [1, 1, 1] + offset, terms @ [1, 0, 0] + offset
    assert white == pytest.approx([235, 128, 128])
    assert red == pytest.approx([16 + 219 * 0.2126, 128 - 224 * 0.2126 / 1.8556, 240])


@pytest.mark.parametrize("matrix", [1, 6])
def test_rgb_in_4_2_0_is_not_biased(matrix: int) -> None:
    image = np.repeat(np.repeat(noise(8)[:20, :30], 2, axis=0), 2, axis=1).astype(np.uint8)
    terms, offset = coding_matrix(LUMA_WEIGHTS[matrix], 8, full_range=False)
    exact = image / 255 @ terms.T + offset
    luma, blue, red = planes_420(image, LUMA_WEIGHTS[matrix])
    assert np.abs(luma - exact[..., 0]).max() < 0.52
    assert np.abs(blue - exact[::2, ::2, 1]).max() < 0.52
    assert np.abs(red - exact[::2, ::2, 2]).max() < 0.52


@pytest.mark.parametrize("size", [(7, 5), (8, 6), (1, 1)])
def test_chroma_is_as_large_as_luma_for_every_size(size: tuple[int, int]) -> None:
    half = np.full((-(-size[1] // 2), -(-size[0] // 2)), 77, np.uint16)
    full = upsampled(half, size)
    assert full.shape == (size[1], size[0])
    assert (full == 77).all()


def test_halving_takes_the_mean_of_what_a_value_covers() -> None:
    plane = np.array([[0, 100], [200, 300]], np.uint16)
    assert halved(plane, (2, 2)).tolist() == [[150]]
    assert halved(np.array([[0], [200]], np.uint16), (2, 2)).tolist() == [[100]]


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_curves_of_high_range_are_inverse(transfer: int) -> None:
    steps = np.linspace(0, 1, 101)
    assert signal(nits(steps, transfer), transfer) == pytest.approx(steps, abs=1e-6)


def test_pq_has_its_reference_values() -> None:
    # ITU-R BT.2408, table 1: diffuse white of 203 nits is 58 % of PQ and 75 % of HLG.
    assert float(signal(np.array(203.0), PQ)) == pytest.approx(0.58, abs=0.005)
    assert float(signal(np.array(203.0), HLG)) == pytest.approx(0.75, abs=0.005)
    assert float(nits(np.array(1.0), PQ)) == pytest.approx(10_000)


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("wide", [False, True])
def test_a_tone_mapped_picture_looks_like_the_ordinary_one(transfer: int, *, wide: bool) -> None:
    colours = np.array([[[0, 0, 0], [64, 64, 64], [118, 118, 118], [180, 60, 50], [40, 90, 200]]], np.uint8)
    high = np.rint(in_high_range(colours, transfer, wide_gamut=wide) * 257).astype(np.uint16)
    shown = tone_mapped(high, transfer, wide_gamut=wide)
    assert np.abs(shown.astype(int) - colours).max() < 6


def test_what_is_brighter_stays_brighter() -> None:
    codes = np.repeat(np.arange(0, 45_000, 500, dtype=np.uint16)[None, :, None], 3, axis=2)
    shown = tone_mapped(codes, PQ, wide_gamut=True)[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all()
    assert shown[-1] > 200
