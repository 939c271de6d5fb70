import zlib

import numpy as np
import pytest
import torch
from recorded import Inputs, read_case

from sa2va_cli.model.preprocessing import (
    cut_tiles,
    grounding_pixels,
    region_grid,
    resize_bicubic,
    tile_grid,
    vision_pixels,
)

FAMILY = "internvl-qwen2"


@pytest.mark.parametrize(
    ("size", "tiles"),
    [((640, 427), 7), ((1920, 1080), 9), ((320, 180), 3), ((448, 448), 1), ((1000, 100), 11)],
)
def test_an_image_is_cut_into_as_many_tiles_as_in_the_official_code(
    size: tuple[int, int], tiles: int
) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert len(cut_tiles(image, 12, 448)) == tiles


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((640, 427), (3, 2)),
        ((100, 1000), (1, 10)),
        ((448, 448), (1, 1)),  # 2x2 fits as well, but the image has not more than half of its pixels
        ((700, 700), (2, 2)),
        ((2000, 2000), (3, 3)),
    ],
)
def test_the_grid_has_the_aspect_ratio_of_the_image(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert tile_grid(*size, 12, 448) == grid


def test_tiles_are_those_of_the_official_code_to_the_bit(inputs: Inputs) -> None:
    wanted = read_case(FAMILY, "image_2seg").golden["tile_crc32"]
    tiles = cut_tiles(inputs.image, 12, 448)
    assert [zlib.crc32(np.ascontiguousarray(tile).tobytes()) for tile in tiles] == wanted.tolist()


def test_pixels_of_keyframes_are_those_of_the_official_code(inputs: Inputs) -> None:
    golden = read_case(FAMILY, "video_1seg").golden
    pixels = vision_pixels([resize_bicubic(frame, 448, 448) for frame in inputs.frames[:5]])
    check_pixels(pixels, golden["vlm_pixel_stats"], golden["vlm_pixel_corner"])


def test_pixels_of_sam_2_are_those_of_the_official_code(inputs: Inputs) -> None:
    golden = read_case(FAMILY, "video_1seg").golden
    pixels = torch.cat([grounding_pixels(frame, 256, torch.float32, still=False) for frame in inputs.frames])
    check_pixels(pixels, golden["sam_pixel_stats"], golden["sam_pixel_corner"])


def check_pixels(pixels: torch.Tensor, stats: np.ndarray, corner: np.ndarray) -> None:
    """Compares the sums and sums of squares of each channel, and the pixels of a corner."""
    values = pixels.double()
    sums = torch.stack([values.sum((2, 3)), (values**2).sum((2, 3))], dim=-1)
    np.testing.assert_allclose(sums, stats, rtol=1e-5, atol=0.05)
    np.testing.assert_allclose(pixels[..., :4, :4], corner, atol=1e-5, rtol=0)


def test_regions_are_sampled_as_in_the_official_code(inputs: Inputs) -> None:
    wanted = read_case(FAMILY, "image_mask_prompts").golden["prompt_masks_grid"]
    np.testing.assert_array_equal(region_grid(inputs.regions, 16), wanted.astype(bool))


def test_a_picture_of_the_wanted_size_is_left_alone(inputs: Inputs) -> None:
    height, width = inputs.image.shape[:2]
    assert resize_bicubic(inputs.image, width, height) is inputs.image


def test_in_bfloat16_frames_are_normalised_before_they_are_rounded_and_images_after(inputs: Inputs) -> None:
    """Reference set, section 5.1: the two paths are up to 0.016 apart."""
    frame = grounding_pixels(inputs.image, 256, torch.bfloat16, still=False)
    exact = grounding_pixels(inputs.image, 256, torch.float32, still=False)
    still = grounding_pixels(inputs.image, 256, torch.bfloat16, still=True)
    assert still.dtype == frame.dtype == torch.bfloat16
    assert torch.equal(frame, exact.to(torch.bfloat16))
    assert 0 < (still - frame).abs().max() <= 0.016
