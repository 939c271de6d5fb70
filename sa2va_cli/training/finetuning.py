"""Fine-tuning from beginning to end: a model and data sets in, a model in a folder of its own out.

``Training`` prepares everything that can go wrong early; then it is tried out (``--dry-run``) or run. Scores
come from a ``Validator`` that the caller hands in, as training knows nothing about evaluation.
"""

import json
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor

from sa2va_cli.checkpoints.adapters import (
    LowRank,
    merge_into,
    save_adapter_tensors,
    saved_name,
    write_adapter,
)
from sa2va_cli.checkpoints.conversion import refuse_adapter, require_published
from sa2va_cli.checkpoints.files import CONFIG_FILE
from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.checkpoints.parts import LM, SAM2, VIT
from sa2va_cli.checkpoints.quiet import quiet_transformers
from sa2va_cli.errors import InputError, OutputError, UsageError, parameter
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.outputs.leftovers import clear, find_leftovers
from sa2va_cli.outputs.locks import locked
from sa2va_cli.staging import atomic, discard, output_errors
from sa2va_cli.training.examples import Example, Examples
from sa2va_cli.training.forecast import Length, Memory, forecast
from sa2va_cli.training.job import Job, check_job
from sa2va_cli.training.optimiser import make_optimiser
from sa2va_cli.training.recipe import LANGUAGE_MODEL, LORA, as_document
from sa2va_cli.training.referring import ReferringObjective
from sa2va_cli.training.run_files import RunFiles
from sa2va_cli.training.sharding import put_together, shard
from sa2va_cli.training.trained_parts import (
    Counted,
    as_used,
    count,
    frozen_modules,
    prepare,
    trained_tensors,
)
from sa2va_cli.training.trainer import Plan, StoppedError, Trainer, Watch, made_ahead

RUN_FOLDER = "training"
"""Within the folder of the new model: the run's state, its table and its report."""

ADAPTER_FOLDER = "adapter"
"""Within the folder of the new model: what was trained, alone."""

BEST = "best.safetensors"
RUN = "run.json"
_TIMED_STEPS = 2


class Validator(Protocol):
    """Scores a network on data that it is not trained on."""

    @property
    def name(self) -> str:
        """What people call the data; scores of other data are no scores to compare with."""
        ...

    def scores(self, network: Sa2VANetwork) -> Mapping[str, float]:
        """Scores in 0..1 by name; the first decides which checkpoint is the best."""
        ...

    def draw(self, network: Sa2VANetwork, path: Path) -> None:
        """Draws some of its pictures with what is found in them."""
        ...


@dataclass(frozen=True)
class Outlook:
    """What a training would take.

    Attributes:
        parts: how many numbers of each part are trained.
        steps: of the optimiser.
        epochs: what they come to.
        memory: of a step, as forecast.
        seconds: of all steps, from some that were timed.
    """

    parts: Mapping[str, Counted]
    steps: int
    epochs: float
    memory: Memory
    seconds: float


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        folder: of the new model.
        adapter: folder of what was trained alone; None where the language model was trained whole.
        steps: that were made.
        step: of the checkpoint that the model is.
        before: scores of the model that was begun with; empty without validation.
        scores: of the new model.
    """

    folder: Path
    adapter: Path | None
    steps: int
    step: int
    before: Mapping[str, float]
    scores: Mapping[str, float]


class Training:
    """A training that was prepared: its model is loaded, its folder is looked at.

    Args:
        job: what is trained.
        validator: scores networks; None for none.

    Attributes:
        stepping: whether steps are being made, and not a validation or the new model.

    Raises:
        InputError: a sentence is longer than the model reads.
        ModelError: the model is not understood.
        OutputError: the folder holds something else.
        UsageError: another training was begun there.
    """

    def __init__(self, job: Job, validator: Validator | None = None) -> None:
        self.job, self._validator = job, validator
        self.stepping = False
        check_job(job)
        self.files = RunFiles(job.out / RUN_FOLDER)
        self._begun = self._begin()
        refuse_adapter(job.folder)
        if job.to == "published":
            require_published(job.folder)
        self.network = self._prepared(torch.device("cpu") if job.sharded else job.device)
        self._objective = ReferringObjective(self.network, job.recipe)
        for source in job.sources:
            self._objective.check_sentences(chain.from_iterable(source.videos))
        if job.sharded:
            shard(self._objective, self.network, job.device, job.processes.count)
        self.examples = Examples(job.sources, job.recipe, self.network.sam2.input_size)
        self.steps = job.recipe.count_steps(self.examples.groups)
        self._trainer = self._make_trainer()

    def _prepared(self, device: torch.device) -> Sa2VANetwork:
        """The model as it is before the first step."""
        job = self.job
        dtypes = {LM: job.dtypes[LM], VIT: job.dtypes[VIT], SAM2: torch.float32}
        network = load_network(job.folder, device, dtypes)
        torch.manual_seed(job.recipe.seed)
        prepare(network, job.recipe)
        return network.to(device)

    def _make_trainer(self) -> Trainer[Example]:
        recipe = self.job.recipe
        plan = Plan(
            steps=self.steps,
            rate=lambda step: recipe.rate(step, self.steps),
            max_norm=recipe.optimiser.max_norm,
            accumulate=recipe.batch * recipe.accumulate,
            save_every=recipe.save_every,
            seed=recipe.seed,
            bf16=self.job.bf16,
            diverged=recipe.diverged,
        )
        optimiser = make_optimiser(self.network, recipe)
        return Trainer(
            self._objective,
            optimiser,
            made_ahead(self.examples.example, plan.accumulate, self.job.processes),
            plan,
            self.files,
            lambda: trained_tensors(self.network),
            processes=self.job.processes,
        )

    def _begin(self) -> dict[str, Any]:
        """What says which training this is; compared with what is in the folder."""
        job = self.job
        data = [[name, len(one.videos)] for name, one in zip(job.named, job.sources, strict=True)]
        precision = {part: str(dtype).removeprefix("torch.") for part, dtype in job.dtypes.items()}
        said = {"model": job.base, "data": data, "recipe": as_document(job.recipe), "dtype": precision}
        if self._validator is not None:
            said["validation data"] = self._validator.name
        begun: dict[str, Any] = json.loads(json.dumps(said))
        path = self.files.folder / RUN
        if job.out.exists() and not job.out.is_dir():
            raise OutputError(f"{job.out} is a file, and a model is a folder; name another")
        if path.is_file():
            known = _known(path)
            different = [key for key in begun if known.get(key, begun[key]) != begun[key]]
            if different:
                raise UsageError(
                    f"{job.out} holds a training with another {' and '.join(different)}; give the same again "
                    f"to go on with it, or name a new folder with {parameter('output')}"
                )
        elif _holds_anything(job.out):
            raise OutputError(f"{job.out} exists already, and holds no training; name a folder that does not")
        return begun

    @property
    def kept(self) -> int:
        """Steps of the last checkpoint; -1 before the first."""
        return self._trainer.saved

    def outlook(self) -> Outlook:
        """Makes two steps, to time them, and writes nothing."""
        self._training_mode()
        made = self._trainer
        began = time.monotonic()
        with quiet_transformers():
            for step in range(_TIMED_STEPS):
                made.try_step(step)
        seconds = (time.monotonic() - began) / _TIMED_STEPS
        longest = max((self._length(self.examples.example(k)) for k in range(8)), key=lambda one: one.tokens)
        recipe = self.job.recipe
        return Outlook(
            parts=count(self.network),
            steps=self.steps,
            epochs=self.steps * recipe.batch * recipe.accumulate / self.examples.groups,
            memory=forecast(self.network, recipe, longest, 2 if self.job.bf16 else 4),
            seconds=seconds * self.steps,
        )

    def _length(self, example: Example) -> Length:
        with self._trainer.precision():
            return self._objective.length(example)

    def run(self, watch: Watch) -> Trained:
        """Trains until the end, going on where an earlier run was stopped, and writes the model.

        Of several processes all make steps; the first alone validates and writes.

        Raises:
            StoppedError: the loss became useless; the model of the best or last checkpoint was written.
            OutputError: something cannot be written, the last checkpoint is there; or another run writes it.
        """
        with locked(self.job.out) if self.job.processes.first else nullcontext():
            return self._made(watch)

    def _made(self, watch: Watch) -> Trained:
        processes = self.job.processes
        processes.wait()  # until everyone has looked whether the folder may be used
        if processes.first:
            with output_errors(self.job.out):
                self.files.folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.job.out, self.files.folder):  # what a killed run has left
                clear(find_leftovers(folder))
            with atomic(self.files.folder / RUN) as part:
                part.write_text(json.dumps(self._begun, indent=2) + "\n", encoding="utf-8")
        self._trainer.resume(self.job.device)
        if not self.job.sharded:
            processes.same(list(trained_tensors(self.network).values()))
        self._first_validation()
        try:
            self._train(watch)
        except StoppedError as stop:
            raise self._stopped(stop) from stop
        return self._finish()

    def _train(self, watch: Watch) -> None:
        every = self.job.recipe.validate_every or self.steps
        trainer = self._trainer
        if trainer.done and trainer.extra.get("validated") != trainer.done:
            at_end = trainer.done % every == 0 or trainer.done == self.steps
            if at_end:  # the run was killed between a checkpoint and its validation
                self._validate()
        while trainer.done < self.steps:
            self._training_mode()
            with quiet_transformers():
                self.stepping = True
                trainer.run(watch, until=(trainer.done // every + 1) * every)
                self.stepping = False
            self._validate()

    def _training_mode(self) -> None:
        """Dropout in what is trained, and none in what is not."""
        self._objective.train()
        for module in frozen_modules(self._objective):
            module.eval()

    def _first_validation(self) -> None:
        extra = self._trainer.extra
        if self._validator is None or "before" in extra or self._trainer.done:
            return
        learned = self._learned()
        if self.job.processes.first:
            with as_used(self._network_with(learned), self.job.dtypes) as network:
                scored = self._validator.scores(network)
                self._validator.draw(network, self.files.folder / "before.png")
            extra["before"] = {name: float(value) for name, value in scored.items()}
            self.files.log_again({"step": 0, "validation": extra["before"]})

    def _validate(self) -> None:
        """Scores the network, and keeps it where it is the best so far."""
        trainer = self._trainer
        if self._validator is None:
            return
        learned = self._learned()
        if self.job.processes.first:
            with as_used(self._network_with(learned), self.job.dtypes) as network:
                scored = self._validator.scores(network)
            scores = {name: float(value) for name, value in scored.items()}
            self.files.log_again({"step": trainer.done, "validation": scores})
            best = trainer.extra.get("best")
            deciding = next(iter(scores))
            if best is None or scores[deciding] >= best["scores"][deciding]:
                save_adapter_tensors(learned, self.files.folder / BEST)
                trainer.extra["best"] = {"step": trainer.done, "scores": scores}
        trainer.extra["validated"] = trainer.done
        trainer.save()

    def _learned(self) -> Mapping[str, Tensor]:
        """What is trained, as it is now; where it is divided all processes ask, and the first is told."""
        found: Mapping[str, Tensor] = put_together(
            trained_tensors(self.network), keep=self.job.processes.first
        )
        return found

    @torch.no_grad()
    def _network_with(self, learned: Mapping[str, Tensor]) -> Sa2VANetwork:
        """The network with what was learned, to be asked: of a divided one it is a copy."""
        network = self._prepared(self.job.device) if self.job.sharded else self.network
        for name, tensor in trained_tensors(network).items():
            tensor.copy_(learned[name])
        return network.eval()

    def _stopped(self, stop: StoppedError) -> StoppedError:
        """Writes the model of the best checkpoint, or of the last, if there is one, and says so."""
        state = self.files.load(self.job.device)
        advice = f"try a lower {parameter('lr')}, and a new {parameter('output')}"
        if state is None:
            return StoppedError(f"{stop.message}, before the first checkpoint; {advice}")
        self._trainer.restore(state)
        self._trainer.done = int(state["step"])
        step = self._finish().step
        return StoppedError(f"{stop.message}; {self.job.out} is the model of step {step}; {advice}")

    def _finish(self) -> Trained:
        """Writes the model of the best checkpoint, or of the last where none was scored."""
        learned = self._learned()
        return self.job.processes.of_first(lambda: self._written(learned))

    def _written(self, learned: Mapping[str, Tensor]) -> Trained:
        job, trainer = self.job, self._trainer
        best = trainer.extra.get("best")
        weights = self.files.folder / BEST
        if best is None:
            save_adapter_tensors(learned, weights)
        lora = job.recipe.parts.get(LANGUAGE_MODEL) == LORA
        low_rank = (
            LowRank(job.recipe.lora.r, job.recipe.lora.alpha, job.recipe.lora.dropout) if lora else None
        )
        adapter = job.out / ADAPTER_FOLDER
        write_adapter(adapter, weights, _lasting(job.base), job.folder, low_rank)
        merge_into(adapter, job.out, job.to)
        if self._validator is not None:
            kept = load_file(weights)
            best_one = self._network_with({name: kept[saved_name(name)] for name in learned})
            with as_used(best_one, job.dtypes) as network:
                self._validator.draw(network, self.files.folder / "after.png")
        if low_rank is None:
            discard(adapter)  # it is the whole model once more
        step = trainer.done if best is None else int(best["step"])
        return Trained(
            folder=job.out,
            adapter=adapter if low_rank else None,
            steps=trainer.done,
            step=step,
            before=trainer.extra.get("before", {}),
            scores={} if best is None else best["scores"],
        )


def _known(path: Path) -> dict[str, Any]:
    """What an earlier run has said of itself."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _no_run(path) from error
    if not isinstance(found, dict):
        raise _no_run(path)
    return found


def _no_run(path: Path) -> InputError:
    return InputError(
        f"{path} does not say which training this is; remove it to begin anew, or name a new folder with "
        f"{parameter('output')}"
    )


def _holds_anything(folder: Path) -> bool:
    with output_errors(folder):
        return folder.exists() and any(folder.iterdir())


def _lasting(base: str) -> str:
    """A name that still leads to the model when the current folder is another."""
    return str(Path(base).absolute()) if (Path(base) / CONFIG_FILE).is_file() else base
