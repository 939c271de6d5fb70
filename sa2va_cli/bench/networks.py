"""Networks to time: the published sizes with random weights, which take as long as trained ones.

A random network answers "Sure, [SEG]." to everything, so that asking it takes as many steps as asking a
trained one. Knows nothing about timing.
"""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from sa2va_cli.bench.job import HIERA_L
from sa2va_cli.checkpoints.hub import resolve
from sa2va_cli.checkpoints.layout import Layout, read_layout, released_layout
from sa2va_cli.checkpoints.loader import rebuild_buffers
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.conversation import Question
from sa2va_cli.model.conversing import turns_of
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.prompt_text import encode
from sa2va_cli.model.quantization import Quantise, prepare_layers
from sa2va_cli.model.sam2_config import HIERA_LARGE

ANSWER = "Sure, [SEG].<|im_end|>"
_STD = 0.02
_LANGUAGE_MODEL = "chat.language_model."
_ADDING = ("o_proj.weight", "down_proj.weight")


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
    return random_network_of(random_layout(name), device, dtype)


@torch.no_grad()
def random_network_of(
    layout: Layout, device: torch.device, dtype: torch.dtype, *, quantize: str | None = None
) -> Sa2VANetwork:
    """Makes a network of given sizes; see ``random_network``.

    Args:
        layout: its sizes.
        device: where the parameters are made.
        dtype: their precision.
        quantize: of the language model's linear layers; see ``quantization.prepare_layers``.
    """
    tokenizer = load_tokenizer(resolve("demo"))
    tokenizer.add_special_tokens({"additional_special_tokens": list(layout.chat.special_tokens)})
    with torch.device("meta"):
        network = Sa2VANetwork(layout.chat, layout.sam2, tokenizer)
    model, makers = network.chat.language_model, {}
    if quantize:
        makers = prepare_layers(model, quantize, dtype)
    torch.manual_seed(0)
    fill_randomly(network, device, dtype, {f"{_LANGUAGE_MODEL}{name}": made for name, made in makers.items()})
    rebuild_buffers(network, device)
    teach_answer(network.chat, ANSWER)
    return network.eval().requires_grad_(False)


def random_layout(name: str) -> Layout:
    """The sizes of a network, by one of ``job.RANDOM``."""
    layout = read_layout(resolve("demo"))
    if name == "demo":
        return layout
    if name == HIERA_L:
        return Layout(layout.family, layout.chat, HIERA_LARGE, native=True)
    return released_layout(name)


def fill_randomly(
    network: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    makers: Mapping[str, Quantise] = MappingProxyType({}),
) -> None:
    """Gives every parameter and saved buffer of a network without memory random values on a device.

    Norms stay near one, so that numbers neither vanish nor grow from layer to layer.

    Args:
        network: with parameters on the meta device.
        device: where the values are made.
        dtype: their precision.
        makers: what makes the weight of a quantised layer of its values, by the parameter's name. Those of
            layers that add to the states are zeros: they could not be changed afterwards.
    """
    filled: dict[int, Tensor] = {}
    for name, slot in network.state_dict(keep_vars=True).items():
        if id(slot) not in filled:
            filled[id(slot)] = torch.empty(slot.shape, device=device, dtype=dtype).normal_(0.0, _STD)
            if slot.ndim == 1 and name.endswith("weight"):
                filled[id(slot)].add_(1.0)
        path, _, leaf = name.rpartition(".")
        value = tensor = filled[id(slot)]
        if name in makers:
            value = makers[name](tensor.zero_() if name.endswith(_ADDING) else tensor, device)
            del filled[id(slot)]
        elif isinstance(slot, nn.Parameter):
            value = nn.Parameter(tensor)
        setattr(network.get_submodule(path), leaf, value)


@torch.no_grad()
def teach_answer(chat: Any, answer: str) -> None:
    """Makes a causal language model say one answer, whatever it is asked, at the cost of any.

    Nothing is added to the embeddings in the layers, so that the last state is the last
    token's embedding; the output layer then has the following token's row point there.
    """
    model = chat.language_model
    for layer in getattr(model, "model", model).layers:
        for adding in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight):
            if adding.is_floating_point():  # those of quantised layers were made zeros
                adding.zero_()
    ids = partial(chat.tokenizer, add_special_tokens=False)
    asked = encode(chat.tokenizer, chat.write(turns_of(chat, Question("?"))))
    said = [asked[-1], *ids(answer)["input_ids"]]
    table = model.get_input_embeddings().weight
    output = (chat if hasattr(chat, "lm_head") else model).lm_head.weight
    output.zero_()
    for before, after in pairwise(said):
        output[after] += table[before] / table[before].norm()
