from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from features import some_features

from sa2va_cli.model.memory_attention import LaidOutMemory, MemoryAttention
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.stepping import MAX_POINTER_DISTANCE
from sa2va_cli.model.tracker import (
    FrameMemory,
    Tracker,
    TrackerMemory,
    Workers,
    mask_prompts,
)


def count_bytes(memory: TrackerMemory) -> int:
    tensors = [t for m in (*memory.conditioning, *memory.recent) for t in (m.features, m.pointers)]
    return sum(t.untyped_storage().nbytes() for t in tensors)


@torch.inference_mode()
def test_the_memory_of_a_long_clip_does_not_grow(sam2: Sam2) -> None:
    tracker = Tracker(sam2)
    memory = tracker.condition([(i, some_features(sam2)) for i in range(2)], torch.randn(2, sam2.width))
    frames, sizes = [], []
    for index in range(2, 42):
        _, memory = tracker.step(index, some_features(sam2), memory)
        frames.append(len(memory.recent))
        sizes.append(count_bytes(memory))
    assert frames[:3] == [1, 2, 3]
    assert set(frames[MAX_POINTER_DISTANCE:]) == {MAX_POINTER_DISTANCE}
    assert len(set(sizes[MAX_POINTER_DISTANCE:])) == 1
    assert set(memory.decoded) == {0, 1}
    assert len(memory.conditioning) == 2


class Watcher(MemoryAttention):
    """A memory attention that writes down what it is asked to attend to."""

    slots: tuple[list[int], ...] = ()

    def lay_out(self, memories: torch.Tensor, slots: torch.Tensor) -> LaidOutMemory:
        self.slots = (*self.slots, slots.tolist())
        return super().lay_out(memories, slots)

    def attend(
        self, low: torch.Tensor, memories: Sequence[LaidOutMemory], pointers: torch.Tensor, *more: Any
    ) -> torch.Tensor:
        length = sum(memory.values.shape[1] for memory in memories)
        self.asked = (length // self._grid**2, pointers.shape[1])
        return super().attend(low, memories, pointers, *more)


@torch.inference_mode()
def test_a_frame_looks_back_at_keyframes_and_at_the_last_six(sam2_sizes: dict[str, Any]) -> None:
    sam2 = Sam2(sam2_sizes).eval()
    sam2.memory_attention = seen = Watcher(sam2.layers)
    tracker = Tracker(sam2)
    memory = tracker.condition(
        [(0, some_features(sam2)), (30, some_features(sam2))], torch.randn(1, sam2.width)
    )
    asked = {}
    for index in range(1, 20):
        _, memory = tracker.step(index, some_features(sam2), memory)
        asked[index] = seen.asked
    assert asked[1] == (2, 1)  # a keyframe to come has no pointer yet
    assert asked[3] == (2 + 2, 3)
    assert asked[19] == (2 + 6, 1 + 15)
    assert seen.slots[:3] == ([6, 6], [0], [1, 0])
    assert seen.slots[-1] == [5, 4, 3, 2, 1, 0]
    assert [6, 6] not in seen.slots[1:]  # keyframes look the same from every frame


@torch.inference_mode()
def test_a_keyframe_that_is_tracked_looks_at_its_own_memory_and_is_remembered_as_tracked(
    sam2_sizes: dict[str, Any],
) -> None:
    sam2 = Sam2(sam2_sizes).eval()
    sam2.memory_attention = seen = Watcher(sam2.layers)
    tracker = Tracker(sam2)
    memory = tracker.condition(
        [(0, some_features(sam2)), (3, some_features(sam2))], torch.randn(1, sam2.width)
    )
    asked = []
    for index in range(5):
        _, memory = tracker.step(index, some_features(sam2), memory)
        asked.append(seen.asked)
    assert asked == [(2 + 0, 1), (2 + 1, 2), (2 + 2, 3), (2 + 3, 2 + 3), (2 + 4, 2 + 4)]
    assert [m.index for m in memory.recent] == [0, 1, 2, 3, 4]
    assert [m.index for m in memory.conditioning] == [0, 3]


@torch.inference_mode()
def test_a_step_leaves_the_old_memory_as_it_was(sam2: Sam2) -> None:
    tracker = Tracker(sam2)
    memory = tracker.condition([(0, some_features(sam2))], torch.randn(1, sam2.width))
    features = some_features(sam2)
    first, _ = tracker.step(1, features, memory)
    again, after = tracker.step(1, features, memory)
    torch.testing.assert_close(first.logits, again.logits)
    assert memory.recent == ()
    assert [m.index for m in after.recent] == [1]


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_memories_are_kept_in_the_asked_precision(sam2: Sam2, dtype: torch.dtype) -> None:
    memory = Tracker(sam2, dtype).condition([(0, some_features(sam2))], torch.randn(1, sam2.width))
    kept: FrameMemory = memory.conditioning[0]
    assert kept.features.dtype == dtype
    assert kept.pointers.dtype == torch.float32


@torch.inference_mode()
def test_masks_that_are_given_are_kept_and_point_nowhere_when_empty(sam2: Sam2) -> None:
    masks = torch.zeros(2, 128, 128, dtype=torch.bool)
    masks[0, 32:64, :64] = True
    memory = Tracker(sam2).condition_on_masks([(3, some_features(sam2), masks)])
    decoded = memory.decoded[3]
    assert (decoded.logits > 0)[0].nonzero().amax(dim=0).tolist() == [15, 15]
    assert (decoded.logits.min(), decoded.logits.max()) == (-10, 10)
    assert decoded.score_logits.tolist() == [10, -10]
    assert torch.equal(decoded.pointers[1], sam2.layers.no_object_pointer[0])
    assert [m.index for m in memory.conditioning] == [3]


@torch.inference_mode()
def test_a_tracker_may_empty_the_masks_of_absent_objects(sam2_sizes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    sam2 = Absent(sam2_sizes).eval()
    features = some_features(sam2)
    for empties in (False, True):
        tracker = Tracker(sam2, empty_absent=empties)
        memory = tracker.condition([(0, features)], torch.randn(2, sam2.width))
        decoded, _ = tracker.step(1, features, memory)
        assert decoded.logits[0].eq(-1024).all() == empties
        assert decoded.logits[1].gt(-1024).all()


@torch.inference_mode()
@pytest.mark.parametrize("threads", [2, 4])
def test_objects_divided_among_threads_are_followed_the_same(sam2: Sam2, threads: int) -> None:
    frames = [some_features(sam2) for _ in range(6)]
    queries = torch.randn(3, sam2.width)
    found = []
    with ThreadPoolExecutor(threads) as pool:
        for workers in (None, Workers(pool, threads)):
            tracker = Tracker(sam2)
            memory = tracker.condition([(0, frames[0])], queries)
            for index, features in enumerate(frames[1:], 1):
                decoded, memory = tracker.step(index, features, memory, workers)
            found.append(decoded)
            assert [m.features.shape[0] for m in memory.recent] == [3] * 5
    torch.testing.assert_close(found[0].logits, found[1].logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[0].pointers, found[1].pointers, atol=1e-4, rtol=1e-4)


class Absent(Sam2):
    """A SAM 2 that never sees the first object."""

    def decode(
        self, features: ImageFeatures, conditioned: torch.Tensor, queries: torch.Tensor | None
    ) -> DecodedMasks:
        return replace(super().decode(features, conditioned, queries), score_logits=torch.tensor([-1.0, 1.0]))


def test_a_mask_prompt_is_a_mask_at_the_size_of_the_frame_first() -> None:
    logits = torch.full((1, 4, 4), -1.0)
    logits[0, :2] = 1.0
    prompt = mask_prompts(logits, (12, 20), 16)
    assert prompt.shape == (1, 16, 16)
    assert prompt.dtype == torch.bool
    assert prompt[0].any(dim=1).tolist() == [True] * 8 + [False] * 8
