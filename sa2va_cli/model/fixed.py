"""The tracker with a memory of fixed shape, so that one compiled graph follows objects through any clip.

Objects are padded to the next power of two, keyframes to a multiple of five; there is room for as many
tracked frames and pointers as are ever attended to. What fills a gap is a copy of what is there, and is
marked as not to be counted. The masks are those of ``Tracker``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from sa2va_cli.model.memory_attention import MAX_POINTER_DISTANCE, LaidOutMemory
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.stepping import look_back, tracked
from sa2va_cli.model.tracker import TrackerMemory, Words

KEYFRAME_ROOM = 5
"""Keyframes are padded to a multiple of this: as many as are shown to the language model by default."""

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles nothing."""
    return function


@dataclass(frozen=True, eq=False)
class FixedMemory:
    """All that is remembered of the clip, for B rows of which N are objects.

    Attributes:
        objects: N.
        keyframes: their frame indices.
        decoded: what is shown of the N objects on keyframes that are not tracked, by frame index.
        laid_out: the M keyframes' memories as they are attended to.
        first_pointers: (B, M, C) object pointers of the keyframes.
        recent: (B, R, s*s, memory_width) memories of tracked frames, oldest first.
        recent_indices: of those frames; None for a gap.
        pointers: (B, 15, C) object pointers of tracked frames, oldest first.
        pointer_indices: of those frames; None for a gap.
        backwards: whether frames are followed by falling index.
        pointed: see ``TrackerMemory``.
        words: what the N objects were found by; see ``TrackerMemory``.
    """

    objects: int
    keyframes: tuple[int, ...]
    decoded: dict[int, DecodedMasks] = field(repr=False)
    laid_out: LaidOutMemory = field(repr=False)
    first_pointers: Tensor = field(repr=False)
    recent: Tensor = field(repr=False)
    recent_indices: tuple[int | None, ...]
    pointers: Tensor = field(repr=False)
    pointer_indices: tuple[int | None, ...]
    backwards: bool = False
    pointed: bool = False
    words: Words | None = None


class FixedTracker:
    """Steps a SAM 2 through a clip with tensors whose shapes never change.

    Args:
        sam2: the network.
        empty_absent: see ``Tracker``.
        compiled: what is made of the function that follows objects into one frame.
    """

    def __init__(
        self,
        sam2: Sam2,
        *,
        empty_absent: bool = False,
        compiled: Compile = plain,
    ) -> None:
        self.sam2 = sam2
        self.empty_absent = empty_absent
        self._follow = compiled(self._followed)

    def begin(self, memory: TrackerMemory) -> FixedMemory:
        """Lays out what a ``Tracker`` remembers of the keyframes, before any other frame has been tracked."""
        sam2, first = self.sam2, memory.conditioning
        missing = -len(first) % KEYFRAME_ROOM
        rows = [*first, *missing * first[:1]]
        seen = torch.stack([padded(one.features) for one in rows], dim=1)
        pointers = torch.stack([padded(one.pointers) for one in rows], dim=1)
        last_slot = torch.full((seen.shape[1],), sam2.memory_slots - 1, device=seen.device)
        room = sam2.memory_slots - 1
        return FixedMemory(
            objects=memory.objects,
            keyframes=tuple(m.index for m in first),
            decoded=memory.decoded,
            laid_out=sam2.memory_attention.lay_out(seen.to(sam2.dtype), last_slot),
            first_pointers=pointers,
            recent=seen[:, :1].repeat(1, room, 1, 1),
            recent_indices=(None,) * room,
            pointers=pointers[:, :1].repeat(1, MAX_POINTER_DISTANCE, 1),
            pointer_indices=(None,) * MAX_POINTER_DISTANCE,
            backwards=memory.backwards,
            pointed=memory.pointed,
            words=memory.words,
        )

    def step(
        self, index: int, features: ImageFeatures, memory: FixedMemory
    ) -> tuple[DecodedMasks, FixedMemory]:
        """Tracks the objects into the next frame; see ``Tracker``."""
        slots, ages, counts = self._view(index, memory)
        self.sam2.memory_attention.positions()
        self.sam2.picture_positions()
        decoded, recent, pointers = self._follow(
            features,
            memory.laid_out,
            memory.first_pointers,
            memory.recent,
            memory.pointers,
            slots,
            ages,
            counts,
            self.empty_absent or memory.pointed,
        )
        return decoded[: memory.objects], replace(
            memory,
            recent=recent,
            recent_indices=(*memory.recent_indices[1:], index),
            pointers=pointers,
            pointer_indices=(*memory.pointer_indices[1:], index),
        )

    def _view(self, index: int, memory: FixedMemory) -> tuple[Tensor, Tensor | None, Tensor]:
        """Temporal slots (R,) of the tracked frames, ages (P,) of all pointers, and which keys count (L,).

        Ages are None for a network that does not look at them.
        """
        sam2, room = self.sam2, memory.first_pointers.shape[1]
        missing = room - len(memory.keyframes)
        view = look_back(
            index,
            memory.keyframes,
            memory.recent_indices,
            sam2.memory_slots,
            pointed=memory.pointer_indices,
            backwards=memory.backwards,
        )
        first = (True,) * len(memory.keyframes) + (False,) * missing
        near = tuple(slot is not None for slot in view.slots)
        told = (*view.keyframe_pointers, *(None,) * missing, *view.pointers)
        tokens = sam2.width // sam2.memory_width
        heard = tuple(age is not None for age in told)
        counts = _on_device((*first, *near), heard, sam2.memory_cells, tokens, sam2.device)
        dated = sam2.memory_attention.dates_pointers
        ages = torch.tensor([age or 0 for age in told], device=sam2.device) if dated else None
        return _numbers(tuple(slot or 0 for slot in view.slots), sam2.device), ages, counts

    def _followed(
        self,
        features: ImageFeatures,
        laid_out: LaidOutMemory,
        first_pointers: Tensor,
        recent: Tensor,
        pointers: Tensor,
        slots: Tensor,
        ages: Tensor | None,
        counts: Tensor,
        empty_absent: bool,  # noqa: FBT001  (a compiled function has no use for names)
    ) -> tuple[DecodedMasks, Tensor, Tensor]:
        """What is decoded, and the recent memories and pointers with those of this frame for the oldest."""
        sam2 = self.sam2
        attention = sam2.memory_attention
        near = attention.lay_out(recent.to(features.low.dtype), slots)
        every_pointer = torch.cat([first_pointers, pointers], dim=1)
        conditioned = attention.attend(features.low, [laid_out, near], every_pointer, ages, counts)
        decoded, remembered = tracked(sam2, features, conditioned, empty_absent=empty_absent)
        recent = torch.cat([recent[:, 1:], remembered.to(recent.dtype)[:, None]], dim=1)
        pointers = torch.cat([pointers[:, 1:], decoded.pointers[:, None]], dim=1)
        return decoded, recent, pointers


def padded(rows: Tensor) -> Tensor:
    """Repeats the first of N rows until there are the next power of two."""
    missing = (1 << (len(rows) - 1).bit_length()) - len(rows)
    return torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])])


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def _on_device(
    maps: tuple[bool, ...], pointers: tuple[bool, ...], area: int, tokens: int, device: torch.device
) -> Tensor:
    """(L,) ones and zeros: one flag of each map for all its cells, one of each pointer for all its tokens."""
    cells = torch.tensor(maps, dtype=torch.float32).repeat_interleave(area)
    return torch.cat([cells, torch.tensor(pointers, dtype=torch.float32).repeat_interleave(tokens)]).to(
        device
    )


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def _numbers(values: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device)
