"""A code of our own for what a language query should say: what is meant, and where it is.

With it SAM 2 learns to follow queries, and the language model to utter them, each without the other: both
know the code from the start, and fit together when they meet.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sa2va_cli.model.sam2 import Sam2

_FIRST_NAMES = 17
"""How many names the first weights knew; their directions stay when names are added."""


class MeaningCode(nn.Module):
    """Writes names and places as a query; nothing of it is learned.

    Every name is a direction of its own, all at right angles. A place is SAM 2's own position encoding there,
    as a point prompt would be, averaged over what the target covers.

    Args:
        sam2: whose position encoding is used; not a part of this module.
        names: number of names.
        grid: side of the grid of places.
    """

    names: Tensor

    def __init__(self, sam2: Sam2, names: int, grid: int) -> None:
        super().__init__()
        width = sam2.width
        generator = torch.Generator().manual_seed(0)  # part of the code's definition
        first = torch.randn(width, min(names, _FIRST_NAMES), generator=generator)
        later = torch.randn(width, max(names - _FIRST_NAMES, 0), generator=generator)
        directions, _ = torch.linalg.qr(torch.cat([first, later], dim=1))
        self.register_buffer("names", directions.T * math.sqrt(width), persistent=False)
        self.grid = grid
        # Asked for at every use, because weights are loaded after this, and a run must go on in its own code.
        self._positions = sam2.layers.get_image_wide_positional_embeddings

    def forward(self, names: Tensor, places: Tensor) -> Tensor:
        """The query for each meaning: (N, width).

        Args:
            names: (N, A), see ``Meaning``.
            places: (N, K, g, g), the same; how much is meant in all does not matter, only where.
        """
        positions = self._positions().detach().float()  # (1, width, s, s)
        pooled = F.adaptive_avg_pool2d(positions, self.grid)[0].flatten(1).T  # (g*g, width)
        spread = places.flatten(2)
        spread = (spread / spread.sum(2, keepdim=True).clamp(min=1e-6)).mean(1)
        return names @ self.names + spread @ (pooled * 1.5)
