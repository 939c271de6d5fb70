"""Linear layers of a language model in 8 or 4 bits, with bitsandbytes.

Layers are replaced before they have numbers, so that each weight is quantised when it arrives and they are
never held in full at once. Knows nothing about files.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

OUTLIER = 6.0
"""From which value on a channel of the input is kept out of the eight bits (LLM.int8, section 3.2)."""

Quantise = Callable[[Tensor, torch.device], nn.Parameter]
"""Makes the weight of one layer of numbers on the processor; on a device."""


def prepare_layers(language_model: nn.Module, scheme: str, dtype: torch.dtype) -> dict[str, Quantise]:
    """Replaces every linear layer but the output layer.

    Args:
        language_model: with parameters on the meta device.
        scheme: ``8bit`` (LLM.int8, Dettmers et al. 2022) or ``4bit`` (NF4 with quantised scales, QLoRA,
            Dettmers et al. 2023).
        dtype: what the layers take and give.

    Returns:
        What makes the weight of each of them, by the parameter's name.
    """
    make = {"8bit": _eight_bits, "4bit": _four_bits}[scheme]
    makers = {}
    for name, layer in list(language_model.named_modules()):
        if type(layer) is nn.Linear and not name.endswith("lm_head"):
            path, _, leaf = name.rpartition(".")
            replaced, quantise = make(layer, dtype)
            setattr(language_model.get_submodule(path), leaf, replaced)
            makers[f"{name}.weight"] = quantise
    return makers


def _eight_bits(layer: nn.Linear, dtype: torch.dtype) -> tuple[Any, Quantise]:
    from bitsandbytes.nn import Int8Params, Linear8bitLt

    del dtype  # follows that of what is put in
    sides = layer.in_features, layer.out_features
    replaced = Linear8bitLt(
        *sides, layer.bias is not None, has_fp16_weights=False, threshold=OUTLIER, device="meta"
    )

    def quantise(weight: Tensor, device: torch.device) -> nn.Parameter:
        return Int8Params(weight, requires_grad=False, has_fp16_weights=False).to(device)

    return replaced, quantise


def _four_bits(layer: nn.Linear, dtype: torch.dtype) -> tuple[Any, Quantise]:
    from bitsandbytes.nn import Linear4bit, Params4bit

    sides = layer.in_features, layer.out_features
    replaced = Linear4bit(
        *sides, layer.bias is not None, compute_dtype=dtype, quant_type="nf4", device="meta"
    )
    make = partial(Params4bit, requires_grad=False, quant_type="nf4", module=replaced)

    def quantise(weight: Tensor, device: torch.device) -> nn.Parameter:
        return make(weight).to(device)

    return replaced, quantise
