"""What one training is: a model, data sets, a recipe, a folder, and the processes that share the work.

Knows nothing about how it is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from sa2va_cli.checkpoints.conversion import LayoutName
from sa2va_cli.checkpoints.parts import LM
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.training.examples import Source
from sa2va_cli.training.parallel import ALONE, Processes
from sa2va_cli.training.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """What is trained, on what, and how.

    Attributes:
        base: what people call the model that is begun with.
        folder: where it is.
        sources: data sets.
        named: what people call each of them, to know the run again.
        recipe: of the training.
        out: folder of the new model.
        to: its layout.
        device: to train on.
        dtypes: of what stays frozen, by ``lm`` and ``vit``; SAM 2 and all that is trained are float32.
        processes: that train together; the device is this one's.
        sharded: whether they divide the language model's weights among them; else each has all of them.
    """

    base: str
    folder: Path
    sources: Sequence[Source] = field(repr=False)
    named: Sequence[str]
    recipe: Recipe
    out: Path
    to: LayoutName
    device: torch.device
    dtypes: Mapping[str, torch.dtype]
    processes: Processes = ALONE
    sharded: bool = False

    @property
    def bf16(self) -> bool:
        """Whether work is done in bfloat16."""
        return self.dtypes[LM] == torch.bfloat16


def check_job(job: Job) -> None:
    """Refuses what cannot work on the devices.

    Raises:
        UsageError: the processes cannot share a step's examples or the weights, or 8 bits are asked of a
            processor.
    """
    if job.sharded:
        _check_sharded(job)
    if job.recipe.optimiser.eight_bit and job.device.type != "cuda":
        raise UsageError(
            f"optimiser.eight_bit works on a GPU (cuda), not on {job.device.type}; leave it out of the recipe"
        )
    examples = job.recipe.batch * job.recipe.accumulate
    if job.processes.count > examples:
        raise UsageError(
            f"{job.processes.count} processes cannot share the {examples} samples of a step; give more with "
            f"{parameter('batch')} or {parameter('accumulate')}, or start at most {examples} processes"
        )


def _check_sharded(job: Job) -> None:
    """Refuses what FSDP cannot do here."""
    count, examples = job.processes.count, job.recipe.batch * job.recipe.accumulate
    if count == 1:
        raise UsageError(
            f"{parameter('fsdp')} divides weights among processes, and there is one; start several with "
            "torchrun or accelerate launch, or leave it out"
        )
    if examples % count:
        raise UsageError(
            f"with {parameter('fsdp')} each process must have as many samples of a step as the others, and "
            f"{count} cannot share {examples} so; change {parameter('batch')} or {parameter('accumulate')}"
        )
    if job.recipe.optimiser.eight_bit:
        raise UsageError(
            f"optimiser.eight_bit does not work with {parameter('fsdp')}, which divides the optimiser; leave "
            "one of them out"
        )
