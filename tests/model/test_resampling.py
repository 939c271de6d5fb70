"""Resizing as Pillow does it, by products."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.model.preprocessing import GROUNDING_MEAN, GROUNDING_STD, grounding_pixels
from sa2va_cli.model.resampling import resize_planes, resize_whole

CPU = torch.device("cpu")
SIZES = [(1920, 1080), (1280, 720), (640, 360), (1080, 1920), (777, 333), (1023, 1025)]
SMALLER = [(640, 360), (1080, 1920), (1023, 1025)]
"""Those that are tried with a small network, too: enlarged in one, reduced in both, and by much."""
IDENTICAL = 0.9998
"""At least so many of the values; noise has more exact halves than pictures have."""

BICUBIC = Image.Resampling.BICUBIC


def park(width: int, height: int) -> NDArray[np.uint8]:
    """A smooth picture with a camera's grain, and a stretch of noise whose resized values leave 0..255."""
    random = np.random.default_rng(width)
    small = random.integers(20, 236, (9, 16, 3), dtype=np.uint8)
    picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(float)
    picture += random.normal(0, 4, picture.shape)
    picture[: height // 8] = random.integers(0, 256, (height // 8, width, 3))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def official(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize((width, height), BICUBIC))


@pytest.mark.parametrize(
    ("size", "side"),
    [*((size, 1024) for size in SIZES if size != (1080, 1920)), *((size, 256) for size in SMALLER)],
    ids=lambda one: f"{one[0]}x{one[1]}" if isinstance(one, tuple) else str(one),
)
def test_values_are_pillow_s(size: tuple[int, int], side: int) -> None:
    image = park(*size)
    wanted = official(image, side, side).astype(int)
    for planes in (
        resize_planes(image, side, side, CPU),
        resize_whole(torch.from_numpy(image), side, side),
    ):
        assert planes.shape == (3, side, side)
        assert planes.dtype == torch.uint8
        difference = np.abs(planes.permute(1, 2, 0).numpy() - wanted)
        assert (difference == 0).mean() >= IDENTICAL
        assert difference.max() <= 1


def test_the_two_sides_of_the_result_may_differ() -> None:
    image = park(200, 300)
    wanted = official(image, 120, 90).astype(int)
    assert np.abs(resize_planes(image, 120, 90, CPU).permute(1, 2, 0).numpy() - wanted).max() <= 1
    assert np.abs(resize_whole(torch.from_numpy(image), 120, 90).permute(1, 2, 0).numpy() - wanted).max() <= 1


def test_a_view_of_a_picture_is_resized_like_its_copy() -> None:
    view = park(300, 200)[::-1, 20:]
    assert torch.equal(resize_planes(view, 64, 64, CPU), resize_planes(view.copy(), 64, 64, CPU))


@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (720, 1280)])
def test_pixels_for_sam_2_are_pillow_s(size: tuple[int, int]) -> None:
    image = park(*size)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (GROUNDING_MEAN, GROUNDING_STD))
    levels = grounding_pixels(image, 256, torch.float32, still=False)[0] * std + mean
    difference = np.abs((255 * levels).round().permute(1, 2, 0).numpy() - official(image, 256, 256))
    assert (difference == 0).mean() >= IDENTICAL
    assert difference.max() <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_a_gpu_gives_pillow_s_values_too(size: tuple[int, int]) -> None:
    image = park(*size)
    planes = resize_planes(image, 1024, 1024, torch.device("cuda"))
    assert planes.is_cuda
    difference = np.abs(planes.cpu().permute(1, 2, 0).numpy() - official(image, 1024).astype(int))
    assert (difference == 0).mean() >= IDENTICAL
    assert difference.max() <= 1
