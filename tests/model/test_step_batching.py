"""Clips that are followed in step: in one call of the network, and yet each as by itself."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.datatypes import Frame
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.step_batching import IN_STEP, StepBatcher
from sa2va_cli.model.tracker import FrameMemory, Step, Tracker, TrackerMemory
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter


def no_features() -> ImageFeatures:
    return ImageFeatures(*(torch.zeros(1, 1, 1, 1) for _ in range(3)))


def loaded(dtype: str) -> NetworkSegmenter:
    choice = ModelChoice("demo", "cpu", dtype)
    segmenter = load_segmenter(choice, choice.placed())
    assert isinstance(segmenter, NetworkSegmenter)
    return segmenter


@pytest.fixture(scope="module")
def segmenter() -> NetworkSegmenter:
    return loaded("bf16")


def test_clips_in_float32_have_calls_of_their_own(segmenter: NetworkSegmenter) -> None:
    assert loaded("fp32").in_step(2).batcher is None
    assert segmenter.in_step(2).batcher is not None


def features_of(segmenter: NetworkSegmenter, count: int) -> list[ImageFeatures]:
    pictures = list(park_pictures(count, (64, 36)))
    encoded = segmenter.tracker.sam2.encode(segmenter.pixels(pictures, still=False))
    return [encoded[place : place + 1] for place in range(count)]


def queries(segmenter: NetworkSegmenter, count: int, seed: int) -> torch.Tensor:
    sam2 = segmenter.network.sam2
    return torch.randn(count, sam2.width, generator=torch.Generator().manual_seed(seed)).to(sam2.dtype)


def are_same(one: tuple[DecodedMasks, TrackerMemory], other: tuple[DecodedMasks, TrackerMemory]) -> bool:
    (decoded, memory), (again, after) = one, other
    names = ("candidates", "ious", "score_logits", "pointers", "best")
    pairs = [(getattr(decoded, name), getattr(again, name)) for name in names]
    pairs += [
        (getattr(a, name), getattr(b, name))
        for a, b in zip(memory.recent, after.recent, strict=True)
        for name in ("features", "pointers")
    ]
    return all(torch.equal(a, b) for a, b in pairs)


@torch.inference_mode()
def test_clips_in_one_call_come_out_as_by_themselves_to_the_bit(segmenter: NetworkSegmenter) -> None:
    tracker, pictures = segmenter.tracker, features_of(segmenter, 7)
    objects, keyframes, ahead = (1, 3, 2), ((0, 2, 5), (0,), (3, 1)), (3, 0, 1)
    memories = [
        replace(tracker.condition([(k, pictures[k]) for k in frames], queries(segmenter, n, n)), decoded={})
        for n, frames in zip(objects, keyframes, strict=True)
    ]
    # They are not at the same frame, so what they look back at differs in size.
    for clip, frames in enumerate(ahead):
        for index in range(frames):
            _, memories[clip] = tracker.step(index, pictures[index], memories[clip])
    alone, together = list(memories), list(memories)
    for tick in range(3):
        at = [tick + frames for frames in ahead]
        expected = [tracker.step(index, pictures[index], alone[clip]) for clip, index in enumerate(at)]
        found = tracker.step_together(
            [Step(index, pictures[index], together[clip]) for clip, index in enumerate(at)]
        )
        assert all(map(are_same, found, expected))
        alone, together = [memory for _, memory in expected], [memory for _, memory in found]
    kept = [t for memory in together for m in memory.recent for t in (m.features, m.pointers)]
    assert all(t.untyped_storage().nbytes() == t.nbytes for t in kept)  # nothing of the other clips is held


@torch.inference_mode()
def test_an_object_is_the_same_to_the_bit_in_any_company(segmenter: NetworkSegmenter) -> None:
    tracker, pictures = segmenter.tracker, features_of(segmenter, 4)
    memory = tracker.condition([(0, pictures[0])], queries(segmenter, 3, 1))
    parts = memory.parts(3)
    for index in range(1, 4):
        decoded, memory = tracker.step(index, pictures[index], memory)
        apart = [tracker.step(index, pictures[index], part) for part in parts]
        parts = [part for _, part in apart]
        assert torch.equal(torch.cat([one.candidates for one, _ in apart]), decoded.candidates)
        assert torch.equal(torch.cat([one.pointers for one, _ in apart]), decoded.pointers)


def test_sessions_in_step_have_the_logits_of_one_after_the_other(
    segmenter: NetworkSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [list(park_pictures(5, (64, 36))), list(park_pictures(7, (64, 36)))[::-1]]
    sizes, before = [], segmenter.tracker.step_together
    joining = segmenter.in_step(calls=1)
    assert joining.batcher is not None
    counted = lambda steps: sizes.append(len(steps)) or before(steps)  # noqa: E731
    monkeypatch.setattr(segmenter.tracker, "step_together", counted)

    def followed(shared: NetworkSegmenter, clip: int) -> list[np.ndarray]:
        frames = [Frame(index, index, Fraction(1, 24), picture) for index, picture in enumerate(clips[clip])]
        with shared.open() as session:
            keyframes = [(index, clips[clip][index]) for index in range(4)]  # the first that are encoded
            memory = session.condition(keyframes, [queries(segmenter, 1 + clip, clip)], track_keyframes=True)
            return [one.logits for one in session.follow(frames, memory)]

    found: dict[int, list[np.ndarray]] = {}
    works = [lambda clip=clip: found.__setitem__(clip, followed(joining, clip)) for clip in range(2)]
    run_side_by_side(joining.batcher, works)
    for clip in range(2):
        np.testing.assert_array_equal(found[clip], followed(segmenter, clip))
    assert sizes[0] == 2


def run_side_by_side(batcher: StepBatcher, works: Sequence[Callable[[], object]]) -> None:
    """Does works in threads; none has a turn before all wait for one."""
    threads = [threading.Thread(target=work) for work in works]
    with batcher.encoding():
        for thread in threads:
            thread.start()
        while batcher.waiting < len(works):
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()


class CountingTracker(Tracker):
    """Writes down which frames came together; what it decodes are their numbers."""

    def __init__(self, *, wrong_together: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.wrong = wrong_together

    def step(self, index, features, memory, workers=None):  # type: ignore[no-untyped-def]
        if index < 0:
            raise ValueError(f"frame {index}")
        numbers = torch.full((1, 1, 1, 1), float(index))
        decoded = DecodedMasks(numbers, numbers[0, 0], numbers[0, 0, 0], numbers[0, 0], torch.zeros(1))
        return decoded, replace(memory, recent=(FrameMemory(index, numbers[0], numbers[0, 0]),))

    def step_together(self, steps: Sequence[Step]) -> list[tuple[DecodedMasks, TrackerMemory]]:
        self.calls.append(sorted(one.index for one in steps))
        return [self.step(one.index + self.wrong, one.features, one.memory) for one in steps]


def memory_of(*, pointed: bool = False) -> TrackerMemory:
    frame = FrameMemory(0, torch.zeros(1, 1, 1), torch.zeros(1, 1))
    return TrackerMemory((frame,), pointed=pointed)


def run_clips(
    batcher: StepBatcher, clips: Sequence[Sequence[int]], pointed: Sequence[bool] = ()
) -> list[list[object]]:
    """Follows clips of frames of these numbers side by side; gives what came of each frame."""
    found: list[list[object]] = [[] for _ in clips]

    def follow(place: int) -> None:
        memory = memory_of(pointed=bool(pointed and pointed[place]))
        for index in clips[place]:
            try:
                decoded, memory = batcher.step(Step(index, no_features(), memory))
                found[place].append(decoded.candidates.item())
            except ValueError as error:
                found[place].append(str(error))

    run_side_by_side(batcher, [lambda place=place: follow(place) for place in range(len(clips))])
    return found


def test_frames_that_wait_share_a_call_and_a_clip_that_is_left_waits_for_nobody() -> None:
    tracker = CountingTracker()
    clips = [[10], [20], [30, 31, 32]]
    assert run_clips(StepBatcher(tracker), clips) == clips
    assert tracker.calls == [[10, 20, 30]]


def test_no_call_is_larger_than_is_worth_it() -> None:
    tracker = CountingTracker()
    clips = [[10 * number] for number in range(1, 2 * IN_STEP + 1)]
    assert run_clips(StepBatcher(tracker), clips) == clips
    assert [len(call) for call in tracker.calls] == [IN_STEP, IN_STEP]


@pytest.mark.parametrize("frames", [IN_STEP - 1, IN_STEP])
def test_a_full_call_comes_before_pictures_and_pictures_before_one_that_is_not(frames: int) -> None:
    tracker, order = CountingTracker(), []
    batcher = StepBatcher(tracker)

    def encode() -> None:
        with batcher.encoding():
            order.append(len(tracker.calls))

    steps = [
        lambda number=number: batcher.step(Step(number, no_features(), memory_of()))
        for number in range(frames)
    ]
    run_side_by_side(batcher, [*steps, encode])
    assert order == [frames // IN_STEP]
    assert tracker.calls == [list(range(frames))]


def test_an_error_is_that_of_one_clip_alone() -> None:
    clips = [[10, 11, 12], [20, -21, 22], [-30, 31, 32]]
    found = run_clips(StepBatcher(CountingTracker()), clips)
    assert found == [[10, 11, 12], [20, "frame -21", 22], ["frame -30", 31, 32]]


def test_clips_that_would_come_out_otherwise_together_are_followed_apart() -> None:
    tracker = CountingTracker(wrong_together=True)
    batcher, clips = StepBatcher(tracker), [[10, 11, 12], [20, 21, 22]]
    assert run_clips(batcher, clips) == clips
    assert run_clips(batcher, clips) == clips
    assert len(tracker.calls) == 1


def test_what_is_pointed_at_does_not_share_a_call_with_what_was_named() -> None:
    tracker = CountingTracker()
    clips = [[10], [20], [30]]
    assert run_clips(StepBatcher(tracker), clips, [True, False, True]) == clips
    assert tracker.calls == [[10, 30]]
