"""Several processes that make each step together: everyone takes a share of its examples.

``torchrun`` and ``accelerate launch`` start them and tell each, in its environment, which one it is;
accelerate finds the devices and connects them. Gradients are summed once a step, so what is learned is what
one process would have learned. Knows nothing about networks or files.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, nn

from sa2va_cli.training.sharding import is_divided, own_part

ValueT = TypeVar("ValueT")

_PATIENCE = timedelta(hours=12)
"""How long processes wait for the first one, which alone validates and writes."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, as one of them sees them.

    Attributes:
        index: which of them this is; the first one alone writes files and speaks.
        count: how many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.index == 0

    def share(self, total: int) -> range:
        """Which of so many examples of a step are this process's."""
        return range(self.index, total, self.count)

    def gathered(self, value: ValueT) -> list[ValueT]:
        """What every process has given, in their order."""
        if self.count == 1:
            return [value]
        found = [value] * self.count
        torch.distributed.all_gather_object(found, value)
        return found

    def of_first(self, make: Callable[[], ValueT]) -> ValueT:
        """What the first process makes, for all of them."""
        made = make() if self.first else None
        return next(one for one in self.gathered(made) if one is not None)

    def wait(self) -> None:
        """Returns when all have come here."""
        self.gathered(self.index)

    def leave(self) -> None:
        """Returns when all have come to their end; the last thing that a process does with the others.

        One that ends while another still waits for the last numbers of it leaves that one with a broken
        connection: Gloo may not have sent them. So the end is told through the store that the processes met
        at, which the first of them may keep and which lives until all have read that all are there.
        """
        if self.count == 1:
            return
        from torch.distributed.distributed_c10d import PrefixStore, _get_default_store

        store = PrefixStore("sa2va leaving", _get_default_store())
        for word in ("here", "gone"):
            store.set(f"{word} {self.index}", "")
            if word == "here" or self.first:
                store.wait([f"{word} {index}" for index in range(self.count)], _PATIENCE)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Makes each gradient the sum of those of all processes.

        A parameter that no process has a gradient of keeps none, as the optimiser passes it over then. What
        is divided among the processes has its sum already.
        """
        parameters = [p for p in parameters if not is_divided(p)]
        if self.count == 1 or not parameters:
            return
        device = parameters[0].device
        reached = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32, device=device)
        torch.distributed.all_reduce(reached)
        for parameter in (p for p, times in zip(parameters, reached.tolist(), strict=True) if times):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)

    def clip_gradients(self, parameters: Sequence[nn.Parameter], max_norm: float) -> float:
        """Scales gradients, which are summed, down to a norm; returns what it was."""
        if not any(is_divided(p) for p in parameters):
            return float(torch.nn.utils.clip_grad_norm_(parameters, max_norm))
        gradients = [p.grad for p in parameters if p.grad is not None]
        divided = [own_part(one) for one in gradients if is_divided(one)]
        whole = [one for one in gradients if not is_divided(one)]
        square = torch.nn.utils.get_total_norm(divided).square()
        torch.distributed.all_reduce(square)
        norm = float((square + torch.nn.utils.get_total_norm(whole).to(square).square()).sqrt())
        if norm > max_norm:
            for one in (*divided, *whole):
                one.mul_(max_norm / norm)
        return norm

    def same(self, tensors: Sequence[Tensor]) -> None:
        """Makes tensors those of the first process, in place."""
        if self.count > 1:
            for tensor in tensors:
                torch.distributed.broadcast(tensor, 0)


ALONE = Processes()
"""One process without others."""


def asked_to_shard() -> bool:
    """Whether ``accelerate launch --use_fsdp``, or the file of ``accelerate config``, asks for FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() in {"1", "true", "yes"}


def launched() -> int:
    """How many processes a launcher has started; 1 without any."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def joined(device: torch.device) -> tuple[Processes, torch.device]:
    """Connects this process with the others, if there are any.

    Args:
        device: that was chosen; of several GPUs each process gets its own.

    Returns:
        the processes, and the device of this one.
    """
    if launched() == 1:
        return ALONE, device
    from accelerate import PartialState

    state = PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
    own = device if device.type == "cpu" else state.device
    return Processes(state.process_index, state.num_processes), own
