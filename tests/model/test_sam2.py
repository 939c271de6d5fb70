from typing import Any

import pytest
import torch
from transformers import Sam2VideoModel

from sa2va_cli.model.attention import sine_positions
from sa2va_cli.model.sam2 import HIERA_LARGE, Sam2, sam2_config


@pytest.fixture
def pair(sam2_sizes: dict[str, Any]) -> tuple[Sam2, Sam2VideoModel]:
    """Our SAM 2 and a stock one with the same random weights."""
    torch.manual_seed(0)
    stock = Sam2VideoModel(sam2_config(sam2_sizes)).eval().requires_grad_(False)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    ours = Sam2(sam2_sizes).eval().requires_grad_(False)
    ours.layers.load_state_dict(stock.state_dict())
    return ours, stock


@pytest.mark.parametrize("windows", [(8, 4, 4, 2), (8, 4, 16, 8), (8, 6, 10, 4)])
@pytest.mark.parametrize("pictures", [1, 2])
def test_the_image_encoder_is_that_of_transformers(
    sam2_sizes: dict[str, Any], windows: tuple[int, ...], pictures: int
) -> None:
    """With windows that divide the maps, that are larger than a map, and that divide none."""
    blocks = {"stages": [1, 2, 3, 1], "global_att_blocks": [4], "window_spec": windows}
    sizes = {**sam2_sizes, "trunk": sam2_sizes["trunk"] | blocks}
    torch.manual_seed(0)
    ours = Sam2(sizes).eval().requires_grad_(False)
    stock = Sam2VideoModel(sam2_config(sizes)).eval().requires_grad_(False)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    stock.load_state_dict(ours.layers.state_dict(), strict=False)
    pixels = torch.randn(pictures, 3, ours.input_size, ours.input_size)
    high, middle, low = stock.vision_encoder(pixels).fpn_hidden_states
    for got, wanted in (
        (ours.encode(pixels).low, low),
        (ours.encode(pixels).middle, stock.mask_decoder.conv_s1(middle)),
        (ours.encode(pixels).high, stock.mask_decoder.conv_s0(high)),
    ):
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("pointers", [0, 3])
def test_memory_attention_is_that_of_transformers(
    pair: tuple[Sam2, Sam2VideoModel], pointers: int, *, training: bool
) -> None:
    ours, stock = pair
    grid, width, narrow, memories = ours.grid, ours.width, ours.memory_width, 4
    low = torch.randn(1, width, grid, grid)
    spatial = torch.randn(1, memories, grid**2, narrow)
    told = torch.randn(1, pointers, width)
    slots = torch.tensor([6, 6, 0, 1])

    tokens = told.reshape(1, pointers * width // narrow, narrow)
    place = sine_positions(grid, narrow, torch.device("cpu"))
    temporal = stock.memory_temporal_positional_encoding[slots, 0, 0]  # (M, narrow)
    places = (place + temporal[:, None]).reshape(1, -1, narrow)
    wanted = stock.memory_attention(
        current_vision_features=low.flatten(2).permute(2, 0, 1),
        current_vision_position_embeddings=sine_positions(grid, width, torch.device("cpu")).transpose(0, 1),
        memory=torch.cat([spatial.reshape(1, -1, narrow), tokens], dim=1).transpose(0, 1),
        memory_posision_embeddings=torch.cat([places, torch.zeros_like(tokens)], dim=1).transpose(0, 1),
        num_object_pointer_tokens=tokens.shape[1],
    )
    with torch.set_grad_enabled(training):
        got = ours.attend(low, [ours.lay_out(spatial, slots)], told).flatten(2).transpose(1, 2)  # (1, s*s, C)
    torch.testing.assert_close(got, wanted.reshape(got.shape), atol=1e-4, rtol=1e-4)


def test_position_encodings_are_those_of_transformers(pair: tuple[Sam2, Sam2VideoModel]) -> None:
    _, stock = pair
    encode = stock.vision_encoder.neck.position_encoding
    wanted = encode(torch.Size((1, 128, 8, 8)), torch.device("cpu"), torch.float32)
    got = sine_positions(8, 128, torch.device("cpu"))
    torch.testing.assert_close(got, wanted.flatten(2).transpose(1, 2), atol=1e-5, rtol=0)


def test_objects_that_share_a_picture_are_as_if_each_had_its_own(pair: tuple[Sam2, Sam2VideoModel]) -> None:
    ours, _ = pair
    low = torch.randn(1, ours.width, ours.grid, ours.grid)
    spatial = torch.randn(2, 3, ours.grid**2, ours.memory_width)
    pointers = torch.randn(2, 2, ours.width)
    slots = torch.tensor([6, 0, 1])
    together = ours.attend(low, [ours.lay_out(spatial, slots)], pointers)
    for k in range(2):
        alone = ours.attend(low, [ours.lay_out(spatial[k : k + 1], slots)], pointers[k : k + 1])
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-5, rtol=1e-5)


def test_the_size_that_configs_do_not_say_is_hiera_large() -> None:
    with torch.device("meta"):
        network = Sam2(HIERA_LARGE)
    shared = network.layers.shared_image_embedding.positional_embedding.numel()  # stored once in the file
    total = sum(tensor.numel() for tensor in network.state_dict().values()) - shared
    assert total == 224_430_386  # reference set, section 2.1
