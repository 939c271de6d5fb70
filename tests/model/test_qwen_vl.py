import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from recorded import Inputs, read_case

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.model.chat import View
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.preprocessing import cut_patches, resize_bicubic, round_size
from sa2va_cli.model.qwen_vl import FIRST_FACTOR, FIRST_PIXELS, QwenVL, prompt_positions

NetworkOf = Callable[[str], Sa2VANetwork]


@pytest.fixture(params=["qwen2_5_vl", "qwen3_vl"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chat(family: str, network_of: NetworkOf) -> QwenVL:
    model = network_of(family).chat
    assert isinstance(model, QwenVL)
    return model


def checksum(image: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(image).tobytes())


@pytest.mark.parametrize("name", ["video_1seg", "image_2seg"])
def test_pictures_are_resized_twice_as_in_the_official_code(
    family: str, chat: QwenVL, inputs: Inputs, name: str
) -> None:
    case = read_case(family, name)
    pictures = case.pictures(inputs)[: len(case.keyframes)]
    height, width = round_size(*pictures[0].shape[:2], FIRST_FACTOR, *FIRST_PIXELS)
    first = [checksum(resize_bicubic(picture, width, height)) for picture in pictures]
    assert first == case.golden["first_resize_crc32"].tolist()
    second = [checksum(chat.resize(picture)) for picture in pictures]
    assert second == case.golden["second_resize_crc32"].tolist()


def test_patches_are_those_of_the_official_code(family: str, chat: QwenVL, inputs: Inputs) -> None:
    golden = read_case(family, "video_1seg").golden
    version, patch = chat.version, chat.sizes.vision["patch_size"]
    for row, frame in enumerate(inputs.frames[:5]):
        patches = cut_patches(chat.resize(frame), patch, 2, 2, version.mean, version.std)
        if row == 0:
            wanted = golden["pixel_values_frame0_every128"]
            np.testing.assert_allclose(patches[::128], wanted, atol=1e-5, rtol=0)
        sums = [patches.double().sum(), (patches.double() ** 2).sum()]
        np.testing.assert_allclose(sums, golden["pixel_values_sum_sumsq_per_frame"][row], rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "limits", "wanted"),
    [
        ((180, 320), (4 * 784, 16384 * 784), (168, 308)),
        ((168, 308), (512 * 784, 2048 * 784), (476, 868)),
        ((4320, 7680), (4 * 784, 16384 * 784), (2688, 4760)),
        ((10, 10), (4 * 784, 16384 * 784), (56, 56)),
        ((14, 2000), (4 * 784, 16384 * 784), (28, 1988)),
    ],
)
def test_sizes_are_rounded_within_limits(
    size: tuple[int, int], limits: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert round_size(*size, 28, *limits) == wanted


def test_a_picture_that_is_much_too_narrow_is_refused() -> None:
    with pytest.raises(InputError, match="2001x10 pixels is too narrow"):
        round_size(10, 2001, 28, *FIRST_PIXELS)


def test_pictures_come_first_and_the_image_tag_vanishes(family: str, chat: QwenVL) -> None:
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" if family == "qwen2_5_vl" else ""
    pad = "<|image_pad|>"
    pictures = f"<|vision_start|>{pad * 2}<|vision_end|><|vision_start|>{pad * 3}<|vision_end|>"
    wanted = f"{system}<|im_start|>user\n{pictures}Hello, you.<|im_end|>\n<|im_start|>assistant\n"
    assert chat.prompt("Hello,<image> you.", [(1, 2), (3, 1)]) == wanted


@torch.inference_mode()
def test_what_was_said_before_counts_without_a_picture_and_is_refused_beside_one(
    chat: QwenVL, inputs: Inputs
) -> None:
    """The official code leaves it out without a word (reference set, section 4)."""
    nothing, seen = View(None), chat.look([inputs.image], still=True)
    alone, _ = chat.answer(nothing, "Hello, who are you?")
    assert torch.equal(chat.answer(nothing, "who are you?", past="Hello, ")[0].hidden, alone.hidden)
    with pytest.raises(UsageError, match=r"nothing said before \('Hello, '\) beside pictures"):
        chat.answer(seen, "What is it?", past="Hello, ")


def test_regions_are_refused(chat: QwenVL, inputs: Inputs) -> None:
    with pytest.raises(UsageError, match="know no regions"):
        chat.answer(View(None), "What is in region1?", regions=inputs.regions)


def test_a_picture_stands_still_in_time_and_text_goes_on_after_its_longer_side() -> None:
    pictures = torch.tensor([False] * 2 + [True] * 6 + [False] + [True] * 2 + [False] * 2)
    wanted = [
        [0, 1, 2, 2, 2, 2, 2, 2, 5, 6, 6, 8, 9],
        [0, 1, 2, 2, 2, 3, 3, 3, 5, 6, 7, 8, 9],
        [0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 6, 8, 9],
    ]
    assert prompt_positions(pictures, [(2, 3), (2, 1)]).tolist() == wanted
    assert prompt_positions(torch.zeros(4, dtype=torch.bool), []).tolist() == [[0, 1, 2, 3]] * 3


@torch.inference_mode()
def test_any_of_the_stop_tokens_ends_an_answer(chat: QwenVL) -> None:
    whole = chat.answer(View(None), "Hello, who are you?")[0].token_ids.tolist()
    before = chat.sizes.stop_ids[:]
    chat.sizes.stop_ids.append(whole[2])
    try:
        assert chat.answer(View(None), "Hello, who are you?")[0].token_ids.tolist() == whole[:3]
    finally:
        chat.sizes.stop_ids[:] = before
