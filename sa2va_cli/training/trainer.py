"""Steps of an optimiser, from checkpoint to checkpoint: deterministic, resumable, stopped by bad losses.

What is trained is any module that gives losses for an example; what an example is, is its own business. Every
example and every random number follows from the number of the step, so a run that was killed goes on as if
it had not been. Knows nothing about networks, data or words.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from sa2va_cli.errors import ModelError
from sa2va_cli.training.parallel import ALONE, Processes
from sa2va_cli.training.run_files import RunFiles, State
from sa2va_cli.training.sharding import divided_like, optimiser_state_divided, put_together

ExampleT = TypeVar("ExampleT")

Ahead = Callable[[range], Iterator[list[ExampleT]]]
"""Gives the examples of each of some steps."""

_MEMORY = 0.9
"""How much of the mean of losses is that of the steps before."""

_GRACE = 20
"""Steps before which a loss cannot have diverged."""


class Watch(Protocol):
    """Looks at a run from outside."""

    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
        """Is told the losses, the rate and the pace after a step."""
        ...

    def saved(self, done: int) -> None:
        """Is told that a checkpoint of so many steps was written."""
        ...

    def ends(self) -> bool:
        """Whether the run is to end after this step; asked after each, unless several processes make it."""
        ...


@dataclass(frozen=True)
class Plan:
    """How a run goes.

    Attributes:
        steps: of the optimiser, in all.
        rate: the learning rate of a step, counted from 0.
        max_norm: gradients are clipped to this norm.
        accumulate: examples of one step, whose gradients are averaged.
        save_every: steps between two checkpoints.
        log_every: steps between two lines of the table.
        seed: of torch's random numbers, step by step; None to leave them alone.
        bf16: whether work is done in bfloat16 where torch finds that safe.
        diverged: see ``Recipe``; None for never.
    """

    steps: int
    rate: Callable[[int], float]
    max_norm: float
    accumulate: int = 1
    save_every: int = 100
    log_every: int = 1
    seed: int | None = None
    bf16: bool = False
    diverged: float | None = None


@dataclass
class Losses:
    """Running means of the losses, and whether they are still those of a run that learns.

    Attributes:
        means: by name.
        lowest: the lowest mean of the total so far.
    """

    means: dict[str, float] = field(default_factory=dict)
    lowest: float = math.inf

    def add(self, losses: Mapping[str, float]) -> None:
        """Takes the losses of a step."""
        for name, value in losses.items():
            self.means[name] = _MEMORY * self.means.get(name, value) + (1 - _MEMORY) * value
        self.lowest = min(self.lowest, self.means["total"])


class StoppedError(ModelError):
    """Training stopped by itself; what was learned before is kept."""


class EndedError(Exception):
    """The watch wanted the run to end; all steps that were made are kept."""


class Trainer(Generic[ExampleT]):
    """Trains a module.

    Args:
        objective: called with an example it gives losses by name, ``total`` among them.
        optimiser: of what is trained.
        ahead: gives the examples of each of some steps, in their order; see ``made_ahead``.
        plan: how the run goes.
        files: where it is kept.
        learned: gives what is trained by name, as a state dict; loaded into the same tensors.
        key: of what is trained, in the state.
        processes: that make the steps together; ``ahead`` gives this one's share of the examples.
    """

    def __init__(
        self,
        objective: nn.Module,
        optimiser: torch.optim.Optimizer,
        ahead: Ahead[ExampleT],
        plan: Plan,
        files: RunFiles,
        learned: Callable[[], Mapping[str, Tensor]],
        key: str = "learned",
        processes: Processes = ALONE,
    ) -> None:
        self.objective, self.optimiser, self.ahead = objective, optimiser, ahead
        self.plan, self.files, self.learned, self._key = plan, files, learned, key
        self._processes = processes
        self.done = 0
        self.saved = -1
        self.losses = Losses()
        self.extra: State = {}

    def resume(self, device: torch.device) -> int:
        """Goes back to the last checkpoint, if there is one; returns how many steps were made.

        Raises:
            InputError: it is damaged, or of another training.
        """
        state = self.files.load(device)
        if state is not None:
            try:
                self._go_back(state)
            except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                raise self.files.unusable() from error
        self._processes.wait()  # until everyone has read what the first one changes
        if self._processes.first:
            self.files.forget_after(self.done)
        return self.done

    def _go_back(self, state: Mapping[str, Any]) -> None:
        self.restore(state)
        self.optimiser.load_state_dict(optimiser_state_divided(state["optimiser"], self.optimiser))
        self.done = self.saved = int(state["step"])
        self.losses = Losses(dict(state.get("means", {})), float(state.get("lowest", math.inf)))
        self.extra = dict(state.get("extra", {}))

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes what a state has learned."""
        for name, tensor in self.learned().items():
            tensor.copy_(divided_like(state[self._key][name], tensor))

    def save(self) -> None:
        """Writes a checkpoint; of several processes the first does, with the parts that all have.

        Raises:
            OutputError: the disk is full, or the like; the one before is still there.
        """
        state = {
            "step": self.done,
            self._key: {name: tensor.detach() for name, tensor in self.learned().items()},
            "optimiser": self.optimiser.state_dict(),
            "means": self.losses.means,
            "lowest": self.losses.lowest,
            "extra": self.extra,
        }
        state = put_together(state, keep=self._processes.first)
        if self._processes.first:
            self.files.save(state)
        self.saved = self.done

    def run(self, watch: Watch, until: int | None = None) -> None:
        """Makes steps until the plan's end, or until so many are made.

        Raises:
            EndedError: the watch wanted it.
            StoppedError: a loss is no number, or has grown out of all proportion.
            OutputError: a checkpoint cannot be written.
        """
        end = self.plan.steps if until is None else min(until, self.plan.steps)
        first, began = self.done, time.monotonic()
        for examples in self.ahead(range(self.done, end)):
            line = self._step(examples)
            self.done += 1
            pace = (time.monotonic() - began) / (self.done - first)
            line |= {"samples_per_second": round(self.plan.accumulate / pace, 3)}
            if self._processes.first and (self.done % self.plan.log_every == 0 or self.done == end):
                self.files.log({"step": self.done, **line})
            watch.stepped(
                {**line, "seconds_left": pace * (self.plan.steps - self.done)}, self.done, self.plan.steps
            )
            ends = self._processes.count == 1 and watch.ends()
            if ends or self.done % self.plan.save_every == 0 or self.done == end:
                self.save()
                watch.saved(self.done)
            if ends:
                raise EndedError

    def try_step(self, step: int) -> dict[str, Any]:
        """Makes one step without any trace in the files, to see how long it takes."""
        return self._step(next(iter(self.ahead(range(step, step + 1)))))

    def _step(self, examples: list[ExampleT]) -> dict[str, Any]:
        plan, rate = self.plan, self.plan.rate(self.done)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        told: list[tuple[int, dict[str, float]]] = []
        for place, example in zip(self._processes.share(plan.accumulate), examples, strict=True):
            if plan.seed is not None:
                torch.manual_seed((plan.seed * 1_000_003 + self.done) * plan.accumulate + place)
            with self.precision():
                losses: dict[str, Tensor] = self.objective(example)
            (losses["total"] / plan.accumulate).backward()
            told.append((place, {name: float(value.detach()) for name, value in losses.items()}))
        sums = self._mean(told)
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._processes.sum_gradients(parameters)
        norm = self._processes.clip_gradients(parameters, plan.max_norm)
        self._check(sums["total"], norm)
        self.optimiser.step()
        self.losses.add(sums)
        self._check_means()
        return {**sums, "rate": rate, "norm": norm}

    def _mean(self, told: list[tuple[int, dict[str, float]]]) -> dict[str, float]:
        """The losses of a step, added up in the order of its examples whoever has made them."""
        sums: dict[str, float] = {}
        everything = [one for some in self._processes.gathered(told) for one in some]
        for _, losses in sorted(everything, key=lambda one: one[0]):
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value / self.plan.accumulate
        return sums

    def precision(self) -> Any:
        """A context in which the objective is called."""
        if not self.plan.bf16:
            return nullcontext()
        device = next(self.objective.parameters()).device.type
        return torch.autocast(device, torch.bfloat16)

    def _check(self, total: float, norm: float) -> None:
        if self.plan.diverged is None:
            return
        if not (math.isfinite(total) and math.isfinite(norm)):
            what = f"the loss became {total}" if not math.isfinite(total) else f"the gradient became {norm}"
            raise StoppedError(f"{what} at step {self.done + 1}")

    def _check_means(self) -> None:
        mean, most = self.losses.means["total"], self.plan.diverged
        if most is not None and self.done >= _GRACE and mean > most * self.losses.lowest + 1:
            raise StoppedError(
                f"the loss rose to {mean:.3g} at step {self.done + 1}, "
                f"after it was down to {self.losses.lowest:.3g}"
            )


def made_ahead(
    example: Callable[[int], ExampleT], accumulate: int, processes: Processes = ALONE
) -> Ahead[ExampleT]:
    """Makes examples by their numbers, those of the next step while this one's are learned.

    Args:
        example: makes one.
        accumulate: how many a step has.
        processes: that share them.
    """

    def of(step: int) -> list[ExampleT]:
        return [example(step * accumulate + place) for place in processes.share(accumulate)]

    def ahead(steps: range) -> Iterator[list[ExampleT]]:
        with ThreadPoolExecutor(1, thread_name_prefix="sa2va-examples") as thread:
            waiting = [thread.submit(of, step) for step in steps[:1]]
            for step in steps:
                ready = waiting.pop().result()
                if step + 1 in steps:
                    waiting.append(thread.submit(of, step + 1))
                yield ready

    return ahead
