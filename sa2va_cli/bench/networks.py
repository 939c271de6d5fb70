"""Networks to time: the published sizes with random weights, which take as long as trained ones.

A random network answers "Sure, [SEG]." to everything, so that asking it takes as many steps as asking a
trained one. Knows nothing about timing.
"""

from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from sa2va_cli.bench.job import HIERA_L
from sa2va_cli.checkpoints.hub import resolve
from sa2va_cli.checkpoints.layout import Layout, read_layout, released_layout
from sa2va_cli.checkpoints.loader import rebuild_buffers
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.sam2 import HIERA_LARGE

ANSWER = "Sure, [SEG].<|im_end|>"
_STD = 0.02


@torch.no_grad()
def random_network(name: str, device: torch.device, dtype: torch.dtype) -> Sa2VANetwork:
    """Makes a network of full size without a checkpoint.

    Args:
        name: one of ``job.RANDOM``; ``hiera-l`` is the published SAM 2 with the demo network's chat model.
        device: where the parameters are made.
        dtype: their precision.

    Returns:
        The network in evaluation mode, without gradients; the same arguments give the same weights.
    """
    layout = random_layout(name)
    tokenizer = load_tokenizer(resolve("demo"), layout.chat.special_tokens)
    with torch.device("meta"):
        network = Sa2VANetwork(layout.chat, layout.sam2, tokenizer)
    torch.manual_seed(0)
    fill_randomly(network, device, dtype)
    rebuild_buffers(network, device)
    _teach_answer(network.chat, ANSWER)
    return network.eval().requires_grad_(False)


def random_layout(name: str) -> Layout:
    """The sizes of a network, by one of ``job.RANDOM``."""
    layout = read_layout(resolve("demo"))
    if name == "demo":
        return layout
    if name == HIERA_L:
        return Layout(layout.family, layout.chat, HIERA_LARGE, native=True)
    return released_layout(name)


def fill_randomly(network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Gives every parameter and saved buffer of a network without memory random values on a device.

    Norms stay near one, so that numbers neither vanish nor grow from layer to layer.
    """
    filled: dict[int, Tensor] = {}
    for name, slot in network.state_dict(keep_vars=True).items():
        if id(slot) not in filled:
            filled[id(slot)] = torch.empty(slot.shape, device=device, dtype=dtype).normal_(0.0, _STD)
            if slot.ndim == 1 and name.endswith("weight"):
                filled[id(slot)].add_(1.0)
        path, _, leaf = name.rpartition(".")
        tensor = filled[id(slot)]
        value = nn.Parameter(tensor) if isinstance(slot, nn.Parameter) else tensor
        setattr(network.get_submodule(path), leaf, value)


def _teach_answer(chat: Any, answer: str) -> None:
    """Makes a causal language model say one answer, whatever it is asked, at the cost of any.

    Nothing is added to the embeddings in the layers, so that the last state is the last
    token's embedding; the output layer then has the following token's row point there.
    """
    model = chat.language_model
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    ids = partial(chat.tokenizer, add_special_tokens=False)
    said = [ids(chat.prompt("", 0, video=False))["input_ids"][-1], *ids(answer)["input_ids"]]
    table, output = model.get_input_embeddings().weight, model.lm_head.weight
    output.zero_()
    for before, after in pairwise(said):
        output[after] += table[before] / table[before].norm()
