"""Sessions share a network and nothing else."""

import gc
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from recorded import Inputs

from sa2va_cli.api import Sa2VA
from sa2va_cli.datatypes import RGB, Followed, Frame
from sa2va_cli.model.freezing import freeze, thaw
from sa2va_cli.model.graphs import Compiling
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.sam2_maps import ImageFeatures
from sa2va_cli.runtime.threads import divide_cores

KEYFRAMES = (0, 5)
CPU = torch.device("cpu")


@pytest.fixture
def network(small_network_of: Callable[[str], Sa2VANetwork]) -> Sa2VANetwork:
    """What is said here is about the order of work, and true of any size."""
    return small_network_of("internvl-qwen2")


def clip(pictures: list[RGB]) -> list[Frame]:
    return [Frame(index, index, Fraction(1, 24), picture) for index, picture in enumerate(pictures)]


def queries(network: Sa2VANetwork, seed: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, network.sam2.width, generator=torch.Generator().manual_seed(seed))


def followed(segmenter: NetworkSegmenter, pictures: list[RGB], seed: int) -> Iterator[np.ndarray]:
    with segmenter.open() as session:
        memory = session.condition([(k, pictures[k]) for k in KEYFRAMES], [queries(segmenter.network, seed)])
        for one in session.follow(clip(pictures), memory, count=len(pictures)):
            yield one.logits


def test_two_clips_interleaved_have_the_masks_of_one_after_the_other(
    network: Sa2VANetwork, inputs: Inputs
) -> None:
    segmenter, there, back = NetworkSegmenter(network), inputs.frames[:7], inputs.frames[6::-1]
    alone = list(followed(segmenter, there, 1)), list(followed(segmenter, back, 2))
    pairs = list(zip(followed(segmenter, there, 1), followed(segmenter, back, 2), strict=True))
    np.testing.assert_array_equal([one for one, _ in pairs], alone[0])
    np.testing.assert_array_equal([other for _, other in pairs], alone[1])


def test_two_threads_at_once_have_the_masks_of_one_after_the_other(
    network: Sa2VANetwork, inputs: Inputs
) -> None:
    segmenter, there, back = NetworkSegmenter(network), inputs.frames[:7], inputs.frames[6::-1]
    alone = [list(followed(segmenter, there, 1)), list(followed(segmenter, back, 2))]
    found: list[list[np.ndarray]] = [[], []]

    def run(place: int, pictures: list[RGB], seed: int) -> None:
        found[place] = list(followed(segmenter, pictures, seed))

    threads = [
        threading.Thread(target=run, args=(0, there, 1)),
        threading.Thread(target=run, args=(1, back, 2)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found[0], alone[0])
    np.testing.assert_array_equal(found[1], alone[1])


@pytest.mark.parametrize("ending", ["exhausted", "abandoned", "failed"])
def test_the_library_leaves_torchs_threads_as_they_were(
    network: Sa2VANetwork, inputs: Inputs, ending: str
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        results = followed(NetworkSegmenter(network), inputs.frames[:8], 1)
        next(results)
        assert torch.get_num_threads() == 3
        if ending == "exhausted":
            list(results)
        elif ending == "abandoned":
            results.close()  # type: ignore[attr-defined]
        else:
            with pytest.raises(KeyError):
                results.throw(KeyError())  # type: ignore[attr-defined]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sa2va-")]


def test_a_program_may_divide_the_cores_and_gets_them_back(network: Sa2VANetwork) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with divide_cores(NetworkSegmenter(network)) as workers:
            assert (workers, torch.get_num_threads()) == (3, 1)
        assert torch.get_num_threads() == 3
        with divide_cores(object()) as workers:  # type: ignore[arg-type]
            assert (workers, torch.get_num_threads()) == (1, 3)
    finally:
        torch.set_num_threads(before)


def test_leaving_a_session_ends_what_an_abandoned_iterator_left(
    network: Sa2VANetwork, inputs: Inputs
) -> None:
    with NetworkSegmenter(network).open() as session:
        memory = session.condition([(0, inputs.frames[0])], [queries(network, 1)])
        results = session.follow(clip(inputs.frames), memory, workers=2)
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sa2va-")]


FAMILIES = ("internvl-qwen2", "sa2va-i-internvl-qwen2")


@pytest.mark.parametrize(
    ("family", "compiled", "tracked"),  # any two of them in every combination
    [(FAMILIES[k % 2], k > 1, k in (1, 2)) for k in range(4)],
    ids=["plain", "plain, tracked keyframes", "fixed shape, tracked keyframes", "fixed shape"],
)
def test_a_clip_goes_on_from_a_frozen_memory_with_the_same_masks(
    small_network_of: Callable[[str], Sa2VANetwork],
    inputs: Inputs,
    family: str,
    compiled: bool,
    tracked: bool,
) -> None:
    network = small_network_of(family)
    compiling = Compiling(lambda function: function, required=True) if compiled else None
    segmenter, frames = NetworkSegmenter(network, compiling=compiling), clip(inputs.frames[:9])
    with segmenter.open() as session:
        keyframes = [(k, inputs.frames[k]) for k in KEYFRAMES]
        memory = session.condition(keyframes, [queries(network, 1)], track_keyframes=tracked)
        whole = list(session.follow(frames, memory, count=len(frames)))
    for stop in (1, 4, 6):
        data = segmenter.open().freeze(whole[stop - 1].memory)
        assert isinstance(data, bytes)
        with segmenter.open() as session:
            rest: list[Followed[Any]] = list(
                session.follow(frames[stop:], session.thaw(data), count=len(frames) - stop)
            )
        np.testing.assert_array_equal([one.logits for one in rest], [one.logits for one in whole[stop:]])
        assert freeze(rest[-1].memory) == freeze(whole[-1].memory)


@pytest.mark.parametrize("family", FAMILIES[:1])
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "fixed shape"])
def test_tracked_keyframes_have_the_masks_of_frames_that_are_none(
    small_network_of: Callable[[str], Sa2VANetwork], inputs: Inputs, family: str, compiled: bool
) -> None:
    """Their turn is a step of the tracker, from all that is remembered by then, and is remembered."""
    network = small_network_of(family)
    compiling = Compiling(lambda function: function, required=True) if compiled else None
    segmenter = NetworkSegmenter(network, torch.float32, compiling)
    keyframes = [(k, inputs.frames[k]) for k in KEYFRAMES]
    with segmenter.open() as session:
        memory = session.condition(keyframes, [queries(network, 1)], track_keyframes=True)
        got = [one.logits for one in session.follow(clip(inputs.frames), memory, count=12)]
    with segmenter.open() as session, torch.inference_mode():
        official = session.condition(keyframes, [queries(network, 1)])
        assert set(official.decoded) == set(KEYFRAMES)
        wanted, memory = [], official
        for index, image in enumerate(inputs.frames):
            features = network.sam2.encode(segmenter.pixels([image], still=False))
            decoded, memory = segmenter.tracker.step(index, features, memory)
            wanted.append(decoded.logits.numpy())
    np.testing.assert_allclose(got, wanted, atol=2e-3)
    assert np.abs(got[5] - official.decoded[5].logits.numpy()).max() > 0.1  # which is what is not shown


@pytest.mark.parametrize("family", FAMILIES[:1])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_keyframe_that_is_tracked_is_encoded_once_and_then_let_go(
    small_network_of: Callable[[str], Sa2VANetwork], inputs: Inputs, family: str, workers: int
) -> None:
    network = small_network_of(family)
    encoded: list[int] = []
    encoder = network.sam2.layers.vision_encoder.backbone.patch_embed
    handle = encoder.register_forward_hook(lambda *call: encoded.append(len(call[1][0])))
    try:
        with NetworkSegmenter(network).open() as session:
            keyframes = [(k, inputs.frames[k]) for k in KEYFRAMES]
            memory = session.condition(keyframes, [queries(network, 1)], track_keyframes=True)
            assert sum(encoded) == 2
            found = list(session.follow(clip(inputs.frames), memory, count=12, workers=workers))
            assert sum(encoded) == 12
            assert not [one for one in gc.get_objects() if type(one) is ImageFeatures]
            again = list(session.follow(clip(inputs.frames[:6]), memory, count=6, workers=workers))
            assert sum(encoded) == 18  # what is followed a second time is encoded a second time
    finally:
        handle.remove()
    np.testing.assert_array_equal([one.logits for one in again], [one.logits for one in found[:6]])


def test_sa2va_i_shows_keyframes_as_its_official_code_does(
    small_network_of: Callable[[str], Sa2VANetwork], inputs: Inputs
) -> None:
    with NetworkSegmenter(small_network_of(FAMILIES[1])).open() as session:
        keyframes = [(k, inputs.frames[k]) for k in KEYFRAMES]
        asked = [queries(small_network_of(FAMILIES[1]), 1)]
        memory = session.condition(keyframes, asked, track_keyframes=True)
    assert set(memory.decoded) == set(KEYFRAMES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_single_picture_is_shown_as_it_is_decoded(
    small_network_of: Callable[[str], Sa2VANetwork], inputs: Inputs, family: str
) -> None:
    found = []
    for tracked in (False, True):
        with NetworkSegmenter(small_network_of(family)).open(still=True) as session:
            asked = [queries(small_network_of(family), 1)]
            memory = session.condition([(0, inputs.image)], asked, track_keyframes=tracked)
            (one,) = session.follow(clip([inputs.image]), memory, count=1)
            assert one.memory is memory
            found.append(one.logits)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\x08\0\0\0\0\0\0\0{}      "])
def test_what_is_no_memory_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="memory"):
        thaw(data, CPU)


def test_a_frozen_memory_that_was_cut_off_is_a_value_error(network: Sa2VANetwork, inputs: Inputs) -> None:
    with NetworkSegmenter(network).open() as session:
        data = session.freeze(session.condition([(0, inputs.frames[0])], [queries(network, 1)]))
    with pytest.raises(ValueError, match="memory"):
        thaw(data[:-5], CPU)


def test_two_iterators_of_the_python_door_can_be_interleaved(
    network: Sa2VANetwork, inputs: Inputs, tmp_path
) -> None:
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(inputs.frames[:4]):
        Image.fromarray(picture).save(folder / f"{number}.png")
    model = Sa2VA(NetworkSegmenter(network))
    alone = [one.logits for one in model.segment(folder, "the ball")]
    pairs = list(zip(model.segment(folder, "the ball"), model.segment(folder, "the ball"), strict=True))
    np.testing.assert_array_equal([one.logits for one, _ in pairs], alone)
    np.testing.assert_array_equal([other.logits for _, other in pairs], alone)


def test_every_frame_has_the_predicted_quality_of_the_mask_that_is_shown(
    network: Sa2VANetwork, inputs: Inputs
) -> None:
    pictures = inputs.frames[:7]
    with NetworkSegmenter(network).open() as session:
        memory = session.condition([(k, pictures[k]) for k in KEYFRAMES], [queries(network, 1)])
        found = list(session.follow(clip(pictures), memory, count=len(pictures)))
    for index in KEYFRAMES:
        best = memory.decoded[index].ious.max(dim=1).values
        np.testing.assert_array_equal(found[index].ious, best.float().numpy())
    assert all(one.ious.shape == (2,) and one.ious.dtype == np.float32 for one in found)
