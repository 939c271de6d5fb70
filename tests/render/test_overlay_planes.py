"""Masks drawn into the planes of a decoded picture look like masks drawn in RGB, and touch nothing else."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sa2va_cli.datatypes import LUMA_WEIGHTS, Yuv420, YuvColour
from sa2va_cli.render.overlay import draw_overlay

MEANINGS = [YuvColour(matrix, full) for matrix in (1, 6) for full in (False, True)]
AZURE = (0, 158, 255)


def to_planes(image: NDArray[np.uint8], colour: YuvColour) -> Yuv420:
    """The textbook's conversion, in float64 (ITU-R BT.709-6, 3.2 to 3.5)."""
    kr, kb = LUMA_WEIGHTS[colour.matrix]
    r, g, b = (image[..., channel] / 255 for channel in range(3))
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    cb, cr = (c.reshape(c.shape[0] // 2, 2, c.shape[1] // 2, 2).mean(axis=(1, 3)) for c in (cb, cr))
    luma = 255 * y if colour.full_range else 16 + 219 * y
    scale = 255 if colour.full_range else 224
    planes = (luma, 128 + scale * cb, 128 + scale * cr)
    return Yuv420(*(np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in planes), colour)


def to_rgb(picture: Yuv420) -> NDArray[np.float64]:
    kr, kb = LUMA_WEIGHTS[picture.colour.matrix]
    full = picture.colour.full_range
    y = picture.luma / 255 if full else (picture.luma - 16.0) / 219
    cb, cr = (
        np.kron((plane - 128.0) / (255 if full else 224), np.ones((2, 2)))
        for plane in (picture.blue, picture.red)
    )
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    return np.dstack([r, g, b]) * 255


def park(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth picture of many colours."""
    small = np.random.default_rng(1).integers(30, 226, (5, 7, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def disc(height: int, width: int, x: int, y: int, radius: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


@pytest.mark.parametrize("colour", MEANINGS, ids=str)
def test_an_overlay_in_planes_looks_like_the_one_in_rgb(colour: YuvColour) -> None:
    image = park(180, 320)
    masks = np.stack([disc(180, 320, 101, 90, 50), disc(180, 320, 150, 95, 41)])
    arguments = masks, ["girl in red", "dog"], [AZURE, (255, 138, 0)]
    planes = to_planes(image, colour)
    before, after = to_rgb(planes), to_rgb(draw_overlay(planes, *arguments))
    wanted = draw_overlay(np.clip(np.rint(before), 0, 255).astype(np.uint8), *arguments)
    difference = np.abs(cv2.blur(after, (2, 2)) - cv2.blur(wanted.astype(float), (2, 2)))
    assert difference.mean() < 1
    inside = disc(180, 320, 101, 90, 44) & ~disc(180, 320, 150, 95, 48)
    assert difference[inside].max() < 4, "the tint is the same colour"


@pytest.mark.parametrize("colour", MEANINGS, ids=str)
def test_what_is_not_drawn_on_stays_to_the_bit_and_so_does_the_source(colour: YuvColour) -> None:
    picture = to_planes(park(90, 160), colour)
    copies = [plane.copy() for plane in picture.planes]
    mask = disc(90, 160, 61, 33, 15)
    drawn = draw_overlay(picture, mask[None], [""], [AZURE])
    around = cv2.dilate(mask.view(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    cells = around.reshape(45, 2, 80, 2).any(axis=(1, 3))
    for before, after, copy, touched in zip(
        picture.planes, drawn.planes, copies, (around, cells, cells), strict=True
    ):
        assert np.array_equal(before, copy)
        assert np.array_equal(before[~touched], after[~touched])
        assert not np.array_equal(before, after)
    assert drawn.colour == colour


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 3), st.randoms(use_true_random=False))
def test_any_picture_of_even_sides_can_be_drawn_on(height, width, count, random):
    generator = np.random.default_rng(random.randrange(2**32))
    masks = generator.random((count, 2 * height, 2 * width)) > generator.random()
    luma = generator.integers(0, 256, (2 * height, 2 * width), dtype=np.uint8)
    chroma = generator.integers(0, 256, (2, height, width), dtype=np.uint8)
    picture = Yuv420(luma, *chroma, YuvColour(1, full_range=False))
    drawn = draw_overlay(picture, masks, ["a rather long label"] * count, [AZURE] * count)
    assert drawn.size == picture.size


def test_masks_of_another_size_fail() -> None:
    picture = to_planes(park(8, 6), MEANINGS[0])
    with pytest.raises(ValueError, match=r"got masks \(1, 5, 5\) for a picture \(8, 6\)"):
        draw_overlay(picture, np.zeros((1, 5, 5), bool), [""], [AZURE])


def test_planes_whose_sizes_do_not_fit_fail() -> None:
    plane = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"half of luma's sides, got \(4, 4\), \(4, 4\), \(4, 4\)"):
        Yuv420(plane, plane, plane, MEANINGS[0])


def test_an_unknown_matrix_fails() -> None:
    with pytest.raises(ValueError, match="matrix must be one of 1, 4, 5, 6, 7, 9, got 8"):
        YuvColour(8, full_range=False)
