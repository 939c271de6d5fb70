"""The mask losses of Sa2VA: BCE and Dice on points, of which most lie where the network is unsure.

The points are those of PointRend (Kirillov et al., 2020) as mmdet has them (``point_sample.py``), the losses
those of ``projects/sa2va/models/sa2va.py`` of bytedance/Sa2VA. Everything is computed in float32. Knows
nothing about networks.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sa2va_cli.training.recipe import Losses

TINY = 1e-4
"""What the official code adds to the number of masks, and of points, that it divides by."""


@dataclass(frozen=True, eq=False)
class Chances:
    """Random numbers that decide where points lie.

    Attributes:
        candidates: (N, C, 2) in 0..1: x and y of points of which the most uncertain are taken.
        others: (N, R, 2) in 0..1: points that are taken in any case.
    """

    candidates: Tensor
    others: Tensor

    @classmethod
    def draw(cls, masks: int, losses: Losses, device: torch.device) -> "Chances":
        """Draws them of torch's generator, in the order in which the official code does."""
        candidates = torch.rand(masks, int(losses.points * losses.oversampling), 2, device=device)
        uncertain = int(losses.importance * losses.points)
        return cls(candidates, torch.rand(masks, losses.points - uncertain, 2, device=device))


def values_at(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps (N, h, w) at points (N, P, 2), x and y in 0..1, between cells and 0 outside: (N, P)."""
    found = F.grid_sample(maps[:, None], points[:, :, None] * 2 - 1, align_corners=False)
    return found[:, 0, :, 0]


def uncertain_points(logits: Tensor, chances: Chances, count: int) -> Tensor:
    """Of the candidates those where logits (N, h, w) are nearest to 0, and then the others: (N, count, 2)."""
    with torch.no_grad():
        doubts = -values_at(logits.float(), chances.candidates).abs()
        chosen = doubts.topk(count - chances.others.shape[1], dim=1).indices
        nearest = chances.candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
        return torch.cat([nearest, chances.others], dim=1)


def mask_losses(logits: Tensor, masks: Tensor, losses: Losses, chances: Chances) -> dict[str, Tensor]:
    """BCE and Dice of masks, each a mean over all masks.

    Args:
        logits: (N, h, w).
        masks: (N, H, W) 0 or 1, of any size.
        losses: how many points.
        chances: where they may lie.
    """
    points = uncertain_points(logits, chances, losses.points)
    found, wanted = values_at(logits.float(), points), values_at(masks.float(), points)
    bce = F.binary_cross_entropy_with_logits(found, wanted, reduction="sum")
    likely = found.sigmoid()
    overlap = 2 * (likely * wanted).sum(1) + 1
    dice = 1 - overlap / (likely.sum(1) + wanted.sum(1) + 1)
    return {"bce": bce / (found.numel() + TINY), "dice": dice.sum() / (len(found) + TINY)}


def answer_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits (M, V) of the tokens (M,) that follow."""
    return F.cross_entropy(logits.float(), targets)
