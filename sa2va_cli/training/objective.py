"""One forward pass of a Sa2VA in training: from a batch to its losses.

The language model answers; the states at ``[SEG]`` become queries; SAM 2 decodes them on the conditioning
frames and tracks them through the others, all differentiable, memory included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.sam2 import DecodedMasks, ImageFeatures
from sa2va_cli.model.tracker import Tracker, TrackerMemory
from sa2va_cli.training.losses import answer_loss, dice_loss, mask_bce, soft_iou
from sa2va_cli.training.samples import IGNORED, Batch


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts.

    Cross-entropy on the answer, BCE and Dice on the masks are Sa2VA's (its published training configuration
    has 1, 2 and 0.5 on sampled points; here BCE is a mean over all cells of mostly empty masks, hence the
    larger weight). ``iou`` and ``score`` train SAM 2's quality and visibility heads, as SAM 2 does.
    ``classes`` is the auxiliary classification of the pictures' cells, ``named`` that of the queries, where a
    dataset has labels.
    """

    answer: float = 1.0
    bce: float = 5.0
    dice: float = 1.0
    iou: float = 0.5
    score: float = 0.2
    classes: float = 1.0
    named: float = 2.0


class ClassProbe(nn.Module):
    """Linear readouts of what the encoders' maps show and what a query means; used in training only.

    Args:
        vision_width: width of the vision-language encoder's tokens.
        grounding_width: width of SAM 2's lowest map.
        classes: number of classes of each attribute; class 0 is background.
    """

    def __init__(self, vision_width: int, grounding_width: int, classes: Sequence[int]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.vision = nn.Linear(vision_width, sum(classes))
        self.grounding = nn.Linear(grounding_width, sum(classes))
        self.query = nn.Linear(grounding_width, sum(classes) - len(classes))

    def loss(self, readout: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of every attribute, in which what is there counts as much as all background.

        Args:
            readout: (..., sum of classes).
            labels: (..., attributes) class of each attribute.
        """
        losses = []
        for k, logits in enumerate(readout.float().split(self.classes, dim=-1)):
            wanted = labels[..., k].flatten()
            each = F.cross_entropy(logits.flatten(0, -2), wanted, reduction="none")
            there = wanted > 0
            losses += [each[there].sum() / there.sum().clamp(min=1), each[~there].mean()]
        return torch.stack(losses).mean()


class Objective(nn.Module):
    """Computes the losses of a batch.

    Args:
        network: what is trained.
        probe: readouts for the auxiliary loss, or None.
        weights: of the losses.
    """

    def __init__(self, network: Sa2VANetwork, probe: ClassProbe | None, weights: LossWeights) -> None:
        super().__init__()
        self.network = network
        self.probe = probe
        self.weights = weights

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Returns each loss by name, unweighted, and their weighted sum as ``total``."""
        chat = self.network.chat
        vision = chat.vision_model(batch.vision_pixels).last_hidden_state[:, 1:]  # (B*K, P*P, V)
        hidden = self._read(batch, chat.project(vision))
        answered = batch.targets != IGNORED
        logits = chat.language_model.lm_head(hidden[answered])
        losses = {"answer": answer_loss(logits, batch.targets[answered], batch.weights[answered])}
        maps: list[Tensor] = []
        if len(batch.segment_rows):
            states = hidden[batch.segment_rows[:, 0], batch.segment_rows[:, 1]]
            queries = self.network.text_hidden_fcs(states)
            losses |= self._masks(batch, queries, maps)
            if self.probe is not None and batch.named is not None:
                named = self.probe.query(queries).float()
                losses["named"] = F.binary_cross_entropy_with_logits(named, batch.named)
        if self.probe is not None and batch.key_labels is not None:
            losses["classes"] = self._classes(self.probe, batch, vision, maps)
        losses["total"] = torch.stack([getattr(self.weights, k) * v for k, v in losses.items()]).sum()
        return losses

    def _read(self, batch: Batch, visual: Tensor) -> Tensor:
        """Runs the language model over the packed conversations: (B, L, D)."""
        model, places = self.network.chat.language_model.model, batch.token_ids == self.network.chat.patch_id
        embeddings = model.embed_tokens(batch.token_ids)
        embeddings = embeddings.masked_scatter(places[..., None], visual.flatten(0, 1).to(embeddings.dtype))
        output = model(
            inputs_embeds=embeddings,
            attention_mask=batch.visible,
            position_ids=batch.positions,
            use_cache=False,
        )
        return output.last_hidden_state

    def _masks(self, batch: Batch, queries: Tensor, maps: list[Tensor]) -> dict[str, Tensor]:
        """Decodes and tracks every query through its sample's frames."""
        sam2, rows = self.network.sam2, batch.segment_rows[:, 0]
        tracker = Tracker(sam2, memory_dtype=torch.float32)
        frames, size = batch.grounding_pixels.shape[:2]
        features = sam2.encode(batch.grounding_pixels.flatten(0, 1))
        maps.append(features.low)
        per_frame = [features[f * size : (f + 1) * size][rows] for f in range(frames)]
        decoded = _follow(tracker, per_frame, batch, queries)
        return self._mask_losses(decoded, batch.masks)

    @staticmethod
    def _mask_losses(decoded: list[DecodedMasks], masks: Tensor) -> dict[str, Tensor]:
        """Every candidate learns the whole mask; the quality head learns which came out best."""
        side = masks.shape[-1]
        candidates = torch.stack([d.candidates for d in decoded], dim=1).float()  # (N, F, 3, h, w)
        larger = F.interpolate(
            candidates.flatten(0, 1), size=(side, side), mode="bilinear", align_corners=False
        )
        logits = larger.unflatten(0, candidates.shape[:2])
        targets = masks[:, :, None].expand_as(logits)
        present = (masks.flatten(2).sum(2) > 0.5).float()  # (N, F) half a cell of the object is seen
        scores = torch.stack([d.score_logits for d in decoded], dim=1).float()
        ious = torch.stack([d.ious for d in decoded], dim=1).float()
        return {
            "bce": mask_bce(logits, targets).mean(),
            "dice": (dice_loss(logits, targets).mean(2) * (0.2 + 0.8 * present)).mean(),
            "iou": F.mse_loss(ious, soft_iou(logits, targets)),
            "score": F.binary_cross_entropy_with_logits(scores, present),
        }

    @staticmethod
    def _classes(probe: ClassProbe, batch: Batch, vision: Tensor, maps: list[Tensor]) -> Tensor:
        losses = []
        if batch.key_labels is not None:
            losses.append(probe.loss(probe.vision(vision), batch.key_labels.flatten(1, 2)))
        if batch.labels is not None and maps:
            cells = maps[0].flatten(2).transpose(1, 2)  # (F*B, s*s, C)
            losses.append(probe.loss(probe.grounding(cells), batch.labels.flatten(0, 1).flatten(1, 2)))
        return torch.stack(losses).mean()


def _follow(
    tracker: Tracker, frames: list[ImageFeatures], batch: Batch, queries: Tensor
) -> list[DecodedMasks]:
    """Runs the tracker over frames whose features have one row per query."""
    keyframes = list(zip(batch.indices, frames[: batch.conditioning], strict=False))
    still = len(frames) == batch.conditioning
    memory = TrackerMemory(()) if still else tracker.condition(keyframes, queries)
    if still:
        return [tracker.decode_query(features, queries) for _, features in keyframes]
    decoded = [memory.decoded[index] for index, _ in keyframes]
    for index, features in zip(
        batch.indices[batch.conditioning :], frames[batch.conditioning :], strict=True
    ):
        masks, memory = tracker.step(index, features, memory)
        decoded.append(masks)
    return decoded
