"""What a run of the demo network takes from other runs and checkpoints, and what it leaves as it is.

Knows nothing about batches and schedules.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from sa2va_cli.checkpoints.files import WEIGHTS_FILE
from sa2va_cli.training.loop import STATE_FILE
from sa2va_cli.training.objective import Objective

EYES = ("network.sam2.", "readouts.grounding.", "readouts.tracked.")
"""What the stage ``eyes`` trains, by the beginnings of its parameters' names; ``words`` trains the rest."""

PROMPTS = (
    "network.sam2.layers.prompt_encoder.point_embed.",
    "network.sam2.layers.prompt_encoder.mask_embed.",
    "network.sam2.layers.mask_decoder.output_hypernetworks_mlps.0.",
)
"""What the stage ``prompts`` trains: what no language query ever meets."""


def take(objective: Objective, runs: Sequence[Path], *, eyes: bool) -> None:
    """Takes from other runs what their stage has trained: the mean of it, where there are several.

    Weights of one run at the ends of two falls of its rate lie in one valley, and their mean is often better
    than either (Izmailov et al., "Averaging weights leads to wider optima", 2018).
    """
    states = [torch.load(r / STATE_FILE, map_location="cpu", weights_only=True)["objective"] for r in runs]
    taken = {name: [state[name] for state in states] for name in states[0] if name.startswith(EYES) == eyes}
    means = {name: torch.stack(each).float().mean(0).to(each[0].dtype) for name, each in taken.items()}
    objective.load_state_dict(means, strict=False)


def train_only(objective: Objective, stage: str) -> None:
    """Leaves everything as it is but what the stage ``eyes``, ``words`` or ``prompts`` trains."""
    for name, parameter in objective.named_parameters():
        trained = (
            name.startswith(PROMPTS) if stage == "prompts" else name.startswith(EYES) == (stage == "eyes")
        )
        parameter.requires_grad_(trained)


def freeze(objective: Objective, beginnings: Sequence[str]) -> None:
    """Leaves the parameters as they are whose names begin in these ways.

    Raises:
        ValueError: one of them begins no name.
    """
    for beginning in beginnings:
        chosen = [p for name, p in objective.named_parameters() if name.startswith(beginning)]
        if not chosen:
            raise ValueError(f"no parameter's name begins with {beginning!r}")
        for parameter in chosen:
            parameter.requires_grad_(False)


def take_network(objective: Objective, checkpoint: Path) -> None:
    """Takes the whole network of a checkpoint, to go on from it; readouts start anew.

    The checkpoint's language model may have fewer layers, see ``deepened``.
    """
    layers = len(objective.network.chat.language_model.model.layers)
    tensors = deepened(load_file(checkpoint / WEIGHTS_FILE), layers)
    taken = {f"network.{k}": v.float() for k, v in tensors.items()}
    positions = taken["network.sam2.layers.shared_image_embedding.positional_embedding"]
    taken["network.sam2.layers.prompt_encoder.shared_embedding.positional_embedding"] = positions
    objective.load_state_dict(taken, strict=False)


_LAYER = re.compile(r"(chat\.language_model\.model\.layers\.)(\d+)(\..+)")

_ADDS_TO_THE_STREAM = ("o_proj.weight", "down_proj.weight")


def deepened(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The same network with more layers of the language model, which says exactly the same at first.

    A new layer is the one before it, evenly spread (Gong et al., "Efficient training of BERT by progressively
    stacking", 2019), but adds nothing to the residual stream until it has learned to (Chen et al., "Net2Net",
    2016).

    Args:
        tensors: of a checkpoint, by name.
        layers: at least as many as it has.
    """
    found = {name: _LAYER.fullmatch(name) for name in tensors}
    had = 1 + max(int(match[2]) for match in found.values() if match)
    sources = [place * had // layers for place in range(layers)]
    grown: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if (match := found[name]) is None:
            grown[name] = tensor
            continue
        places = [place for place, number in enumerate(sources) if number == int(match[2])]
        for place in places:
            silent = place != places[0] and name.endswith(_ADDS_TO_THE_STREAM)
            grown[f"{match[1]}{place}{match[3]}"] = torch.zeros_like(tensor) if silent else tensor
    return grown


def take_encoders(objective: Objective, checkpoint: Path) -> None:
    """Takes the two image encoders of a checkpoint, to begin with eyes that have seen something."""
    tensors = load_file(checkpoint / WEIGHTS_FILE)
    encoders = ("chat.vision_model.", "sam2.layers.vision_encoder.")
    taken = {f"network.{k}": v.float() for k, v in tensors.items() if k.startswith(encoders)}
    objective.load_state_dict(taken, strict=False)
