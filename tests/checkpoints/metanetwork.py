"""Networks without memory, and how many parameters their published checkpoints have."""

from functools import cache

import torch

from sa2va_cli.checkpoints.key_rules import published_tensors
from sa2va_cli.checkpoints.layout import Layout, released_layout
from sa2va_cli.checkpoints.parts import Counts, group_of, is_quantisable, part_of
from sa2va_cli.model.network import ChatNetwork, Sa2VANetwork


class FakeTokenizer:
    """Gives every token an id; nothing else is asked of it while a network is built."""

    def convert_tokens_to_ids(self, token: str) -> int:
        return len(token)


def meta_network(layout: Layout) -> ChatNetwork:
    with torch.device("meta"):
        if not layout.has_masks:
            return ChatNetwork(layout.chat, FakeTokenizer())
        return Sa2VANetwork(layout.chat, layout.sam2, FakeTokenizer(), two_pass=layout.two_pass)


def published_shapes(layout: Layout) -> dict[str, torch.Size]:
    """Shapes of the tensors of a published checkpoint, by its key table read backwards."""
    native = meta_network(layout).state_dict()
    return {name: t.shape for name, t in published_tensors(layout.rules, native, native.__getitem__)}


@cache
def released_shapes(alias: str) -> dict[str, torch.Size]:
    return published_shapes(released_layout(alias))


def counted(shapes: dict[str, torch.Size]) -> Counts:
    groups, quantisable = {"lm": 0, "vit": 0, "sam2": 0}, 0
    for name, shape in shapes.items():
        groups[group_of(name)] += shape.numel()
        quantisable += shape.numel() * is_quantisable(name, shape)
    return Counts(**groups, quantisable=quantisable)


def part_bytes(shapes: dict[str, torch.Size], part: str) -> int:
    """Bytes of a part in float32."""
    return 4 * sum(shape.numel() for name, shape in shapes.items() if part_of(name) == part)
