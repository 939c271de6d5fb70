"""A language model's weights divided among the processes of a training, by torch's FSDP.

Every process keeps a part of each weight, of its gradient and of the optimiser's means. A layer is put
together when its turn comes, all else of the language model for the length of a pass. The vision encoder and
SAM 2 stay whole in every process: how often a pass calls them depends on its pictures, and what is put
together must be so by all processes alike, and equally often. Knows nothing about losses or files.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from sa2va_cli.errors import ModelError
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.recipe import EMBEDDINGS, LANGUAGE_MODEL
from sa2va_cli.training.trained_parts import part_of


def shard(objective: nn.Module, network: Sa2VANetwork, device: torch.device, count: int) -> None:
    """Divides the language model of a network and moves everything to a device.

    Gradients of what is divided are summed by every backward pass, as ``Processes`` sums the others.

    Args:
        objective: whose every pass begins with its ``forward`` and calls each layer once.
        network: that it trains, prepared, and the same in all processes.
        device: of this process.
        count: of processes.

    Raises:
        ModelError: the language model has no list of layers.
    """
    mesh = init_device_mesh(device.type, (count,))
    whole = set()
    for name, parameter in network.named_parameters():
        if not may_be_divided(name):
            parameter.data = parameter.data.to(device)
            whole.add(parameter)
    for layer in _layers(network):
        _summing(fully_shard(layer, mesh=mesh))
    _summing(fully_shard(objective, mesh=mesh, ignored_params=whole))


def _summing(module: FSDPModule) -> None:
    module.set_force_sum_reduction_for_comms(enable=True)  # gloo has no means
    module.set_gradient_divide_factor(1.0)


def _layers(network: Sa2VANetwork) -> nn.ModuleList:
    model: Any = network.chat.language_model
    layers = getattr(getattr(model, "model", model), "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise ModelError("the language model has no list of layers that could be divided")
    return layers


def may_be_divided(name: str) -> bool:
    """Whether a parameter of this name is one of those that are divided: of the language model."""
    return part_of(name, two_pass=False) in {LANGUAGE_MODEL, EMBEDDINGS}


def is_divided(tensor: Tensor) -> bool:
    """Whether this process has a part of it only."""
    return isinstance(tensor, DTensor)


def own_part(tensor: Tensor) -> Tensor:
    """What this process has of a tensor: the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def put_together(value: Any, *, keep: bool) -> Any:
    """Tensors with the parts of all processes, which must ask at the same time.

    Args:
        value: a tensor, or mappings and lists of such and of other values, which stay what they are.
        keep: whether this process wants what was divided; it gets it in main memory, else empty tensors.
    """
    if isinstance(value, DTensor):
        together = value.full_tensor().detach()
        return together.cpu() if keep else together.new_empty(0)
    if isinstance(value, Mapping):
        return {key: put_together(one, keep=keep) for key, one in value.items()}
    if isinstance(value, list):
        return [put_together(one, keep=keep) for one in value]
    return value


def divided_like(value: Tensor, like: Tensor) -> Tensor:
    """Of a whole tensor, which every process has, what belongs to a part of another; else all of it."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def optimiser_state_divided(state: Mapping[str, Any], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimiser, of whole tensors, as an optimiser of divided ones can load it."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    divided = {
        number: {
            name: divided_like(one, parameters[number]) if _shaped(one) else one for name, one in kept.items()
        }
        for number, kept in state["state"].items()
    }
    return {**state, "state": divided}


def _shaped(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0


def gathered_bytes(network: nn.Module) -> int:
    """The most that is put together at a time: all that is in no layer, and a layer with the next one."""
    groups = [module for module in network.modules() if isinstance(module, FSDPModule)]
    layers = sorted((sum(_divided_bytes(group)) for group in groups), reverse=True)
    return sum(_divided_bytes(network)) - sum(layers) + sum(layers[:2])


def _divided_bytes(module: nn.Module) -> Iterator[int]:
    return (p.numel() * p.element_size() for p in module.parameters() if is_divided(p))
