"""What of a network is trained: its parts, whole or by adapters, and everything else frozen.

Adapters are those of peft, put into the language model in place. Knows nothing about losses or files.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sa2va_cli.checkpoints.parts import SAM2, group_of
from sa2va_cli.errors import ModelError
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.recipe import (
    EMBEDDINGS,
    FULL,
    IMAGE_ENCODER,
    LANGUAGE_MODEL,
    LORA,
    MASK_DECODER,
    MEMORY,
    PROJECTION,
    PROJECTOR,
    VISION,
    Lora,
    Recipe,
)

_PREFIXES: dict[str, str] = {
    "chat.vision_model.merger.": PROJECTOR,
    "chat.vision_model.deepstack_merger_list.": PROJECTOR,
    "chat.vision_model.": VISION,
    "chat.projector.": PROJECTOR,
    "chat.language_model.lm_head.": EMBEDDINGS,
    "chat.lm_head.": EMBEDDINGS,
    "chat.language_model.model.embed_tokens.": EMBEDDINGS,
    "chat.language_model.embed_tokens.": EMBEDDINGS,
    "chat.": LANGUAGE_MODEL,
    "text_hidden_fcs.": PROJECTION,
    "sam2.language_decoder.": MASK_DECODER,
    "sam2.layers.mask_decoder.": MASK_DECODER,
    "sam2.layers.vision_encoder.": IMAGE_ENCODER,
    "sam2.": MEMORY,
}
"""What the names of the parameters of each part begin with; the first that fits decides."""

_OWN_DECODER = "sam2.layers.mask_decoder."

BASE, FIRST, SECOND = ".base_layer.", ".lora_A.default.", ".lora_B.default."
"""How peft names, within an adapted layer, its own weights and those of the adapter."""


@dataclass(frozen=True)
class Counted:
    """How many numbers of a part there are.

    Attributes:
        trained: those that are trained, adapters included.
        frozen: those that stay.
    """

    trained: int
    frozen: int


def part_of(name: str, *, two_pass: bool) -> str:
    """The part of a parameter, by its name; with a second decoder, SAM 2's own belongs to the memory."""
    if two_pass and name.startswith(_OWN_DECODER):
        return MEMORY
    return next(part for prefix, part in _PREFIXES.items() if name.startswith(prefix))


def prepare(network: Sa2VANetwork, recipe: Recipe) -> None:
    """Freezes what is not trained and adds adapters; what is trained is float32 from here on.

    With gradient checkpointing the language model's layers are told to compute their activations twice.

    Raises:
        ModelError: the language model has no linear layers to adapt.
    """
    two_pass = network.sam2.language_decoder is not None
    if recipe.parts.get(LANGUAGE_MODEL) == LORA:
        _adapt(network, recipe.lora)
    for name, parameter in network.named_parameters():
        adapter = FIRST in name or SECOND in name
        trained = adapter or recipe.parts.get(part_of(name, two_pass=two_pass)) == FULL
        parameter.requires_grad_(trained)
        if trained:
            parameter.data = parameter.data.float().clone()  # not a view of the checkpoint's file
    if recipe.gradient_checkpointing:
        _recompute(network.chat.language_model)


def _recompute(model: Any) -> None:
    """Turns gradient checkpointing on, by the name that this release of transformers has for it."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def _adapt(network: Sa2VANetwork, lora: Lora) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    model = network.chat.language_model
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not name.endswith("lm_head")
    ]
    if not layers:
        raise ModelError("the language model has no linear layers that adapters could be added to")
    config = LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, bias="none", target_modules=layers
    )
    inject_adapter_in_model(config, model)


@contextmanager
def as_used(network: Sa2VANetwork, dtypes: Mapping[str, torch.dtype]) -> Iterator[Sa2VANetwork]:
    """The network in the precision that it will run in, where what is trained is rounded; and back.

    Between a layer in bfloat16 and one in float32 nothing is cast but in training.

    Args:
        network: is changed in place, and has its numbers again afterwards.
        dtypes: by group; what makes masks stays float32, as while it is trained.
    """
    kept = []
    for name, parameter in network.named_parameters():
        group = group_of(name)
        if group != SAM2 and parameter.is_floating_point() and parameter.dtype != dtypes[group]:
            kept.append((parameter, parameter.data))
            parameter.data = parameter.data.to(dtypes[group])
    try:
        yield network
    finally:
        for parameter, data in kept:
            parameter.data = data


def trained_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The parameters that are trained, by the names they have now; tied ones once."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def count(network: Sa2VANetwork) -> dict[str, Counted]:
    """How many numbers of each part are trained."""
    two_pass = network.sam2.language_decoder is not None
    found: dict[str, list[int]] = {}
    for name, parameter in network.named_parameters():
        numbers = found.setdefault(part_of(name, two_pass=two_pass), [0, 0])
        numbers[not parameter.requires_grad] += parameter.numel()
    return {part: Counted(*numbers) for part, numbers in found.items()}


def frozen_modules(network: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules of which nothing is trained."""
    for child in network.children():
        if any(p.requires_grad for p in child.parameters()):
            yield from frozen_modules(child)
        else:
            yield child
