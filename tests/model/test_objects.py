"""Objects with a validity of their own: joining late, ending early, corrected alone, in both directions."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from features import some_features
from recorded import Inputs

from sa2va_cli.datatypes import Frame
from sa2va_cli.model.fixed import FixedTracker
from sa2va_cli.model.freezing import freeze
from sa2va_cli.model.graphs import Compiling
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.objects import ClipMemory, Span
from sa2va_cli.model.points import POSITIVE, PointedAt
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.stepping import look_back
from sa2va_cli.model.tracker import Tracker
from sa2va_cli.visual_prompts import Pointed


@pytest.fixture
def network(small_network_of: Callable[[str], Sa2VANetwork]) -> Sa2VANetwork:
    """What is said here is about the order of work, and true of any size."""
    return small_network_of("internvl-qwen2")


@pytest.mark.parametrize("backwards", [False, True])
def test_backwards_is_forwards_in_a_mirror(backwards: bool) -> None:
    there = look_back(20, [3, 20, 30], [4, 13, 14, 19, None], 7)
    back = look_back(-20, [-3, -20, -30], [-4, -13, -14, -19, None], 7, backwards=True)
    assert there == back
    assert there.slots == (None, None, 5, 0, None)
    assert there.keyframe_pointers == (17, 0, None)
    assert there.pointers == (None, 7, 6, 1, None)


@torch.inference_mode()
def test_backwards_in_fixed_shape_has_the_masks_of_a_memory_that_grows(sam2: Sam2) -> None:
    frames = [some_features(sam2) for _ in range(12)]
    plain, fixed = Tracker(sam2, torch.float32), FixedTracker(sam2)
    points = PointedAt.of([(0.4, 0.5)], [POSITIVE], "cpu")
    grown = plain.point_at(11, frames[11], points)
    grown = type(grown)(grown.conditioning, (), grown.decoded, backwards=True, pointed=True)
    kept = fixed.begin(grown)
    for index in range(10, -1, -1):
        wanted, grown = plain.step(index, frames[index], grown)
        got, kept = fixed.step(index, frames[index], kept)
        torch.testing.assert_close(got.logits, wanted.logits, atol=2e-4, rtol=1e-3)
    assert [one.index for one in grown.recent] == list(range(10, -1, -1))


def clip(inputs: Inputs, count: int = 8) -> list[Frame]:
    return [Frame(k, k, Fraction(1, 24), picture) for k, picture in enumerate(inputs.frames[:count])]


def said(inputs: Inputs, row: int, index: int, x: float = 0.4) -> Pointed:
    return Pointed(row, index, inputs.frames[index], ((x, 0.5, True),))


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "fixed shape"])
def test_objects_of_words_and_of_points_share_a_clip_and_go_on_when_frozen(
    network: Sa2VANetwork, inputs: Inputs, compiled: bool
) -> None:
    compiling = Compiling(lambda function: function, required=True) if compiled else None
    segmenter, frames = NetworkSegmenter(network, torch.float32, compiling), clip(inputs)
    queries = [torch.randn(2, network.sam2.width, generator=torch.Generator().manual_seed(1))]
    with segmenter.open() as session:
        words = session.condition([(0, inputs.frames[0]), (6, inputs.frames[6])], queries)
        alone = [one.logits for one in session.follow(frames, words, count=8)]
        pointed = [said(inputs, 1, 5), said(inputs, 2, 3, 0.6), said(inputs, 3, 3)]
        ways = session.point(words, (0, 1), 4, pointed, {3: (2, 4)})
        assert isinstance(ways.forwards, ClipMemory)
        assert [(batch.rows, batch.span) for batch in ways.forwards.batches] == [
            ((0,), Span()),
            ((1,), Span(5)),
            ((2,), Span(3)),
            ((3,), Span(3, 4)),
        ]
        found = list(session.follow(frames, ways.forwards, count=8))
    # What was not pointed at is as it was.
    np.testing.assert_allclose([one.logits[0] for one in found], [one[0] for one in alone], atol=1e-4)
    there = np.array([one.scores > 0 for one in found])
    assert there[:, 1].tolist() == [False] * 5 + [True] * 3
    assert not there[:3, 2:].any()
    assert not there[5:, 3].any()
    assert [batch.rows for batch in found[-1].memory.batches] == [(0,), (1,), (2,)]  # 3 is forgotten
    with segmenter.open() as session:
        rest = list(session.follow(frames[5:], session.thaw(freeze(found[4].memory)), count=3))
    np.testing.assert_array_equal([one.logits for one in rest], [one.logits for one in found[5:]])


def test_objects_of_one_layout_are_one_batch(network: Sa2VANetwork, inputs: Inputs) -> None:
    with NetworkSegmenter(network).open() as session:
        pointed = [said(inputs, row, 2) for row in range(3)]
        ways = session.point(None, (), 3, pointed, {})
    assert [batch.rows for batch in ways.forwards.batches] == [(0, 1, 2)]
    assert [(batch.rows, batch.span) for batch in ways.backwards.batches] == [((0, 1, 2), Span(0, 2))]


def test_a_frame_is_encoded_once_in_each_direction(network: Sa2VANetwork, inputs: Inputs) -> None:
    encoded: list[int] = []
    encoder = network.sam2.layers.vision_encoder.backbone.patch_embed
    handle = encoder.register_forward_hook(lambda *call: encoded.append(len(call[1][0])))
    try:
        with NetworkSegmenter(network).open() as session:
            ways = session.point(None, (), 2, [said(inputs, 0, 5), said(inputs, 1, 5)], {})
            assert encoded == [1]
            list(session.follow(clip(inputs)[4::-1], ways.backwards, count=5))
            assert sum(encoded) == 1 + 5
            list(session.follow(clip(inputs), ways.forwards, count=8))
            assert sum(encoded) == 1 + 5 + 2  # nobody is followed before frame 5
    finally:
        handle.remove()


def test_points_correct_the_mask_that_words_have_found(network: Sa2VANetwork, inputs: Inputs) -> None:
    queries = [torch.randn(1, network.sam2.width, generator=torch.Generator().manual_seed(1))]
    found = []
    with NetworkSegmenter(network).open() as session:
        words = session.condition([(0, inputs.frames[0])], queries)
        for known in (words, None):
            rows = (0,) if known is not None else ()
            ways = session.point(known, rows, 1, [said(inputs, 0, 4)], {})
            (batch,) = ways.forwards.batches
            found.append(batch.memory.decoded[4].logits)
    assert (found[0] - found[1]).abs().max() > 0.01  # the mask so far is a prompt, too
