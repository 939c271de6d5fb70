"""Points and boxes as SAM 2's prompt encoder takes them.

A box is two points with labels of their own, its corners, as in SAM 2's video predictor. Knows nothing about
frames and their sizes: coordinates are parts of the picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NEGATIVE, POSITIVE, TOP_LEFT, BOTTOM_RIGHT = 0, 1, 2, 3
"""Labels of points, which are rows of the prompt encoder's table of point embeddings (SAM 2)."""

_NOT_A_POINT = -1


@dataclass(frozen=True, eq=False)
class PointedAt:
    """Points on the pictures of N objects, P for each.

    Attributes:
        places: (N, P, 2) float32, x and y as parts of the picture's width and height.
        labels: (N, P) int64, one of the labels above; corners of a box come first, top left before bottom
            right.
    """

    places: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.places.shape != (*self.labels.shape, 2) or not self.labels.shape[1]:
            raise ValueError(
                f"got places {tuple(self.places.shape)} with labels {tuple(self.labels.shape)}; "
                "every object needs a point"
            )

    @property
    def several_masks(self) -> bool:
        """Whether the best of three masks is taken: a single point may mean a thing or a part of it."""
        return self.labels.shape[1] == 1

    @classmethod
    def of(cls, places: Sequence[tuple[float, float]], labels: Sequence[int], device: Any) -> "PointedAt":
        """The points of one object."""
        return cls(
            torch.tensor([list(places)], dtype=torch.float32, device=device),
            torch.tensor([list(labels)], dtype=torch.long, device=device),
        )

    def tokens(self, encoder: Any, side: int) -> Tensor:
        """Embeds the points, and the padding point that follows them.

        Args:
            encoder: the prompt encoder of transformers' ``Sam2VideoModel``.
            side: of SAM 2's input in pixels; a place in it is that of a pixel's corner, and the prompt
                encoder looks at its centre.

        Returns:
            (N, 1, P + 1, C).
        """
        places = F.pad(self.places + 0.5 / side, (0, 0, 0, 1))
        labels = F.pad(self.labels, (0, 1), value=_NOT_A_POINT)
        gaussian = encoder.shared_embedding.positional_embedding.float()
        waves = 2 * math.pi * ((2 * places - 1) @ gaussian)  # (N, P + 1, C / 2)
        waves = torch.cat([waves.sin(), waves.cos()], dim=-1).to(encoder.point_embed.weight.dtype)
        embedded = waves + encoder.point_embed(labels.clamp(min=0))
        nothing = encoder.not_a_point_embed.weight[0]
        return torch.where((labels == _NOT_A_POINT)[..., None], nothing, embedded)[:, None]
