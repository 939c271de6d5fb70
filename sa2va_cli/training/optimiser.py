"""The optimiser of a fine-tuning: AdamW of all that is trained.

Knows nothing about losses or steps.
"""

from typing import Any

import torch

from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.recipe import Recipe
from sa2va_cli.training.sharding import may_be_divided
from sa2va_cli.training.trained_parts import trained_tensors


def make_optimiser(network: Sa2VANetwork, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW of all that is trained; in 8 bits if the recipe says so.

    What may be divided among processes is a group of its own, even if it is not: a run's state fits both.

    Raises:
        UsageError: bitsandbytes is not there.
    """
    trained = trained_tensors(network)
    divisible = [p for name, p in trained.items() if may_be_divided(name)]
    others = [p for name, p in trained.items() if not may_be_divided(name)]
    groups = [{"params": group} for group in (divisible, others) if group]
    options: dict[str, Any] = {
        "lr": recipe.optimiser.rate,
        "betas": recipe.optimiser.betas,
        "weight_decay": recipe.optimiser.weight_decay,
    }
    if not recipe.optimiser.eight_bit:
        # Fused, it needs no memory beside its means.
        fused = all(p.device.type in ("cpu", "cuda") for p in trained.values())
        return torch.optim.AdamW(groups, **options, fused=fused)
    from sa2va_cli.runtime.extras import QUANT, require

    require(QUANT, "optimiser.eight_bit")
    from bitsandbytes.optim import AdamW8bit

    made: torch.optim.Optimizer = AdamW8bit(groups, **options)
    return made
