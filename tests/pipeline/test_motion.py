"""Masks that move with the picture agree; masks that jump do not."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from sa2va_cli.datatypes import Frame
from sa2va_cli.pipeline.motion import MotionCheck

COARSE = np.random.default_rng(0).integers(0, 255, (9, 16, 3)).astype(np.uint8)
TEXTURE = cv2.resize(COARSE, (256, 144), interpolation=cv2.INTER_CUBIC)
Y, X = np.mgrid[:64, :64].astype(np.float32)


def frame(index: int, shift: int = 0) -> Frame:
    return Frame(index, index, Fraction(1, 24), np.roll(TEXTURE, shift, axis=1))


def disc(centre: float, radius: float = 14) -> np.ndarray:
    return 4 * (radius - np.hypot(Y - 32, X - centre))


def test_the_first_frame_has_nothing_to_disagree_with():
    assert MotionCheck().agreements(frame(0), disc(20)[None]).tolist() == [1.0]


def test_a_mask_that_goes_along_with_the_picture_agrees_and_one_that_stays_agrees_less():
    check = MotionCheck()
    check.agreements(frame(0), np.stack([disc(24), disc(24)]))
    moved = 16 * 64 / 256  # pixels of the picture, in cells of the mask
    along, left = check.agreements(frame(1, 16), np.stack([disc(24 + moved), disc(24)]))
    assert along > 0.85
    assert left < along - 0.1


def test_a_mask_that_jumps_or_goes_does_not_agree():
    check = MotionCheck()
    check.agreements(frame(0), np.stack([disc(14), disc(14)]))
    agreements = check.agreements(frame(1), np.stack([disc(50), disc(50, -90)]))
    assert agreements == pytest.approx([0, 0], abs=0.1)


def test_masks_that_stay_empty_agree():
    check = MotionCheck()
    check.agreements(frame(0), disc(0, -90)[None])
    assert check.agreements(frame(1), disc(0, -90)[None]).tolist() == [1.0]


def test_no_objects_and_tiny_pictures_are_no_trouble():
    check = MotionCheck()
    small = Frame(0, 0, Fraction(1, 24), np.zeros((1, 2, 3), np.uint8))
    for _ in range(2):
        assert check.agreements(small, disc(20)[None]).shape == (1,)
    check = MotionCheck()
    for _ in range(2):
        assert check.agreements(small, np.zeros((0, 1, 1), np.float32)).shape == (0,)
    check = MotionCheck()
    wide = Frame(0, 0, Fraction(1, 24), np.zeros((3, 4000, 3), np.uint8))
    for _ in range(2):
        assert check.agreements(wide, disc(20)[None]).shape == (1,)
