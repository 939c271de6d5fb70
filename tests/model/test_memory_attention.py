"""SAM 2's memory attention, beside that of transformers."""

import pytest
import torch
from transformers import Sam2VideoModel

from sa2va_cli.model.attention import sine_positions
from sa2va_cli.model.sam2 import Sam2


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
    attention = ours.memory_attention
    with torch.set_grad_enabled(training):
        got = attention.attend(low, [attention.lay_out(spatial, slots)], told)
    got = got.flatten(2).transpose(1, 2)  # (1, s*s, C)
    torch.testing.assert_close(got, wanted.reshape(got.shape), atol=1e-4, rtol=1e-4)


def test_objects_that_share_a_picture_are_as_if_each_had_its_own(pair: tuple[Sam2, Sam2VideoModel]) -> None:
    ours, _ = pair
    low = torch.randn(1, ours.width, ours.grid, ours.grid)
    spatial = torch.randn(2, 3, ours.grid**2, ours.memory_width)
    pointers = torch.randn(2, 2, ours.width)
    slots = torch.tensor([6, 0, 1])
    attention = ours.memory_attention
    together = attention.attend(low, [attention.lay_out(spatial, slots)], pointers)
    for k in range(2):
        alone = attention.attend(low, [attention.lay_out(spatial[k : k + 1], slots)], pointers[k : k + 1])
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-5, rtol=1e-5)
