"""PNG files of 16 bits: every reader gets the numbers back, whatever of the picture is empty."""

import cv2
import numpy as np
import pytest

from sa2va_cli.media.png import encode_deep_png


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "filled", [slice(0, 150), slice(0, 0), slice(70, 71), slice(0, 3), slice(140, 150), slice(20, 130)]
)
def test_the_numbers_come_back_wherever_the_picture_is_empty(filled, channels):
    picture = np.zeros((150, 37, channels), np.uint16)
    drawn = picture[filled]
    drawn[:] = np.random.default_rng(0).integers(0, 1 << 16, drawn.shape)
    read = cv2.imdecode(np.frombuffer(encode_deep_png(picture), np.uint8), cv2.IMREAD_UNCHANGED)
    order = [2, 1, 0, 3][:channels]
    np.testing.assert_array_equal(read[..., order], picture)


def test_an_empty_picture_takes_next_to_no_space():
    assert len(encode_deep_png(np.zeros((1080, 1920, 4), np.uint16))) < 100_000


def test_of_equal_pictures_equal_files_are_made():
    picture = np.arange(60, dtype=np.uint16).reshape(4, 5, 3)
    assert encode_deep_png(picture) == encode_deep_png(np.asfortranarray(picture))
