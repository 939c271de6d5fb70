from typing import Any

import pytest
import torch
from transformers import Sam2VideoModel

from sa2va_cli.model.attention import sine_positions
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import HIERA_LARGE, sam2_config


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


def test_position_encodings_are_those_of_transformers(pair: tuple[Sam2, Sam2VideoModel]) -> None:
    _, stock = pair
    encode = stock.vision_encoder.neck.position_encoding
    wanted = encode(torch.Size((1, 128, 8, 8)), torch.device("cpu"), torch.float32)
    got = sine_positions(8, 128, torch.device("cpu"))
    torch.testing.assert_close(got, wanted.flatten(2).transpose(1, 2), atol=1e-5, rtol=0)


def test_the_size_that_configs_do_not_say_is_hiera_large() -> None:
    with torch.device("meta"):
        network = Sam2(HIERA_LARGE)
    shared = network.layers.shared_image_embedding.positional_embedding.numel()  # stored once in the file
    total = sum(tensor.numel() for tensor in network.state_dict().values()) - shared
    assert total == 224_430_386  # reference set, section 2.1
