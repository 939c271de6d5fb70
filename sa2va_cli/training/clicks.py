"""Clicks and boxes as SAM 2 gets them, in training: what it decodes from them, how they correct a mask.

The conventions are those of transformers' ``Sam2VideoModel``: points in pixels of the network's input, to
which its prompt encoder adds half a pixel; labels 1 and 0 for what belongs to the object and what does not, 2
and 3 for the corners of a box; an empty point fills up, as its session API does; several candidates for a
single point, one for more.
"""

from math import tau

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures

CODE, POINT, BOX = range(3)
"""How a target is told: by the code of its meaning, by a point in it, by the box around it."""

_PREVIOUS_LIMIT = 32.0  # what SAM 2 clamps the logits of an earlier mask to before it looks at them again
_OWN_SHARE = 0.3
_CUT_SHARE = 0.6
_BAD_LOGIT = 8.0


def sample_point(mask: NDArray[np.bool_], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A point in a mask (H, W): (2,) x and y in pixels of the input; in half of the cases a deep one."""
    rows, columns = np.nonzero(mask)
    if rng.random() < 0.5:
        depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
        deep = depth[rows, columns]
        keep = deep >= 0.7 * deep.max()
        rows, columns = rows[keep], columns[keep]
    pick = int(rng.integers(len(rows)))
    return _in_input(np.array([columns[pick], rows[pick]]), mask.shape, side)


def sample_box(mask: NDArray[np.bool_], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The box around a mask: (2, 2) first and last corner; in half of the cases a tenth of its size off."""
    rows, columns = np.nonzero(mask)
    corners = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]], np.float64)
    if rng.random() < 0.5:
        corners += rng.uniform(-0.05, 0.05, (2, 2)) * (corners[1] - corners[0])
    return _in_input(corners, mask.shape, side)


def _in_input(points: NDArray[np.float64], shape: tuple[int, ...], side: int) -> NDArray[np.float32]:
    """Pixels of a picture as pixels of the square input."""
    return np.asarray(points * side / np.array([shape[1], shape[0]]), np.float32)


def decode_prompts(
    sam2: Sam2,
    features: ImageFeatures,
    conditioned: Tensor,
    points: Tensor,
    labels: Tensor,
    previous: Tensor | None = None,
) -> DecodedMasks:
    """Decodes clicks, with an earlier mask or without.

    Args:
        sam2: the network.
        features: of the frame, one row per object.
        conditioned: (N, C, s, s) lowest map, with memories or marked as without.
        points: (N, P, 2) in pixels of the input.
        labels: (N, P).
        previous: (N, S/4, S/4) logits of the masks that are to be corrected.

    Returns:
        three candidates for each object; the same one three times where there are several points.
    """
    layers, n = sam2.layers, len(points)
    sparse, dense = layers.prompt_encoder(
        points[:, None],
        labels[:, None],
        None,
        None if previous is None else previous[:, None].clamp(-_PREVIOUS_LIMIT, _PREVIOUS_LIMIT),
    )
    if previous is None:
        dense = dense.expand(n, -1, -1, -1)
    masks, ious, tokens, scores = layers.mask_decoder(
        image_embeddings=conditioned,
        image_positional_embeddings=sam2.picture_positions().expand(n, -1, -1, -1),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=points.shape[1] == 1,
        high_resolution_features=[features.high, features.middle],
    )
    masks, ious = masks[:, 0].expand(-1, 3, -1, -1), ious[:, 0].expand(-1, 3)
    best = ious.argmax(dim=-1)
    token = tokens[:, 0].expand(-1, 3, -1)[torch.arange(n, device=best.device), best]
    visible = scores[:, 0] > 0
    pointer = torch.where(visible, layers.object_pointer_proj(token), layers.no_object_pointer)
    return DecodedMasks(masks, ious, scores[:, 0, 0], pointer, best)


def bad_masks(own: Tensor, targets: Tensor, chances: Tensor) -> Tensor:
    """Masks to be corrected: (N, s, s) logits; some are the network's own, some are cut, some hold too much.

    Args:
        own: (N, s, s) logits that were decoded.
        targets: (N, h, w) what is right, 0..1.
        chances: (N,) 0..1, decide which and how.
    """
    side = own.shape[-1]
    small = F.adaptive_avg_pool2d(targets[:, None], side)[:, 0]
    y, x = torch.meshgrid(*(torch.linspace(0, 1, side, device=own.device),) * 2, indexing="ij")
    weight = small.sum((1, 2)).clamp(min=1e-6)
    centre = [((small * axis).sum((1, 2)) / weight)[:, None, None] for axis in (x, y)]
    angle = (tau * chances * 7)[:, None, None]
    kept = (x - centre[0]) * angle.cos() + (y - centre[1]) * angle.sin() > 0
    more = torch.maximum(small, small.roll(1, 0))
    wrong = torch.where((chances < _CUT_SHARE)[:, None, None], small * kept, more)
    logits = _BAD_LOGIT * (2 * F.avg_pool2d(wrong[:, None], 3, stride=1, padding=1)[:, 0] - 1)
    return torch.where((chances < _OWN_SHARE)[:, None, None], own.detach(), logits)


def corrective_points(previous: Tensor, targets: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """A point where each mask is wrong, or in the target where nothing is: (N, 1, 2) in input pixels, (N, 1).

    Args:
        previous: (N, s, s) logits.
        targets: (N, h, w) what is right, 0..1; cells are half as many as pixels of the input.
        chances: (N,) 0..1, decide where.
    """
    h, w = targets.shape[-2:]
    found = (
        F.interpolate(previous[:, None].float(), size=(h, w), mode="bilinear", align_corners=False)[:, 0] > 0
    )
    wanted = targets > 0.5
    wrong = (found != wanted).flatten(1).float() + 1e-4 * wanted.flatten(1).float() + 1e-9
    sums = wrong.cumsum(1)
    place = torch.searchsorted(sums, (chances[:, None] * sums[:, -1:]).contiguous()).clamp(max=h * w - 1)
    points = torch.stack([place % w, place // w], dim=-1).float()  # (N, 1, 2)
    return points * 2 + 0.5, wanted.flatten(1).gather(1, place).long()
