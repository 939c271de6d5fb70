"""One forward pass of a Sa2VA in training: from a batch to its losses.

The language model answers; the states at ``[SEG]`` become queries; SAM 2 decodes them on the conditioning
frames and tracks them through the others, all differentiable, memory included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache

from sa2va_cli.model.decoding import cache_argument
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.tracker import FrameMemory, Tracker, TrackerMemory
from sa2va_cli.training.clicks import BOX, CODE, POINT, bad_masks, corrective_points, decode_prompts
from sa2va_cli.training.losses import answer_loss, dice_loss, mask_bce, soft_iou
from sa2va_cli.training.meaning import MeaningCode
from sa2va_cli.training.samples import IGNORED, Batch


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts.

    Cross-entropy on the answer, BCE and Dice on the masks are Sa2VA's (its published training configuration
    has 1, 2 and 0.5 on sampled points; here BCE is a mean over all cells of mostly empty masks, hence the
    larger weight, and the answer has auxiliary losses beside it). ``iou`` and ``score`` train SAM 2's quality
    and visibility heads, as SAM 2 does.
    The others are auxiliary and need labels: ``classes`` and ``seen`` of what the cells of the two encoders
    show, ``named`` and ``pointed`` of what the language model understands, and where, ``deeds`` of who is
    seen in a visual token doing what, ``query`` of how it says so, ``marked`` of where a tracked frame's map,
    having looked back, shows the object. ``corrected`` is of masks after a corrective click.
    """

    answer: float = 2.0
    bce: float = 5.0
    dice: float = 1.0
    iou: float = 0.5
    score: float = 0.2
    classes: float = 1.0
    seen: float = 1.0
    named: float = 1.0
    pointed: float = 1.0
    deeds: float = 0.5
    query: float = 1.5
    marked: float = 0.5
    corrected: float = 1.5


class Readouts(nn.Module):
    """What is read, in training only, from maps and states to see whether they know what they should.

    Args:
        vision_width: width of the vision-language encoder's tokens.
        language_width: width of the language model.
        grounding_width: width of SAM 2's lowest map.
        classes: number of classes of each attribute of a cell; class 0 is background.
        names: number of names that a target may have.
        deeds: number of things that may be done; class 0 is that there is nobody.
    """

    def __init__(
        self,
        vision_width: int,
        language_width: int,
        grounding_width: int,
        classes: Sequence[int],
        names: int,
        deeds: int,
    ) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.vision = nn.Linear(vision_width, sum(classes))
        self.grounding = nn.Linear(grounding_width, sum(classes))
        self.named = nn.Linear(language_width, names)
        self.pointer = nn.Linear(language_width, language_width)
        self.pointed = nn.Linear(language_width, language_width)
        self.seldom = nn.Parameter(torch.tensor(-3.0))  # most cells hold nothing of what is meant
        self.tracked = nn.Linear(grounding_width, 1)
        self.deeds = nn.Linear(language_width, deeds)

    def cells(self, readout: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of every attribute, in which what is there counts as much as all background.

        Args:
            readout: (..., sum of classes).
            labels: (..., attributes) class of each attribute.
        """
        attributes = readout.float().split(self.classes, dim=-1)
        return torch.stack([classified(logits, labels[..., k]) for k, logits in enumerate(attributes)]).mean()

    def places(self, states: Tensor, visual: Tensor, rows: Tensor, wanted: Tensor) -> Tensor:
        """How well states point at the visual tokens that hold what they mean; both halves count the same.

        Args:
            states: (Q, D).
            visual: (B, T, D) the language model's states at the visual tokens.
            rows: (Q,) which of the B each state belongs to.
            wanted: (Q, T) 0..1.
        """
        logits = torch.einsum("qd,qtd->qt", self.pointer(states), self.pointed(visual)[rows]).float()
        return _found(logits / states.shape[-1] ** 0.5 + self.seldom, wanted)

    def marks(self, maps: Tensor, masks: Tensor) -> Tensor:
        """How well maps that have looked back show where the tracked object is.

        Args:
            maps: (N, C, s, s).
            masks: (N, h, w) 0..1.
        """
        logits = self.tracked(maps.flatten(2).transpose(1, 2))[..., 0].float()  # (N, s*s)
        return _found(logits, F.adaptive_avg_pool2d(masks[:, None], maps.shape[-1]).flatten(1))


def classified(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of cells in which what is there counts as much as all background, which is class 0.

    Args:
        logits: (..., classes).
        wanted: (...) class of each cell.
    """
    each = F.cross_entropy(logits.float().flatten(0, -2), wanted.flatten(), reduction="none")
    there = wanted.flatten() > 0
    return (each[there].sum() / there.sum().clamp(min=1) + each[~there].mean()) / 2


def _found(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of cells in which what is looked for counts as much as all else.

    Args:
        logits: any shape.
        wanted: the same, 0..1.
    """
    each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    free = 1 - wanted
    return (each * wanted).sum() / wanted.sum().clamp(min=1) + (each * free).sum() / free.sum().clamp(min=1)


def of_like_lengths(lengths: Tensor, least: float = 0.75) -> list[Tensor]:
    """Indices of rows, longest first, in groups whose shortest has ``least`` of the longest one's length.

    Args:
        lengths: (N,) at least 1.
        least: share, 0..1.
    """
    counts = lengths.tolist()  # at once: on a GPU, every number that is looked at alone waits for it
    groups: list[list[int]] = []
    limit = float("inf")
    for index in sorted(range(len(counts)), key=lambda i: -counts[i]):
        if not groups or counts[index] < limit:
            groups.append([])
            limit = least * counts[index]
        groups[-1].append(index)
    return [torch.tensor(group, device=lengths.device) for group in groups]


class Objective(nn.Module):
    """Computes the losses of a batch.

    Args:
        network: what is trained.
        readouts: for the auxiliary losses, or None.
        code: how SAM 2 is told a meaning, and how the language model should say it; or None.
        weights: of the losses.
    """

    def __init__(
        self,
        network: Sa2VANetwork,
        readouts: Readouts | None,
        code: MeaningCode | None,
        weights: LossWeights,
    ) -> None:
        super().__init__()
        self.network = network
        self.readouts = readouts
        self.code = code
        self.weights = weights

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Returns each loss by name, unweighted, and their weighted sum as ``total``."""
        losses: dict[str, Tensor] = {}
        if batch.token_ids.numel():
            queries, losses = self._converse(batch)
        else:
            queries = self._coded(batch)
        if len(batch.masked):
            losses |= self._masks(batch, queries)
        losses["total"] = torch.stack([getattr(self.weights, k) * v for k, v in losses.items()]).sum()
        return losses

    def _coded(self, batch: Batch) -> Tensor:
        if self.code is None:
            raise ValueError("without words and without a code there is nothing to tell SAM 2")
        meant = batch.meant[batch.meant >= 0]
        return self.code(batch.asked_names[meant], batch.asked_places[meant])

    def _converse(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The query at every ``[SEG]`` (N, C), and the losses of what is said and understood."""
        chat = self.network.chat
        vision = chat.vision_model(batch.vision_pixels).last_hidden_state[:, 1:]  # (B*K, P*P, V)
        hidden = self._read(batch, chat.project(vision))
        answered = batch.targets != IGNORED
        logits = chat.language_model.lm_head(hidden[answered])
        losses = {"answer": answer_loss(logits, batch.targets[answered], batch.weights[answered])}
        states = hidden[batch.segment_rows[:, 0], batch.segment_rows[:, 1]]
        queries = self.network.text_hidden_fcs(states)
        if self.readouts is not None and len(batch.asked_rows):
            losses |= self._understood(self.readouts, batch, hidden)
        known = batch.meant >= 0
        if self.code is not None and known.any():
            losses["query"] = F.mse_loss(queries[known].float(), self._coded(batch))
        if self.readouts is not None and batch.key_deeds is not None:
            seen = self._visual(batch, hidden)
            losses["deeds"] = classified(self.readouts.deeds(seen), batch.key_deeds.view(*seen.shape[:2]))
        if self.readouts is not None and batch.key_labels is not None:
            losses["classes"] = self.readouts.cells(
                self.readouts.vision(vision), batch.key_labels.flatten(1, 2)
            )
        return queries, losses

    def _understood(self, readouts: Readouts, batch: Batch, hidden: Tensor) -> dict[str, Tensor]:
        """What is known just before an answer, and again at its ``[SEG]``."""
        known = batch.meant >= 0
        rows = torch.cat([batch.asked_rows, batch.segment_rows[known]])
        meant = torch.cat([torch.arange(len(batch.asked_rows), device=hidden.device), batch.meant[known]])
        states = hidden[rows[:, 0], rows[:, 1]]
        visual = self._visual(batch, hidden)
        named = F.binary_cross_entropy_with_logits(readouts.named(states).float(), batch.asked_names[meant])
        places = batch.asked_places.flatten(1)[meant]
        return {"named": named, "pointed": readouts.places(states, visual, rows[:, 0], places)}

    def _visual(self, batch: Batch, hidden: Tensor) -> Tensor:
        """The language model's states at the visual tokens of all keyframes: (B, K*g*g, D)."""
        return hidden[batch.token_ids == self.network.chat.patch_id].unflatten(0, (len(hidden), -1))

    def _read(self, batch: Batch, visual: Tensor) -> Tensor:
        """Runs the language model over the packed conversations: (B, L, D).

        The shared beginnings are read first; then the questions, those of about the same length at once, each
        with the keys and values of its own beginning: for so many short questions that costs a small part of
        one masked pass over everything.
        """
        model, places = self.network.chat.language_model.model, batch.token_ids == self.network.chat.patch_id
        embeddings = model.embed_tokens(batch.token_ids)
        embeddings = embeddings.masked_scatter(places[..., None], visual.flatten(0, 1).to(embeddings.dtype))
        argument, known = cache_argument(model), DynamicCache()
        beginning = model(inputs_embeds=embeddings[:, : batch.shared], use_cache=True, **{argument: known})
        own = torch.ones_like(batch.branches, dtype=torch.bool)
        own[:, 1:] = batch.branches[:, 1:] > batch.branches[:, :-1]  # not what fills up
        size = len(embeddings), batch.token_ids.shape[1] - batch.shared, embeddings.shape[-1]
        rest = beginning.last_hidden_state.new_zeros(size)
        for chosen in of_like_lengths(own.sum(1)):
            length = int(own[chosen].sum(1).max())
            rows, branches = batch.branch_rows[chosen][:, None], batch.branches[chosen, :length]
            cache = DynamicCache()
            for number, layer in enumerate(known.layers):
                cache.update(layer.keys[rows[:, 0]], layer.values[rows[:, 0]], number)
            unseen = torch.full((length, batch.shared + length), float("-inf"), device=rows.device)
            questions = model(
                inputs_embeds=embeddings[rows, branches],
                attention_mask=unseen.triu(batch.shared + 1)[None, None],
                position_ids=batch.positions[rows, branches],
                use_cache=True,
                **{argument: cache},
            )
            real, states = own[chosen, :length], questions.last_hidden_state
            rest = rest.index_put((rows.expand_as(real)[real], branches[real] - batch.shared), states[real])
        return torch.cat([beginning.last_hidden_state, rest], dim=1)

    def _masks(self, batch: Batch, queries: Tensor) -> dict[str, Tensor]:
        """Decodes and tracks every query that has masks through its sample's frames.

        Clips leave the image encoder as it is: it learns from single pictures, which are cheaper.
        """
        sam2, rows = self.network.sam2, batch.segment_rows[batch.masked, 0]
        tracker = Tracker(sam2, memory_dtype=torch.float32)
        frames, size = batch.grounding_pixels.shape[:2]
        still = frames == batch.conditioning
        with torch.set_grad_enabled(still and torch.is_grad_enabled()):
            features = sam2.encode(batch.grounding_pixels.flatten(0, 1))
        per_frame = [features[f * size : (f + 1) * size][rows] for f in range(frames)]
        decoded, maps = _follow(tracker, per_frame, batch, queries[batch.masked])
        losses = self._mask_losses(decoded, batch.masks)
        if batch.chances is not None:
            last = maps[-1] if maps else sam2.without_memory(per_frame[-1].low)
            losses["corrected"] = self._corrected(decoded[-1], per_frame[-1], last, batch)
        if self.readouts is not None and maps:
            tracked = batch.masks[:, batch.conditioning :]
            losses["marked"] = self.readouts.marks(
                torch.stack(maps, dim=1).flatten(0, 1), tracked.flatten(0, 1)
            )
        if self.readouts is not None and batch.labels is not None and still:
            cells = features.low.flatten(2).transpose(1, 2)  # (F*B, s*s, C)
            labels = batch.labels.flatten(0, 1).flatten(1, 2)
            losses["seen"] = self.readouts.cells(self.readouts.grounding(cells), labels)
        return losses

    def _corrected(
        self, decoded: DecodedMasks, features: ImageFeatures, conditioned: Tensor, batch: Batch
    ) -> Tensor:
        """How good masks of the last frame are after one click where they were wrong."""
        chances, targets = batch.chances, batch.masks[:, -1]
        assert chances is not None  # noqa: S101 only then is anything corrected
        previous = bad_masks(decoded.logits.float(), targets, chances[:, 0])
        points, labels = corrective_points(previous, targets, chances[:, 1])
        better = decode_prompts(self.network.sam2, features, conditioned, points, labels, previous)
        losses = self._mask_losses([better], targets[:, None])
        return torch.stack([getattr(self.weights, k) * v for k, v in losses.items()]).sum()

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


def _prompted(tracker: Tracker, features: ImageFeatures, batch: Batch, queries: Tensor) -> DecodedMasks:
    """What SAM 2 makes of each target on a conditioning frame, told by a query or shown."""
    if batch.prompts is None or batch.points is None:
        return tracker.decode_query(features, queries)
    sam2, parts, rows = tracker.sam2, [], []
    for kind in (CODE, POINT, BOX):
        chosen = torch.nonzero(batch.prompts == kind)[:, 0]
        if not len(chosen):
            continue
        seen = features[chosen]
        if kind == CODE:
            parts.append(tracker.decode_query(seen, queries[chosen]))
        else:
            points = batch.points[chosen] if kind == BOX else batch.points[chosen, :1]
            labels = torch.tensor([[2, 3] if kind == BOX else [1]], device=points.device)
            low = sam2.without_memory(seen.low)
            parts.append(decode_prompts(sam2, seen, low, points, labels.expand(len(points), -1)))
        rows.append(chosen)
    back = torch.cat(rows).argsort()
    return DecodedMasks.joined(parts)[back.tolist()]


def _remembering(
    tracker: Tracker,
    keyframes: Sequence[tuple[int, ImageFeatures]],
    decoded: Sequence[DecodedMasks],
    prompts: Tensor | None,
) -> TrackerMemory:
    """The memory of keyframes; as in SAM 2, what was pointed at is remembered by hard masks."""
    memories = []
    for (index, features), masks in zip(keyframes, decoded, strict=True):
        remembered = tracker.sam2.memorise(features.low, masks.logits)
        if prompts is not None and (prompts != CODE).any():
            hard = tracker.sam2.memorise(features.low, masks.logits, pointed=True)
            remembered = torch.where((prompts != CODE)[:, None, None], hard, remembered)
        memories.append(FrameMemory(index, remembered.to(tracker.memory_dtype), masks.pointers))
    return TrackerMemory(tuple(memories), (), {i: d for (i, _), d in zip(keyframes, decoded, strict=True)})


def _follow(
    tracker: Tracker, frames: list[ImageFeatures], batch: Batch, queries: Tensor
) -> tuple[list[DecodedMasks], list[Tensor]]:
    """Runs the tracker over frames whose features have one row per query.

    Returns:
        What was decoded on each frame, and the map of each tracked frame once it has looked back.
    """
    keyframes = list(zip(batch.indices, frames[: batch.conditioning], strict=False))
    decoded = [_prompted(tracker, features, batch, queries) for _, features in keyframes]
    if len(frames) == batch.conditioning:
        return decoded, []
    memory, maps = _remembering(tracker, keyframes, decoded, batch.prompts), []
    tracked = zip(batch.indices[batch.conditioning :], frames[batch.conditioning :], strict=True)
    for index, features in tracked:
        memory = tracker.laid_out(features, memory)
        maps.append(tracker.look_back(index, features, memory))
        masks, memory = tracker.finish(index, features, maps[-1], memory)
        decoded.append(masks)
    return decoded, maps
