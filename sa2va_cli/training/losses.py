"""The losses of Sa2VA's training and those of SAM 2's auxiliary heads.

Everything is computed in float32. Knows nothing about networks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def answer_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Next-token cross-entropy, weighted.

    Args:
        logits: (M, V) for M positions.
        targets: (M,) token that follows.
        weights: (M,) weight of each position.
    """
    losses = F.cross_entropy(logits.float(), targets, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=1e-6)


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """One minus the soft Dice coefficient (Milletari et al., V-Net, 2016), for each mask.

    Args:
        logits: (..., h, w) mask logits.
        targets: (..., h, w) share of each cell that belongs to the object, 0..1.

    Returns:
        (...). The one in numerator and denominator makes an empty prediction of an empty target perfect.
    """
    probabilities = logits.float().sigmoid()
    overlap = (probabilities * targets).sum((-2, -1))
    total = probabilities.sum((-2, -1)) + targets.sum((-2, -1))
    return 1 - (2 * overlap + 1) / (total + 1)


def mask_bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy for each mask, averaged over its cells; shapes as in ``dice_loss``."""
    return F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").mean((-2, -1))


def soft_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """Intersection over union of thresholded masks, (...), one where both are empty; no gradient."""
    with torch.no_grad():
        predicted, wanted = logits > 0, targets > 0.5
        union = (predicted | wanted).sum((-2, -1))
        overlap = (predicted & wanted).sum((-2, -1))
        return torch.where(
            union > 0, overlap / union.clamp(min=1), torch.ones_like(union, dtype=torch.float32)
        )
