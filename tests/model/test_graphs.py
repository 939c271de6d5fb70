"""A segmenter whose work for every frame is compiled, through the door that the pipeline uses."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from recorded import Inputs

from sa2va_cli.datatypes import RGB, Frame
from sa2va_cli.errors import UsageError
from sa2va_cli.model.fixed import Compile
from sa2va_cli.model.graphs import Compiling
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork

KEYFRAMES = (0, 4)


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles with torch's tracer alone, which needs no compiler."""
    return torch.compile(function, fullgraph=True, dynamic=False, backend="eager")


class Counting:
    """Compiles nothing, and counts the calls of what it was to compile."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.calls[function.__name__] = self.calls.get(function.__name__, 0) + 1
            return function(*arguments)

        return counted


def broken(_: Callable[..., Any]) -> Callable[..., Any]:
    """Fails as torch does: at first use, the cause wrapped in an error of its own."""

    def fail(*_: Any) -> Any:
        cause = FileNotFoundError("no C++ compiler found\nand more lines")
        raise RuntimeError("backend failed") from cause

    return fail


def followed(
    segmenter: NetworkSegmenter, pictures: list[RGB], said: list[str], frames: int | None
) -> np.ndarray[Any, Any]:
    """(T, N, h, w) logits of three objects."""
    queries = torch.randn(3, segmenter.network.sam2.width, generator=torch.Generator().manual_seed(0))
    with segmenter.open() as session:
        memory = session.condition([(k, pictures[k]) for k in KEYFRAMES], [queries])
        clip = (Frame(index, index, Fraction(1, 24), picture) for index, picture in enumerate(pictures))
        return np.stack(
            [one.logits for one in session.follow(clip, memory, count=frames, notify=said.append)]
        )


@pytest.fixture
def network(small_network_of: Callable[[str], Sa2VANetwork]) -> Sa2VANetwork:
    """What is said here is about the order of work, and true of any size."""
    return small_network_of("internvl-qwen2")


def check(network: Sa2VANetwork, pictures: list[RGB], compile_it: Compile) -> None:
    said: list[str] = []
    compiled = NetworkSegmenter(network, torch.float32, Compiling(compile_it, required=True))
    got = followed(compiled, pictures, said, len(pictures))
    wanted = followed(NetworkSegmenter(network, torch.float32), pictures, [], len(pictures))
    np.testing.assert_allclose(got, wanted, atol=2e-3)
    assert said == ["compiling for this clip, which takes minutes the first time"]


def test_a_compiled_segmenter_finds_the_same_masks(network: Sa2VANetwork, inputs: Inputs) -> None:
    torch._dynamo.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        check(network, inputs.frames[:8], traced)


@pytest.mark.parametrize("family", ["internvl-qwen2", "sa2va-i-internvl-qwen2"])
def test_its_tracker_finds_the_same_masks_in_one_pass_and_in_two(
    small_network_of: Callable[[str], Sa2VANetwork], inputs: Inputs, family: str
) -> None:
    counting = Counting()
    check(small_network_of(family), inputs.frames, counting)
    # Ten tracked frames, of which one whole batch of four is encoded as compiled; and once to try it out.
    assert counting.calls == {"encode": 2, "_followed": 11}


@pytest.mark.parametrize(("frames", "compiles"), [(8, False), (9, True), (None, False)])
def test_short_clips_and_those_of_unknown_length_do_not_pay(
    network: Sa2VANetwork, inputs: Inputs, frames: int | None, compiles: bool
) -> None:
    counting, said = Counting(), list[str]()
    segmenter = NetworkSegmenter(network, compiling=Compiling(counting, least_frames=9))
    followed(segmenter, inputs.frames[:6], said, frames)
    assert (bool(counting.calls), bool(said)) == (compiles, compiles)


def test_where_nothing_is_tracked_nothing_is_compiled(network: Sa2VANetwork, inputs: Inputs) -> None:
    segmenter = NetworkSegmenter(network, compiling=Compiling(broken, required=True))
    queries = torch.zeros(1, network.sam2.width)
    session = segmenter.open(still=True)
    memory = session.condition([(0, inputs.image)], [queries])
    picture = Frame(0, 0, Fraction(1, 24), inputs.image)
    (one,) = session.follow([picture], memory, count=1, notify=pytest.fail)
    assert one.memory is memory


def test_what_cannot_be_compiled_is_an_error_if_it_must_be(network: Sa2VANetwork, inputs: Inputs) -> None:
    segmenter = NetworkSegmenter(network, compiling=Compiling(broken, required=True))
    with pytest.raises(UsageError) as caught:
        followed(segmenter, inputs.frames[:6], [], 6)
    assert caught.value.command_line == (
        "--compile on fails here (FileNotFoundError: no C++ compiler found); use --compile off"
    )


def test_what_cannot_be_compiled_is_followed_without_if_it_may_be(
    network: Sa2VANetwork, inputs: Inputs
) -> None:
    said: list[str] = []
    segmenter = NetworkSegmenter(network, compiling=Compiling(broken))
    got = followed(segmenter, inputs.frames[:6], said, 6)
    wanted = followed(NetworkSegmenter(network), inputs.frames[:6], [], 6)
    np.testing.assert_array_equal(got, wanted)
    assert said[1] == "cannot compile here (FileNotFoundError: no C++ compiler found); going on without"


def test_frames_encoded_together_are_those_encoded_alone(network: Sa2VANetwork, inputs: Inputs) -> None:
    images = inputs.frames[:4]
    segmenter = NetworkSegmenter(network)
    with torch.inference_mode():
        together = network.sam2.encode(segmenter.pixels(images, still=False))
        for row, image in enumerate(images):
            alone = network.sam2.encode(segmenter.pixels([image], still=False))
            torch.testing.assert_close(together[row : row + 1].low, alone.low, atol=1e-4, rtol=1e-4)
