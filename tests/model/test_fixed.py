from typing import Any

import pytest
import torch
from features import some_features
from torch._dynamo.utils import counters

from sa2va_cli.model.fixed import FixedTracker
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.tracker import Tracker


@torch.inference_mode()
@pytest.mark.parametrize(
    ("objects", "tracked"), [(1, False), (3, True)], ids=["keyframes as decoded", "keyframes tracked"]
)
def test_masks_are_those_of_a_memory_that_grows(sam2: Sam2, objects: int, tracked: bool) -> None:
    """With keyframes in the past, in the future and between tracked frames."""
    features = {index: some_features(sam2) for index in range(24)}
    keyframes, queries = [0, 9, 40], torch.randn(objects, sam2.width)
    conditions = [(index, features.get(index, features[5])) for index in keyframes]
    plain, fixed = Tracker(sam2, torch.float32), FixedTracker(sam2)
    grown = plain.condition(conditions, queries)
    kept = fixed.begin(grown)
    assert set(kept.decoded) == set(keyframes)
    assert kept.decoded[9].logits.shape[0] == objects
    for index in range(24):
        if index in keyframes and not tracked:
            continue
        wanted, grown = plain.step(index, features[index], grown)
        got, kept = fixed.step(index, features[index], kept)
        torch.testing.assert_close(got.logits, wanted.logits, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(got.pointers, wanted.pointers, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(got.score_logits, wanted.score_logits, atol=2e-4, rtol=1e-3)


def compiled(backend: str) -> Any:
    return lambda function: torch.compile(function, fullgraph=True, dynamic=False, backend=backend)


BACKENDS = ["eager", *(pytest.param(name, marks=pytest.mark.slow) for name in ("aot_eager", "inductor"))]
"""The first one only traces: enough to see how many graphs there are."""


@torch.inference_mode()
@pytest.mark.parametrize("backend", BACKENDS)
def test_one_graph_follows_any_objects_of_a_bucket_through_any_clip(sam2: Sam2, backend: str) -> None:
    torch._dynamo.reset()
    counters.clear()
    plain, fixed = Tracker(sam2), FixedTracker(sam2, compiled=compiled(backend))
    frames = [some_features(sam2) for _ in range(6)]
    with torch._dynamo.config.patch(error_on_recompile=True):
        for objects, keyframes in ((3, [0, 4]), (4, [0, 1, 2, 3, 4])):
            queries = torch.randn(objects, sam2.width)
            grown = plain.condition([(index, frames[index % 6]) for index in keyframes], queries)
            kept = fixed.begin(grown)
            for index in range(5, 13):
                wanted, grown = plain.step(index, frames[index % 6], grown)
                got, kept = fixed.step(index, frames[index % 6], kept)
                torch.testing.assert_close(got.logits, wanted.logits, atol=5e-3, rtol=1e-2)
    assert counters["stats"]["unique_graphs"] == 1


@torch.inference_mode()
@pytest.mark.parametrize("backend", BACKENDS[1:])  # test_graphs traces it
def test_the_encoder_is_one_graph(sam2: Sam2, backend: str) -> None:
    torch._dynamo.reset()
    pixels = torch.randn(2, 3, sam2.input_size, sam2.input_size)
    wanted = sam2.encode(pixels)
    encode = compiled(backend)(sam2.encode)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(3):
            got = encode(pixels)
    torch.testing.assert_close(got.low, wanted.low, atol=1e-4, rtol=1e-4)
