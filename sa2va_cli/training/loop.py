"""How the demo network is trained: its schedule and its batches, for the trainer that all training shares.

The state of a run is one file, ``state.pt``, written aside and renamed, so a run that is killed loses at
most the steps since the last one. Every batch is a function of its number, so a resumed run sees what an
unbroken one would have seen.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from sa2va_cli.training.objective import Objective
from sa2va_cli.training.run_files import RunFiles
from sa2va_cli.training.samples import Batch, Sample, collate
from sa2va_cli.training.trainer import Plan, Trainer

STATE_FILE, LOG_FILE = "state.pt", "log.jsonl"

_TOLD_EVERY = 10
"""Steps between two lines of the log."""


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
    *,
    workers: int = 1,
    report: Callable[[str], None] = lambda line: print(line, flush=True),  # noqa: T201
) -> None:
    """Trains until the plan's end, from the folder's state if there is one.

    Args:
        objective: what is trained, in place.
        source: of the batches.
        plan: how long and how fast.
        folder: where ``state.pt`` and ``log.jsonl`` are kept.
        device: to train on; bfloat16 autocast is used on both CPU and GPU.
        workers: processes that draw batches.
        report: takes one line of progress now and then.
    """
    objective.to(device).train()
    trainer = Trainer(
        objective,
        _optimiser(objective, plan),
        lambda steps: _batches(objective, source, steps, device, workers),
        Plan(
            plan.steps,
            plan.rate,
            plan.max_norm,
            1,
            plan.save_every,
            _TOLD_EVERY,
            bf16=True,
            diverged=math.inf,
        ),
        RunFiles(folder, STATE_FILE, LOG_FILE),
        objective.state_dict,
        key="objective",
    )
    trainer.resume(device)
    trainer.run(_Lines(trainer, report))


class _Lines:
    """Tells a line now and then, with running means of the losses."""

    def __init__(self, trainer: Trainer[Batch], report: Callable[[str], None]) -> None:
        self._trainer, self._report = trainer, report

    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
        """See ``trainer.Watch``."""
        if done % _TOLD_EVERY == 0:
            means = "  ".join(f"{name} {value:.3f}" for name, value in self._trainer.losses.means.items())
            pace, left = 1 / line["samples_per_second"], line["seconds_left"] / 60
            self._report(f"step {done}/{steps}  {means}  {pace:.2f} s/step, {left:.0f} min left")

    def ends(self) -> bool:
        """See ``Watch``."""
        return False

    def saved(self, done: int) -> None:
        """See ``trainer.Watch``."""


def _optimiser(objective: Objective, plan: Schedule) -> torch.optim.Optimizer:
    trained = [p for p in objective.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": plan.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.peak_rate, betas=(0.9, 0.98))


class _Numbered(Dataset[Batch]):
    """The batches of a range, made in the loader's worker."""

    def __init__(self, objective: Objective, source: BatchSource, numbers: range) -> None:
        self.chat = objective.network.chat
        self.input_size = objective.network.sam2.input_size
        self.source, self.numbers = source, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, item: int) -> Batch:
        return collate(self.source.batch(self.numbers[item]), self.chat, self.input_size)


def _batches(
    objective: Objective, source: BatchSource, numbers: range, device: torch.device, workers: int
) -> Iterator[list[Batch]]:
    """Makes batches ahead in processes of their own, as drawing them is Python's work; in their order."""
    dataset = _Numbered(objective, source, numbers)
    loader = DataLoader(
        dataset,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4,
        multiprocessing_context="fork",
    )
    for batch in _forked(loader):
        yield [batch.to(device)]


def _forked(loader: "DataLoader[Batch]") -> Iterator[Batch]:
    """Starts the processes, each with one thread of OpenCV's, as there is one for each core to be used.

    It is said before they are forked: of OpenCV's threads only the memory is inherited, so that one of them
    would wait for ever for those that it is told to end.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return iter(loader)
    finally:
        cv2.setNumThreads(threads)


def restore(objective: Objective, folder: Path) -> int:
    """Loads what a run has learned so far into ``objective``, on the CPU; returns the run's step."""
    state = torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True)
    objective.load_state_dict(state["objective"])
    return int(state["step"])
