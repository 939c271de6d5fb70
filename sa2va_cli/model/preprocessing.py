"""From pictures to the pixel tensors of the two vision encoders, as the official code computes them.

Pictures are (H, W, 3) uint8 RGB arrays. Knows nothing about networks.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError
from sa2va_cli.model.resampling import resize_planes

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# The grounding branch rounds the same constants to bfloat16, whatever the working precision
# (reference set, section 5.1).
GROUNDING_MEAN = (0.484375, 0.455078125, 0.40625)
GROUNDING_STD = (0.228515625, 0.2236328125, 0.224609375)

_SMALL = 400_000
"""Pixels up to which Pillow is left to it: it takes a few milliseconds, and is exact."""

_PROCESSOR = torch.device("cpu")


def resize_bicubic(image: RGB, width: int, height: int) -> RGB:
    """Resizes with Pillow's antialiased bicubic filter, the official code's default."""
    if image.shape[:2] == (height, width):
        return image
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def tile_grid(width: int, height: int, max_tiles: int, tile_size: int) -> tuple[int, int]:
    """Chooses how many columns and rows of tiles an image is cut into.

    The grid whose aspect ratio is closest to the image's wins. Grids are visited by area; on an exact tie
    the later one wins if the image has more than half of the grid's pixels (InternVL's dynamic
    preprocessing; reference set, section 3.2).

    Returns:
        (columns, rows), with ``columns * rows <= max_tiles``.
    """
    grids = sorted(
        {(a, b) for a in range(1, max_tiles + 1) for b in range(1, max_tiles + 1) if a * b <= max_tiles},
        key=lambda grid: grid[0] * grid[1],
    )
    best, smallest = (1, 1), float("inf")
    for columns, rows in grids:
        difference = abs(width / height - columns / rows)
        large = width * height > 0.5 * tile_size * tile_size * columns * rows
        if difference < smallest or (difference == smallest and large):
            best, smallest = (columns, rows), difference
    return best


def cut_tiles(image: RGB, max_tiles: int, tile_size: int) -> list[RGB]:
    """Cuts an image into square tiles, row by row, with a thumbnail last if there is more than one.

    Returns:
        Arrays of (tile_size, tile_size, 3) uint8.
    """
    height, width = image.shape[:2]
    columns, rows = tile_grid(width, height, max_tiles, tile_size)
    whole = resize_bicubic(image, columns * tile_size, rows * tile_size)
    tiles = [
        whole[y : y + tile_size, x : x + tile_size]
        for y in range(0, rows * tile_size, tile_size)
        for x in range(0, columns * tile_size, tile_size)
    ]
    if len(tiles) > 1:
        tiles.append(resize_bicubic(image, tile_size, tile_size))
    return tiles


def vision_pixels(tiles: Sequence[RGB]) -> Tensor:
    """Normalises tiles for the vision-language encoder.

    Returns:
        (B, 3, S, S) float32.
    """
    pixels = torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2).float() / 255
    return _normalise(pixels, IMAGENET_MEAN, IMAGENET_STD)


def round_size(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """Chooses a size near a picture's, as Qwen's ``smart_resize`` does.

    Args:
        height: of the picture in pixels.
        width: the same.
        factor: of which both sides become multiples.
        min_pixels: how many pixels there are at least, up to rounding.
        max_pixels: how many there are at most.

    Returns:
        (height, width).

    Raises:
        InputError: when one side is more than 200 times as long as the other.
    """
    if max(height, width) > 200 * min(height, width):
        raise InputError(
            f"a picture of {width}x{height} pixels is too narrow for this model; one side may be 200 times "
            "as long as the other at most"
        )
    rows, columns = (max(factor, round(side / factor) * factor) for side in (height, width))
    if rows * columns > max_pixels:
        scale = math.sqrt(height * width / max_pixels)
        rows, columns = (max(factor, math.floor(side / scale / factor) * factor) for side in (height, width))
    elif rows * columns < min_pixels:
        scale = math.sqrt(min_pixels / (height * width))
        rows, columns = (math.ceil(side * scale / factor) * factor for side in (height, width))
    return rows, columns


def cut_patches(
    image: RGB, patch: int, merge: int, frames: int, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Normalises a picture and cuts it into patches, those of one visual token together.

    Args:
        image: (H, W, 3), both sides multiples of ``patch * merge``.
        patch: side of a patch in pixels.
        merge: how many patches, in each direction, make one visual token.
        frames: how many times the picture is repeated in time.
        mean: of red, green and blue.
        std: the same.

    Returns:
        (H/patch * W/patch, 3 * frames * patch * patch) float32.
    """
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    x = _normalise(pixels, mean, std)[0]  # (3, H, W)
    x = x.unflatten(1, (-1, merge, patch)).unflatten(4, (-1, merge, patch))  # (3, h, m, p, w, m, p)
    x = x.permute(1, 4, 2, 5, 0, 3, 6)[..., None, :, :].expand(-1, -1, -1, -1, -1, frames, -1, -1)
    return x.flatten(4).flatten(0, 3)


def grounding_pixels(
    image: RGB, size: int, dtype: torch.dtype, *, still: bool, device: torch.device = _PROCESSOR
) -> Tensor:
    """Resizes and normalises one picture for SAM 2, without keeping its aspect ratio.

    Small pictures are resized by Pillow itself; in larger ones a few values in a hundred thousand are a level
    off.

    Args:
        image: the picture.
        size: side of the square network input in pixels.
        dtype: working precision of the network.
        still: True for a single image, which the official code casts before anything else; frames of a video
            are normalised in float32 and cast afterwards. The two agree in float32.
        device: where the result is wanted; a GPU does the work itself.

    Returns:
        (1, 3, size, size) in ``dtype`` on the device.
    """
    pixels = _levels(image, size, device)[None]
    if still:
        return _normalise(pixels.to(dtype) / 255, GROUNDING_MEAN, GROUNDING_STD)
    return _normalise(pixels.float() / 255, GROUNDING_MEAN, GROUNDING_STD).to(dtype)


def _levels(image: RGB, size: int, device: torch.device) -> Tensor:
    """(3, size, size) uint8 on the device."""
    rows, columns = image.shape[:2]
    if device.type != "cuda" and (rows * columns <= _SMALL or rows == columns == size):
        return torch.from_numpy(resize_bicubic(image, size, size).copy()).permute(2, 0, 1).to(device)
    return resize_planes(image, size, size, device)


def region_grid(masks: np.ndarray, grid: int) -> Tensor:
    """Samples region masks on the token grid of the thumbnail.

    Args:
        masks: (n, H, W), non-zero inside the region.
        grid: side of the token grid (16 for 448-pixel tiles).

    Returns:
        (n, grid, grid) bool; nearest-neighbour sampling as the official code does.
    """
    sampled = torch.nn.functional.interpolate(torch.from_numpy(masks).float()[None], size=(grid, grid))
    return sampled[0].bool()


def _normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    mean_ = torch.tensor(mean, dtype=pixels.dtype, device=pixels.device).view(1, 3, 1, 1)
    std_ = torch.tensor(std, dtype=pixels.dtype, device=pixels.device).view(1, 3, 1, 1)
    return (pixels - mean_) / std_
