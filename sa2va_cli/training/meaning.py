"""A code of our own for what a language query should say: what is meant, and where it is.

With it SAM 2 learns to follow queries, and the language model to utter them, each without the other: both
know the code from the start, and fit together when they meet.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sa2va_cli.model.sam2 import Sam2


class MeaningCode(nn.Module):
    """Writes names and places as a query; nothing of it is learned.

    Every name is a direction of its own, all at right angles. A place is SAM 2's own position encoding there,
    as a point prompt would be, averaged over what the target covers.

    Args:
        sam2: whose position encoding is used.
        names: number of names.
        grid: side of the grid of places.
    """

    names: Tensor
    places: Tensor

    def __init__(self, sam2: Sam2, names: int, grid: int) -> None:
        super().__init__()
        width = sam2.width
        generator = torch.Generator().manual_seed(0)  # part of the code's definition
        directions, _ = torch.linalg.qr(torch.randn(width, names, generator=generator))
        positions = sam2.layers.get_image_wide_positional_embeddings().detach().float()
        pooled = F.adaptive_avg_pool2d(positions, grid)[0].flatten(1).T  # (grid*grid, width)
        self.register_buffer("names", directions.T * math.sqrt(width), persistent=False)
        self.register_buffer("places", pooled * 1.5, persistent=False)

    def forward(self, names: Tensor, places: Tensor) -> Tensor:
        """The query for each meaning: (N, width).

        Args:
            names: (N, A), see ``Meaning``.
            places: (N, K, g, g), likewise; how much is meant in all does not matter, only where.
        """
        spread = places.flatten(2)
        spread = (spread / spread.sum(2, keepdim=True).clamp(min=1e-6)).mean(1)
        return names @ self.names + spread @ self.places
