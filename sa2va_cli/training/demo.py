"""Trains the bundled network on the demo world, from nothing or from a checkpoint, in three stages.

    python -m sa2va_cli.training.demo all --out runs/demo
    python -m sa2va_cli.training.demo all --out runs/demo --start sa2va_cli/demo/weights --steps 2000

runs all of them and writes the checkpoint ``runs/demo/weights``. It can be stopped and started again at any
time. Single stages are

    python -m sa2va_cli.training.demo eyes  --out runs/eyes  --steps 3000
    python -m sa2va_cli.training.demo words --out runs/words --steps 3000
    python -m sa2va_cli.training.demo whole --out runs/whole --steps 800 --eyes runs/eyes --words runs/words

``eyes`` is SAM 2, told by a code of names and places whom to segment and track, or shown it by a point or a
box, and corrected by clicks; ``words`` is the chat model, learning to answer and to say that code; neither
needs the other, so they can run side by side. ``whole`` is Sa2VA's own training of both, or with ``--only
eyes`` of SAM 2 alone, told by the chat model as it is. ``prompts`` teaches points, boxes and corrections to a
checkpoint that does not know them, and leaves all that language uses as it is. And

    python -m sa2va_cli.training.demo whole --out runs/whole --export sa2va_cli/demo/weights

puts what it has learned into the package; with ``--eyes`` and ``--words``, what those two have learned.
``docs/demo-model.md`` says what the weights that are shipped can do, ``docs/history/demo-model.md`` how they
came about.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from sa2va_cli.checkpoints.native import save_network
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.demo_network import (
    SAM2_SIZES,
    demo_sizes,
    initialise,
    quieten_prompts,
    train_tokenizer,
)
from sa2va_cli.training.loop import STATE_FILE, BatchSource, Interleaved, Schedule, restore, train
from sa2va_cli.training.meaning import MeaningCode
from sa2va_cli.training.objective import LossWeights, Objective, Readouts
from sa2va_cli.training.park import Mixture, ParkDataset
from sa2va_cli.training.park_drawing import CLASSES, DEEDS, NAMES, PLACES
from sa2va_cli.training.park_targets import ParkTargets
from sa2va_cli.training.transfer import freeze, take, take_encoders, take_network, train_only

QUESTIONS = Mixture(told=9, plain=3, outside=2, asked=6)
"""What ``words`` asks about each picture or clip."""


def run_tokenizer(folder: Path, seed: int, start: Path | None = None) -> PreTrainedTokenizerFast:
    """Loads the tokenizer of a run; a new run takes that of ``start``, or trains one, and keeps it."""
    kept = folder / "tokenizer"
    if kept.exists():
        return PreTrainedTokenizerFast.from_pretrained(kept)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(start) if start else train_tokenizer(seed)
    tokenizer.save_pretrained(kept)
    return tokenizer


def build_objective(tokenizer: PreTrainedTokenizerFast, seed: int) -> Objective:
    """Makes the untrained network with its auxiliary readouts."""
    torch.manual_seed(seed)
    sizes = demo_sizes(len(tokenizer))
    network = Sa2VANetwork(sizes, SAM2_SIZES, tokenizer)
    initialise(network)
    network.chat.language_model.set_attn_implementation("eager")  # so short, it is faster than a fused kernel
    readouts = Readouts(
        sizes.vision["hidden_size"],
        sizes.text["hidden_size"],
        SAM2_SIZES["d_model"],
        CLASSES,
        NAMES,
        1 + len(DEEDS),
    )
    return Objective(network, readouts, MeaningCode(network.sam2, NAMES, PLACES), LossWeights())


def source(stage: str, seed: int, clips_from: int, larger: int = 1) -> BatchSource:
    """The batches of a stage; those of ``fit`` are shown to SAM 2 and told by the chat model in turn.

    Args:
        stage: ``eyes``, ``words``, ``whole``, ``prompts`` or ``fit``.
        seed: decides every sample.
        clips_from: batch from which clips are seen.
        larger: how many times as many samples a batch has: a GPU takes many in the time of one.
    """
    if stage == "eyes":
        return ParkTargets(
            seed,
            stills=12 * larger,
            clip_frames=24 * larger,
            scenery=0.35,
            clip_share=0.45,
            clips_from=clips_from,
        )
    if stage == "fit":
        told = ParkDataset(
            seed,
            mixture=Mixture(told=2, plain=2),
            masked=4,
            stills=10 * larger,
            clip_share=0.6,
            clip_frames=20 * larger,
            clips_from=clips_from,
        )
        return Interleaved((source("eyes", seed, clips_from, larger), told))
    if stage == "prompts":
        return ParkTargets(seed, stills=10 * larger, clip_share=0.0, clicked=1.0, scenery=0.15)
    if stage == "words":
        return ParkDataset(
            seed,
            mixture=QUESTIONS,
            masked=0,
            stills=8 * larger,
            clips=5 * larger,
            clip_share=0.6,
            clip_frames=20 * larger,
            clips_from=clips_from,
            asked_share=0.4,
        )
    return ParkDataset(
        seed,
        mixture=Mixture(told=3, plain=2, outside=1),
        masked=3,
        stills=16 * larger,
        clip_share=0.4,
        clip_frames=20 * larger,
        clips_from=clips_from,
    )


@dataclass(frozen=True)
class Run:
    """One stage in a folder of its own, from its beginning or from where it was stopped.

    Attributes:
        stage: ``eyes``, ``words``, ``whole`` or ``prompts``.
        out: its folder.
        plan: how long and how fast.
        seed: decides the weights' start and every sample.
        start: checkpoint to begin with all of, and with its tokenizer; or None.
        encoders: checkpoint to begin with the image encoders of; or None.
        eyes: runs to begin with what the stage ``eyes`` has learned in them.
        words: the same for ``words``.
        only: of ``whole``: train what this stage does, and not the other.
        clips_from: step from which clips are seen.
        frozen: beginnings of names of parameters that are left as they are.
        larger: how many times as many samples a batch has.
        workers: processes that draw them.
    """

    stage: str
    out: Path
    plan: Schedule
    seed: int = 0
    start: Path | None = None
    encoders: Path | None = None
    eyes: Sequence[Path] = ()
    words: Sequence[Path] = ()
    only: str | None = None
    clips_from: int = 0
    frozen: Sequence[str] = ()
    larger: int = 1
    workers: int = 1

    def objective(self) -> Objective:
        """What is trained, as it was at the beginning."""
        kept = self.words[0] if self.words else self.out
        objective = build_objective(run_tokenizer(kept, self.seed, self.start), self.seed)
        if self.start:
            take_network(objective, self.start)
        if self.stage == "prompts":
            quieten_prompts(objective.network)
            objective.readouts = None
        if self.encoders:
            take_encoders(objective, self.encoders)
        for runs, eyes in ((self.eyes, True), (self.words, False)):
            if runs:
                take(objective, runs, eyes=eyes)
        return objective

    def train(self, device: torch.device) -> None:
        """Trains until the plan's end."""
        objective = self.objective()
        part = self.only if self.stage == "whole" else self.stage
        if part:
            train_only(objective, part)
        freeze(objective, self.frozen)
        asked = "fit" if (self.stage, self.only) == ("whole", "eyes") else self.stage
        batches = source(asked, self.seed, self.clips_from, self.larger)
        train(objective, batches, self.plan, self.out, device, workers=self.workers)

    def export(self, folder: Path) -> None:
        """Writes what was learned so far as a checkpoint."""
        objective = self.objective()
        if (self.out / STATE_FILE).exists() or not (self.eyes and self.words):
            restore(objective, self.out)
        save_network(objective.network, SAM2_SIZES, folder)


def all_runs(
    out: Path,
    seed: int,
    steps: int,
    start: Path | None,
    schedule: Schedule,
    larger: int = 1,
    workers: int = 1,
) -> list[Run]:
    """All stages in their order: ``eyes``, ``words``, then ``eyes`` again told by the chat model as it is.

    Args:
        out: folder of the folders of the runs.
        seed: of all of them.
        steps: of ``eyes`` and of ``words``; the last has a quarter.
        start: checkpoint to go on from; None for nothing.
        schedule: of ``eyes`` and of ``words``; the last has a quarter of its steps and half of its rate.
        larger: see ``Run``.
        workers: see ``Run``.
    """
    eyes, words = out / "eyes", out / "words"
    quarter = replace(
        schedule,
        steps=steps // 4,
        decay_steps=steps // 5,
        peak_rate=schedule.peak_rate / 2,
        warmup_steps=min(schedule.warmup_steps, steps // 20 + 1),
    )
    return [
        Run("eyes", eyes, schedule, seed, start, larger=larger, workers=workers),
        Run("words", words, schedule, seed, start, larger=larger, workers=workers),
        Run(
            "whole",
            out / "fit",
            quarter,
            seed,
            eyes=(eyes,),
            words=(words,),
            only="eyes",
            larger=larger,
            workers=workers,
        ),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the bundled network on the demo world.")
    parser.add_argument("stage", choices=("eyes", "words", "whole", "prompts", "all"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; continued if it exists")
    parser.add_argument("--steps", type=int, default=3_000, help="optimiser steps in all")
    parser.add_argument("--seed", type=int, default=0, help="decides the weights' start and every sample")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--larger", type=int, default=1, metavar="N", help="N times as many samples in a batch, for a GPU"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that draw samples")
    parser.add_argument("--peak-rate", type=float, default=1.5e-3, help="learning rate after the warm-up")
    parser.add_argument("--warmup", type=int, default=60, help="first steps over which the rate rises")
    parser.add_argument("--decay", type=int, default=800, help="last steps over which the rate falls to zero")
    parser.add_argument("--clips-from", type=int, default=0, help="step from which clips are seen")
    parser.add_argument("--encoders", type=Path, help="begin with the image encoders of this checkpoint")
    parser.add_argument("--start", type=Path, help="begin with all of this checkpoint and its tokenizer")
    for stage in ("eyes", "words"):
        learned = f"begin with what this run of the stage `{stage}` has learned, or with the mean of several"
        parser.add_argument(f"--{stage}", type=Path, nargs="+", default=(), metavar="RUN", help=learned)
    parser.add_argument(
        "--only", choices=("eyes", "words"), help="of `whole`: train what this stage does, and not the other"
    )
    parser.add_argument(
        "--frozen",
        nargs="+",
        default=(),
        metavar="BEGINNING",
        help="leave parameters as they are whose names begin like this",
    )
    parser.add_argument("--export", type=Path, help="write what the run has learned to this folder, and stop")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line of this module."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.only and options.stage != "whole":
        parser.error("--only is for the stage whole")
    plan = Schedule(options.steps, options.peak_rate, warmup_steps=options.warmup, decay_steps=options.decay)
    if options.stage == "all":
        runs = all_runs(
            options.out,
            options.seed,
            options.steps,
            options.start,
            plan,
            options.larger,
            options.workers,
        )
    else:
        given = {one.name: getattr(options, one.name) for one in fields(Run) if one.name != "plan"}
        runs = [Run(plan=plan, **given)]
    if not options.export:
        for run in runs:
            run.train(torch.device(options.device))
    if options.export or options.stage == "all":
        runs[-1].export(options.export or options.out / "weights")


if __name__ == "__main__":
    main()
