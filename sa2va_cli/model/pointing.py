"""From points, boxes and masks on single frames to memories that objects are followed from.

The rules are those of SAM 2's video predictor. What is pointed at for the first time is decoded without
looking back. Points on what is known already correct its mask there: that mask is a prompt as well, and the
frame looks back at what is remembered. Every frame with a prompt is a conditioning frame, past and future
ones, and an object that words have found is followed from its corrections alone, so that they hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional as F

from sa2va_cli.datatypes import RGB, Directions
from sa2va_cli.model.objects import Batch, ClipMemory, Memory, Span, batched_by_layout
from sa2va_cli.model.points import BOTTOM_RIGHT, NEGATIVE, POSITIVE, TOP_LEFT, PointedAt
from sa2va_cli.model.sam2_maps import ImageFeatures
from sa2va_cli.model.tracker import Tracker, TrackerMemory, resized_masks
from sa2va_cli.visual_prompts import Pointed

Encode = Callable[[int, RGB], ImageFeatures]
"""Encodes the picture of a frame, unless it was before."""


@dataclass(frozen=True)
class Pointer:
    """Conditions objects on what they were pointed at with.

    Attributes:
        tracker: decodes.
        encode: encodes pictures.
        still: whether the clip is one image, of which nothing is remembered.
    """

    tracker: Tracker
    encode: Encode
    still: bool = False

    def directions(
        self,
        found: TrackerMemory | None,
        rows: Sequence[int],
        objects: int,
        pointed: Sequence[Pointed],
        spans: Mapping[int, tuple[int, int | None]],
    ) -> Directions[Memory]:
        """Conditions objects; the arguments are those of ``Session.point``."""
        known = {} if found is None else {row: found.of([place]) for place, row in enumerate(rows)}
        ordered = sorted(pointed, key=lambda one: (one.row, one.index))
        corrected: dict[int, TrackerMemory] = {}
        for row, prompts in groupby(ordered, key=lambda one: one.row):
            corrected[row] = self._conditioned(known.get(row), list(prompts))
        begins = {row: min(memory.decoded) for row, memory in corrected.items()}
        limits = {row: spans.get(row, (0, None)) for row in corrected}
        ahead = {row: Span(begins[row], limits[row][1]) for row in corrected}
        before = {row: Span(limits[row][0], begins[row]) for row in corrected}
        batches = batched_by_layout(corrected, ahead)
        left = [place for place, row in enumerate(rows) if row not in corrected]
        if found is not None and left:
            whole = Batch(tuple(rows[place] for place in left), Span(), found.of(left))
            batches = (whole, *batches)
        reversed_rows = {
            row: replace(memory, backwards=True)
            for row, memory in corrected.items()
            if before[row].first < begins[row]
        }
        backwards = batched_by_layout(reversed_rows, before)
        return Directions(ClipMemory(objects, batches), ClipMemory(objects, backwards) if backwards else None)

    def _conditioned(self, found: TrackerMemory | None, prompts: Sequence[Pointed]) -> TrackerMemory:
        """One object's memory of the frames on which it was pointed at, in their order."""
        memory: TrackerMemory | None = None
        for one in prompts:
            features = self.encode(one.index, one.image)
            made = self._pointed(one, features, memory or found)
            if memory is not None:
                made = replace(
                    made,
                    conditioning=(*memory.conditioning, *made.conditioning),
                    decoded=memory.decoded | made.decoded,
                )
            memory = made
        assert memory is not None  # noqa: S101  (an object is pointed at at least once)
        return memory

    def _pointed(self, one: Pointed, features: ImageFeatures, known: TrackerMemory | None) -> TrackerMemory:
        device = features.low.device
        if one.mask is not None:
            mask = torch.from_numpy(one.mask[None]).to(device)
            return self.tracker.take_masks(
                one.index, features, resized_masks(mask, self.tracker.sam2.input_size)
            )
        points = points_of(one, device)
        # A box says all; points alone say how the mask that is there must change.
        if one.box is not None:
            return self.tracker.point_at(one.index, features, points)
        if one.before is not None:
            side = self.tracker.sam2.input_size // 4
            before = resized(torch.from_numpy(one.before[None]).to(device), side)
            return self.tracker.point_at(one.index, features, points, before=before)
        if known is None:
            return self.tracker.point_at(one.index, features, points)
        before = self._mask_so_far(one.index, features, known)
        memory = None if self.still or not known.conditioning else known
        return self.tracker.point_at(one.index, features, points, before=before, memory=memory)

    def _mask_so_far(self, index: int, features: ImageFeatures, known: TrackerMemory) -> Tensor:
        """Logits (1, S/4, S/4) of what the frame shows without the correction."""
        if index in known.decoded:
            return known.decoded[index].logits
        decoded, _ = self.tracker.step(index, features, known)
        return decoded.logits


def resized(logits: Tensor, side: int) -> Tensor:
    """Logits (1, H, W) on the square grid of a network; they may come from another one's tracks."""
    if logits.shape[-2:] == (side, side):
        return logits
    return F.interpolate(logits[None], (side, side), mode="bilinear", align_corners=False)[0]


def points_of(one: Pointed, device: torch.device) -> PointedAt:
    """The points, and the corners of the box before them, as SAM 2 takes them."""
    places = [(x, y) for x, y, _ in one.points]
    labels = [POSITIVE if positive else NEGATIVE for _, _, positive in one.points]
    if one.box is not None:
        left, top, right, bottom = one.box
        places = [(left, top), (right, bottom), *places]
        labels = [TOP_LEFT, BOTTOM_RIGHT, *labels]
    return PointedAt.of(places, labels, device)
