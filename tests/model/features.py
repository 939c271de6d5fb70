"""Features of pictures that do not exist."""

import torch

from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import ImageFeatures


def some_features(sam2: Sam2) -> ImageFeatures:
    """Random features of one picture."""
    grid, width = sam2.grid, sam2.width
    return ImageFeatures(
        torch.randn(1, width, grid, grid),
        torch.randn(1, width // 4, 2 * grid, 2 * grid),
        torch.randn(1, width // 8, 4 * grid, 4 * grid),
    )
