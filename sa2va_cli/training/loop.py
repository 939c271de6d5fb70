"""The training loop: deterministic, resumable, indifferent to what the samples are.

The state of a run is one file, ``state.pt``, written aside and renamed, so a run that is killed loses at
most the steps since the last one. Every batch is a function of its number, so a resumed run sees what an
unbroken one would have seen.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sa2va_cli.training.objective import Objective
from sa2va_cli.training.samples import Batch, Sample, collate

STATE_FILE = "state.pt"


@dataclass(frozen=True)
class Schedule:
    """How long to train and how fast.

    The rate rises linearly over the warm-up, stays at its peak, and falls linearly to zero over the last
    ``decay_steps`` (warm-up, stable, decay: Hu et al., MiniCPM, 2024), so a run can be prolonged.

    Attributes:
        steps: optimiser steps in all.
        peak_rate: of AdamW.
        warmup_steps: see above.
        decay_steps: see above.
        weight_decay: of AdamW, on matrices only.
        max_norm: gradients are clipped to this norm.
        save_every: steps between two writings of the state.
    """

    steps: int
    peak_rate: float
    warmup_steps: int = 200
    decay_steps: int = 800
    weight_decay: float = 0.05
    max_norm: float = 1.0
    save_every: int = 100

    def rate(self, step: int) -> float:
        """Learning rate of one step, counted from 0."""
        rising = (step + 1) / self.warmup_steps
        falling = (self.steps - step) / max(self.decay_steps, 1)
        return self.peak_rate * max(min(1.0, rising, falling), 0.0)


class BatchSource(Protocol):
    """Gives the samples of a batch by its number, always the same ones."""

    def batch(self, number: int) -> list[Sample]:
        """The samples of batch ``number``."""
        ...


@dataclass(frozen=True)
class Interleaved:
    """The batches of several sources in turn.

    Attributes:
        sources: at least one.
    """

    sources: Sequence[BatchSource]

    def batch(self, number: int) -> list[Sample]:
        """The samples of batch ``number``."""
        round_, which = divmod(number, len(self.sources))
        return self.sources[which].batch(round_)


def train(
    objective: Objective,
    source: BatchSource,
    plan: Schedule,
    folder: Path,
    device: torch.device,
    report: Callable[[str], None] = lambda line: print(line, flush=True),  # noqa: T201
) -> None:
    """Trains until the plan's end, from the folder's state if there is one.

    Args:
        objective: what is trained, in place.
        source: of the batches.
        plan: how long and how fast.
        folder: where ``state.pt`` and ``log.jsonl`` are kept.
        device: to train on; bfloat16 autocast is used on both CPU and GPU.
        report: takes one line of progress now and then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objective.to(device).train()
    optimiser = _optimiser(objective, plan)
    step = _resume(objective, optimiser, folder / STATE_FILE, device)
    started, smoothed = time.monotonic(), _Smoothed()
    for number, batch in _batches(objective, source, range(step, plan.steps)):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate(number)
        losses = _step(objective, optimiser, batch.to(device), plan.max_norm)
        smoothed.add(losses)
        done = number + 1
        if done % 10 == 0:
            pace = (time.monotonic() - started) / (done - step)
            left = pace * (plan.steps - done) / 60
            report(f"step {done}/{plan.steps}  {smoothed}  {pace:.2f} s/step, {left:.0f} min left")
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": done, "rate": plan.rate(number), **smoothed.values}) + "\n")
        if done % plan.save_every == 0 or done == plan.steps:
            _save(objective, optimiser, done, folder / STATE_FILE)


def _step(
    objective: Objective, optimiser: torch.optim.Optimizer, batch: Batch, max_norm: float
) -> dict[str, float]:
    with torch.autocast(batch.token_ids.device.type, torch.bfloat16):
        losses: dict[str, Tensor] = objective(batch)
    optimiser.zero_grad(set_to_none=True)
    losses["total"].backward()
    torch.nn.utils.clip_grad_norm_(objective.parameters(), max_norm)
    optimiser.step()
    return {name: float(loss.detach()) for name, loss in losses.items()}


def _optimiser(objective: Objective, plan: Schedule) -> torch.optim.Optimizer:
    trained = [p for p in objective.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": plan.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.peak_rate, betas=(0.9, 0.98))


class _Numbered(Dataset[tuple[int, Batch]]):
    """The batches of a range, made in the loader's worker."""

    def __init__(self, objective: Objective, source: BatchSource, numbers: range) -> None:
        self.chat = objective.network.chat
        self.input_size = objective.network.sam2.input_size
        self.source, self.numbers = source, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, item: int) -> tuple[int, Batch]:
        number = self.numbers[item]
        return number, collate(self.source.batch(number), self.chat, self.input_size)


def _batches(objective: Objective, source: BatchSource, numbers: range) -> Iterator[tuple[int, Batch]]:
    """Makes batches ahead in one worker process."""
    dataset = _Numbered(objective, source, numbers)
    loader = DataLoader(
        dataset, batch_size=None, num_workers=1, prefetch_factor=4, multiprocessing_context="fork"
    )
    yield from loader


def _save(objective: Objective, optimiser: torch.optim.Optimizer, step: int, path: Path) -> None:
    aside = path.with_suffix(".tmp")
    torch.save(
        {"step": step, "objective": objective.state_dict(), "optimiser": optimiser.state_dict()}, aside
    )
    aside.replace(path)


def _resume(objective: Objective, optimiser: torch.optim.Optimizer, path: Path, device: torch.device) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    objective.load_state_dict(state["objective"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def restore(objective: Objective, folder: Path) -> int:
    """Loads what a run has learned so far into ``objective``, on the CPU; returns the run's step."""
    state = torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True)
    objective.load_state_dict(state["objective"])
    return int(state["step"])


class _Smoothed:
    """Running means of the losses."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def add(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self.values[name] = 0.95 * self.values.get(name, value) + 0.05 * value

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in self.values.items())
