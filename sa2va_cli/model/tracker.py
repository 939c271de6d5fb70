"""Follows objects through a video with a memory of bounded size.

The memory is an argument and a return value: nothing else remembers a frame, so a ten-hour video needs no
more than a ten-second one. All objects of a frame are one batch; the frame is encoded once.

The rules are SAM 2's as Sa2VA runs them (reference set, section 5.2): conditioning frames carry the
language query and see no memory; a tracked frame attends to all conditioning frames, to the last six
tracked frames and to object pointers of the last fifteen, and never replaces a mask by "no object". Sa2VA-i
(section 5.4) conditions on masks instead, and does replace. So does what is pointed at: there the rules are
those of SAM 2's own video predictor, to which no word was said.

Of a keyframe, what was decoded when the tracker was conditioned on it can be shown (``decoded``), as the
official code does; or it is tracked in its turn as every other frame, so that nothing changes there for a
moment, and is then remembered both ways.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sa2va_cli.model.memory_attention import LaidOutMemory, Past
from sa2va_cli.model.points import PointedAt
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.stepping import is_kept, look_back, tracked


@dataclass(frozen=True)
class Workers:
    """Threads that follow objects side by side.

    Attributes:
        threads: run them.
        count: how many there are.
    """

    threads: Executor
    count: int


@dataclass(frozen=True, eq=False)
class FrameMemory:
    """What is remembered of one frame, for N objects.

    Attributes:
        index: of the frame in the clip.
        features: (N, s*s, memory_width) spatial memory.
        pointers: (N, C) object pointers.
    """

    index: int
    features: Tensor = field(repr=False)
    pointers: Tensor = field(repr=False)

    def __getitem__(self, objects: slice | list[int]) -> "FrameMemory":
        return FrameMemory(self.index, self.features[objects], self.pointers[objects])

    @classmethod
    def joined(cls, parts: "Sequence[FrameMemory]") -> "FrameMemory":
        """What is remembered of one frame for several objects, as one."""
        features, pointers = (
            torch.cat([getattr(p, name) for p in parts]) for name in ("features", "pointers")
        )
        return cls(parts[0].index, features, pointers)


@dataclass(frozen=True, eq=False)
class Words:
    """What N objects were found by, to ask for them again on a later frame without looking back.

    Attributes:
        queries: (N, C) language queries.
        agreements: (N,) float32 IoU of the tracked masks with what the words alone name, when that was last
            asked; None before.
    """

    queries: Tensor = field(repr=False)
    agreements: Tensor | None = None

    def __getitem__(self, objects: slice | list[int]) -> "Words":
        return Words(self.queries[objects], None if self.agreements is None else self.agreements[objects])


@dataclass(frozen=True, eq=False)
class TrackerMemory:
    """All that is remembered of the clip so far.

    Attributes:
        conditioning: memories of the keyframes, past and future ones.
        recent: memories of the tracked frames that are still attended to, oldest first.
        decoded: what is shown on keyframes that are not tracked, by frame index.
        laid_out: the conditioning memories as they are attended to, once a frame was tracked.
        backwards: whether frames are followed by falling index.
        pointed: whether the objects were pointed at; then they are followed by SAM 2's own rules.
        words: what the objects were found by; None where they were pointed at, or found otherwise.
    """

    conditioning: tuple[FrameMemory, ...]
    recent: tuple[FrameMemory, ...] = ()
    decoded: dict[int, DecodedMasks] = field(default_factory=dict, repr=False)
    laid_out: LaidOutMemory | None = field(default=None, repr=False)
    backwards: bool = False
    pointed: bool = False
    words: Words | None = None

    @property
    def objects(self) -> int:
        """How many are followed."""
        return len(self.conditioning[0].pointers)

    def parts(self, count: int) -> "list[TrackerMemory]":
        """Divides the objects among ``count`` memories, or one for each object; nothing is copied."""
        size = -(-self.objects // count)
        return [self._part(slice(start, start + size)) for start in range(0, self.objects, size)]

    def _part(self, objects: slice) -> "TrackerMemory":
        return replace(
            self,
            conditioning=tuple(memory[objects] for memory in self.conditioning),
            recent=tuple(memory[objects] for memory in self.recent),
            laid_out=None if self.laid_out is None else self.laid_out[objects],
        )

    def of(self, objects: list[int]) -> "TrackerMemory":
        """What is remembered of some of the objects, before the first frame was tracked."""
        return replace(
            self,
            conditioning=tuple(memory[objects] for memory in self.conditioning),
            decoded={index: decoded[objects] for index, decoded in self.decoded.items()},
            words=None if self.words is None else self.words[objects],
        )

    @classmethod
    def joined(cls, parts: "Sequence[TrackerMemory]") -> "TrackerMemory":
        """Objects with the same conditioning frames as one batch, before the first frame was tracked."""
        first = parts[0]
        columns = zip(*(part.conditioning for part in parts), strict=True)
        decoded = {
            index: DecodedMasks.joined([part.decoded[index] for part in parts]) for index in first.decoded
        }
        return replace(first, conditioning=tuple(map(FrameMemory.joined, columns)), decoded=decoded)


@dataclass(frozen=True, eq=False)
class Step:
    """The next frame of one clip.

    Attributes:
        index: of the frame; larger than every index in ``memory.recent``, or smaller if backwards.
        features: of this one frame.
        memory: what the step before left.
    """

    index: int
    features: ImageFeatures
    memory: TrackerMemory


class Tracker:
    """Steps a SAM 2 through a clip.

    Args:
        sam2: the network.
        memory_dtype: precision in which spatial memories are kept; the official code always keeps bfloat16.
        empty_absent: whether the mask of an object that is not seen on a tracked frame becomes empty.
    """

    def __init__(
        self, sam2: Sam2, memory_dtype: torch.dtype = torch.bfloat16, *, empty_absent: bool = False
    ) -> None:
        self.sam2 = sam2
        self.memory_dtype = memory_dtype
        self.empty_absent = empty_absent

    def condition(self, keyframes: list[tuple[int, ImageFeatures]], queries: Tensor) -> TrackerMemory:
        """Decodes the language queries on every keyframe.

        Args:
            keyframes: (frame index, features of that one frame), each index once.
            queries: (N, C) language queries, the same on every keyframe.
        """
        memories: list[FrameMemory] = []
        decoded: dict[int, DecodedMasks] = {}
        for index, features in keyframes:
            decoded[index] = self.decode_query(features, queries)
            memories.append(self._memory(index, features, decoded[index]))
        return TrackerMemory(tuple(memories), (), decoded, words=Words(queries))

    def condition_on_masks(
        self, keyframes: Iterable[tuple[int, ImageFeatures, Tensor]], *, given: bool = False
    ) -> TrackerMemory:
        """Takes masks of the objects on every keyframe for granted.

        Args:
            keyframes: (frame index, features of that one frame, (N, S, S) bool masks), each index once.
            given: whether they are remembered and followed as SAM 2's own video predictor does with masks
                that it is given, and not as Sa2VA-i does with those of its first pass.
        """
        memories: list[FrameMemory] = []
        decoded: dict[int, DecodedMasks] = {}
        for index, features, masks in keyframes:
            if given:
                taken = self.take_masks(index, features, masks)
                memories += taken.conditioning
                decoded |= taken.decoded
            else:
                decoded[index] = self.sam2.adopt(features.expand(len(masks)), masks)
                memories.append(self._memory(index, features, decoded[index]))
        return TrackerMemory(tuple(memories), (), decoded, pointed=given)

    def point_at(
        self,
        index: int,
        features: ImageFeatures,
        points: PointedAt,
        *,
        before: Tensor | None = None,
        memory: TrackerMemory | None = None,
    ) -> TrackerMemory:
        """Decodes points and boxes on a frame, which makes it a conditioning frame.

        Args:
            index: of the frame.
            features: of that one frame.
            points: on it, of N objects.
            before: (N, S/4, S/4) logits of masks that the points correct; None for none.
            memory: of the same N objects, which the frame attends to; None for objects that are new.
        """
        shared = features.expand(len(points.labels))
        if memory is None:
            conditioned = self.sam2.without_memory(shared.low)
        else:
            conditioned = self.look_back(index, features, memory)
        decoded = self.sam2.decode_points(shared, conditioned, points, before).chosen()
        remembered = self.sam2.memorise(features.low, decoded.logits, decoded.score_logits, pointed=True)
        return self._conditioned(index, decoded, remembered)

    def take_masks(self, index: int, features: ImageFeatures, masks: Tensor) -> TrackerMemory:
        """Takes given masks (N, S, S) bool of a frame for granted, which makes it a conditioning frame."""
        decoded = self.sam2.adopt(features.expand(len(masks)), masks)
        return self._conditioned(index, decoded, self.sam2.memorise_given(features.low, masks))

    def _conditioned(self, index: int, decoded: DecodedMasks, remembered: Tensor) -> TrackerMemory:
        memory = FrameMemory(index, remembered.to(self.memory_dtype), decoded.pointers)
        return TrackerMemory((memory,), (), {index: decoded}, pointed=True)

    def decode_query(self, features: ImageFeatures, queries: Tensor) -> DecodedMasks:
        """Decodes queries (N, C) on a frame without looking back."""
        shared = features.expand(len(queries))
        return self.sam2.decode(shared, self.sam2.without_memory(shared.low), queries)

    def asked_again(self, features: ImageFeatures, decoded: DecodedMasks, words: Words) -> Words:
        """Compares tracked masks with what the words alone name on the frame, for the confidence.

        Args:
            features: of the one frame.
            decoded: what was tracked into it.
            words: what the objects were found by.
        """
        tracked_masks = decoded.logits.float().sigmoid()
        named = self.decode_query(features, words.queries).logits.float().sigmoid()
        both = torch.minimum(tracked_masks, named).sum(dim=(1, 2))
        either = torch.maximum(tracked_masks, named).sum(dim=(1, 2))
        # Two masks of less than a cell agree.
        return replace(words, agreements=torch.where(either >= 1, both / either.clamp(min=1), 1.0))

    def step(
        self,
        index: int,
        features: ImageFeatures,
        memory: TrackerMemory,
        workers: Workers | None = None,
    ) -> tuple[DecodedMasks, TrackerMemory]:
        """Tracks the objects into the next frame, which may be a keyframe.

        Args:
            index: of the frame; larger than every index in ``memory.recent``, or smaller if backwards.
            features: of this one frame.
            memory: what the last call returned.
            workers: threads among which the objects are divided; None to follow all in the calling thread.
        """
        memory = self.laid_out(features, memory)
        if workers is None or memory.objects == 1:
            return self.finish(index, features, self.look_back(index, features, memory), memory)
        parts = memory.parts(workers.count)
        found = list(workers.threads.map(lambda part: self._alone(index, features, part), parts))
        decoded = DecodedMasks.joined([one for one, _ in found])
        return decoded, _remembering(memory, FrameMemory.joined([part.recent[-1] for _, part in found]))

    def step_together(self, steps: Sequence[Step]) -> list[tuple[DecodedMasks, TrackerMemory]]:
        """Tracks the objects of several clips, each into its next frame, in one call of the network.

        On a processor each comes out as by itself, to the bit, as long as torch sums each row of many as it
        sums one (``step_batching`` looks whether it does).

        Args:
            steps: one of each clip, whose objects are all pointed at, or none.

        Returns:
            what ``step`` returns, for each.
        """
        steps = [replace(one, memory=self.laid_out(one.features, one.memory)) for one in steps]
        pasts = [self._past(one.index, one.features, one.memory) for one in steps]
        conditioned = self.sam2.memory_attention.attend_together([one.features.low for one in steps], pasts)
        features = ImageFeatures.joined([one.features.expand(one.memory.objects) for one in steps])
        empty_absent = self.empty_absent or steps[0].memory.pointed
        decoded, remembered = tracked(self.sam2, features, conditioned, empty_absent=empty_absent)
        stepped, start = [], 0
        for one in steps:
            rows = slice(start, start := start + one.memory.objects)
            # Copied: a part would hold the memory of all the others as long as it is remembered.
            seen = remembered[rows].to(self.memory_dtype, copy=True)
            latest = FrameMemory(one.index, seen, decoded.pointers[rows].clone())
            stepped.append((decoded[rows], _remembering(one.memory, latest)))
        return stepped

    @torch.inference_mode()
    def _alone(
        self, index: int, features: ImageFeatures, memory: TrackerMemory
    ) -> tuple[DecodedMasks, TrackerMemory]:
        return self.finish(index, features, self.look_back(index, features, memory), memory)

    def laid_out(self, features: ImageFeatures, memory: TrackerMemory) -> TrackerMemory:
        """Lays the keyframes' memories out for all frames to come, before the first one."""
        if memory.laid_out is not None:
            return memory
        return replace(memory, laid_out=self._first_laid_out(memory.conditioning, features.low.dtype))

    def finish(
        self, index: int, features: ImageFeatures, conditioned: Tensor, memory: TrackerMemory
    ) -> tuple[DecodedMasks, TrackerMemory]:
        """Decodes frame ``index`` from what ``look_back`` gave, and remembers it; see ``step``."""
        decoded, remembered = tracked(
            self.sam2, features, conditioned, empty_absent=self.empty_absent or memory.pointed
        )
        latest = FrameMemory(index, remembered.to(self.memory_dtype), decoded.pointers)
        return decoded, _remembering(memory, latest)

    def look_back(self, index: int, features: ImageFeatures, memory: TrackerMemory) -> Tensor:
        """Conditions the lowest map (1, C, s, s) of frame ``index`` on the memory: (N, C, s, s)."""
        past = self._past(index, features, memory)
        return self.sam2.memory_attention.attend(features.low, past.memories, past.pointers, past.ages)

    def _past(self, index: int, features: ImageFeatures, memory: TrackerMemory) -> Past:
        """What the objects look back at from frame ``index``."""
        low, first, recent = features.low, memory.conditioning, memory.recent
        view = look_back(
            index,
            [m.index for m in first],
            [m.index for m in recent],
            self.sam2.memory_slots,
            backwards=memory.backwards,
        )
        laid_out = [memory.laid_out or self._first_laid_out(first, low.dtype)]
        near = [(m, slot) for m, slot in zip(recent, view.slots, strict=True) if slot is not None]
        if near:
            laid_out.append(self._laid_out([m for m, _ in near], [slot for _, slot in near], low.dtype))
        told = [
            (m.pointers, age)
            for m, age in zip((*first, *recent), (*view.keyframe_pointers, *view.pointers), strict=True)
            if age is not None
        ]
        pointers, dated = [one for one, _ in told], self.sam2.memory_attention.dates_pointers
        return Past(
            laid_out,
            torch.stack(pointers, dim=1) if pointers else low.new_zeros(1, 0, self.sam2.width),
            torch.tensor([age for _, age in told], device=low.device) if dated else None,
        )

    def _first_laid_out(self, memories: Sequence[FrameMemory], dtype: torch.dtype) -> LaidOutMemory:
        """Memories of conditioning frames, which look the same from every frame."""
        return self._laid_out(memories, [self.sam2.memory_slots - 1] * len(memories), dtype)

    def _laid_out(
        self, memories: Sequence[FrameMemory], slots: Sequence[int], dtype: torch.dtype
    ) -> LaidOutMemory:
        features = torch.stack([m.features for m in memories], dim=1)
        return self.sam2.memory_attention.lay_out(
            features.to(dtype), torch.tensor(slots, device=features.device)
        )

    def _memory(self, index: int, features: ImageFeatures, decoded: DecodedMasks) -> FrameMemory:
        remembered = self.sam2.memorise(features.low, decoded.logits, decoded.score_logits)
        return FrameMemory(index, remembered.to(self.memory_dtype), decoded.pointers)


def _remembering(memory: TrackerMemory, latest: FrameMemory) -> TrackerMemory:
    """A memory with the frame that was just tracked, without those that are not attended to any more."""
    recent = (
        m for m in (*memory.recent, latest) if is_kept(latest.index, m.index, backwards=memory.backwards)
    )
    return replace(memory, recent=tuple(recent))


def mask_prompts(logits: Tensor, size: tuple[int, int], side: int) -> Tensor:
    """Turns mask logits of a frame into masks as SAM 2 takes them for a prompt (reference set, section 5.4).

    Args:
        logits: (N, h, w).
        size: height and width of the frame in pixels, at which the logits become masks.
        side: of SAM 2's input in pixels.

    Returns:
        (N, side, side) bool.
    """
    full = F.interpolate(logits[:, None].float(), size=size, mode="bilinear", align_corners=False)
    return resized_masks((full.sigmoid() > 0.5)[:, 0], side)


def resized_masks(masks: Tensor, side: int) -> Tensor:
    """Masks (N, H, W) bool of a frame at the size of SAM 2's input: (N, side, side) bool."""
    square = F.interpolate(
        masks[:, None].float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return square[:, 0] >= 0.5
