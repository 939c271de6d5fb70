"""``sa2va train``: a model learns from data sets of sentences and masks."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.idle import refuse_idle
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.signals import signals_told
from sa2va_cli.commands.training_options import Changes, recipe_of
from sa2va_cli.errors import InputError, ModelError, UsageError, parameter
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from sa2va_cli.commands.training_progress import TrainingProgress
    from sa2va_cli.evaluation.validating import DatasetValidator
    from sa2va_cli.runtime.device import Placement
    from sa2va_cli.training.examples import Source
    from sa2va_cli.training.finetuning import Outlook, Trained, Training
    from sa2va_cli.training.job import Job
    from sa2va_cli.training.recipe import Recipe

LAYOUTS = ("native", "published")

EPILOG = examples(
    "sa2va train 1b my-data -o my-model --dry-run",
    "sa2va train 4b my-data --val my-validation -o my-model",
    "sa2va train demo kites park.json:0.5 --recipe small -o kites-too",
    "sa2va train 4b mevis --split train --epochs 1 --lora r=64 --freeze mask_decoder -o my-model",
)


def train_command(
    *,
    session: Session,
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="What to begin with: alias, folder or hub id.", show_default=False
        ),
    ],
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Data sets: folders or files; with a weight one is seen more or less often: PATH:0.5.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The new model.", show_default=False)
    ],
    val: Annotated[
        Path | None,
        typer.Option(
            "--val",
            metavar="DATA",
            help="Data to score on, at most 100 videos or pictures of it; the best checkpoint is kept.",
            show_default=False,
        ),
    ] = None,
    val_split: Annotated[
        str | None, typer.Option("--val-split", metavar="NAME", help="Part of the data of --val.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="Part of the data: train ...", show_default=False),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="What the data are, where that is not recognised."),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(
            "--freeze",
            metavar="PART",
            help="Leave a part as it is: language_model, embeddings, projection, mask_decoder, projector, "
            "vision, image_encoder, memory.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="LAYOUT", help="Layout of the new model: native or published.")
    ] = "native",
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard, too (extra train).")
    ] = False,
    fsdp: Annotated[
        bool,
        typer.Option(
            "--fsdp",
            help="Divide the language model's weights among the processes of torchrun or accelerate launch.",
        ),
    ] = False,
    changes: Changes,
    model: Annotated[ModelChoice, only("device", "dtype")],
    talking: Annotated[Talking, only("as_json", "dry_run", "quiet", "debug")],
) -> None:
    """Fine-tune a model on data sets of sentences and masks.

    The official recipe is the default: adapters on the language model, and the mask decoder. The same
    command again goes on where it was stopped. The new folder is a model that every command takes; in it are
    adapter/ (what was trained, alone) and training/ (checkpoints, metrics.jsonl, report.html).
    """
    if to not in LAYOUTS:
        raise UsageError(f"{parameter('to', to)}: give one of {', '.join(LAYOUTS)}")
    recipe = recipe_of(changes, freeze or [], name)
    placement = _placed(model)
    _require(recipe, tensorboard=tensorboard)
    import torch

    from sa2va_cli.checkpoints.hub import resolve
    from sa2va_cli.runtime.loading import memory_errors_explained
    from sa2va_cli.training.job import Job
    from sa2va_cli.training.parallel import asked_to_shard

    refuse_idle(session, () if val else ("--val-split", "--validate-every"), "without --val")
    sources = _sources(data, split, form)
    validator = None if val is None else _validator(val, val_split)
    folder = resolve(name, masks=True)
    with memory_errors_explained(name, placement, "batch"):
        job = _joined(
            Job(
                base=name,
                folder=folder,
                sources=sources,
                named=data,
                recipe=recipe,
                out=out,
                to="native" if to == "native" else "published",
                device=torch.device(placement.device),
                dtypes=placement.torch_dtypes,
                sharded=fsdp or asked_to_shard(),
            )
        )
        if talking.dry_run:
            _outlook(job, session.console, as_json=talking.as_json)
            return
        result = _run(job, validator, session.console, tensorboard=tensorboard)
    job.processes.leave()
    if job.processes.first:
        _tell(result, session.console, as_json=talking.as_json)


def _placed(model: ModelChoice) -> "Placement":
    """Where training runs; on a processor in fp32 unless something else is asked for.

    Many processors multiply bf16 fast, but convert to it slowly, which training does all the time.
    """
    found = model.placed()
    if found.device == "cpu" and model.dtype == "auto":
        return replace(model, dtype="fp32").placed()
    if "fp16" in found.dtypes.values():
        raise UsageError(f"training in fp16 is not supported; use {parameter('dtype', 'bf16')} or fp32")
    if (found.dtypes["lm"], found.dtypes["vit"]) == ("fp32", "bf16"):
        raise UsageError(
            f"{parameter('dtype', model.dtype)}: in training a language model in fp32 takes no pictures in "
            "bf16; give lm and vit the same, or bf16 to lm"
        )
    return found


def _require(recipe: "Recipe", *, tensorboard: bool) -> None:
    from sa2va_cli.runtime.extras import ACCELERATE, PEFT, QUANT, TENSORBOARD, require
    from sa2va_cli.training.parallel import launched
    from sa2va_cli.training.recipe import LANGUAGE_MODEL, LORA

    if recipe.parts.get(LANGUAGE_MODEL) == LORA:
        require(PEFT, parameter("lora"))
    if recipe.optimiser.eight_bit:
        require(QUANT, "optimiser.eight_bit")
    if tensorboard:
        require(TENSORBOARD, parameter("tensorboard"))
    if launched() > 1:
        require(ACCELERATE, "training in several processes")


def _sources(data: list[str], split: str | None, form: str | None) -> "list[Source]":
    """Reads data sets; one without parts is taken whole, beside others of which a part is meant."""
    from sa2va_cli.training.datasets.table import has_parts, read_dataset
    from sa2va_cli.training.examples import Source

    weighted = [_weighted(text) for text in data]
    divided = [split is not None and has_parts(path, form) for path, _ in weighted]
    parts = [split if one or not any(divided) else None for one in divided]
    return [
        Source.of(read_dataset(path, part, form).usable(), weight)
        for (path, weight), part in zip(weighted, parts, strict=True)
    ]


def _weighted(text: str) -> tuple[Path, float]:
    """A path with its weight: ``PATH`` or ``PATH:0.5``."""
    before, colon, after = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), 1.0
    try:
        weight = float(after)
    except ValueError:
        return Path(text), 1.0
    if not 0 < weight < float("inf"):
        raise UsageError(f"{text}: a weight must be more than 0")
    return Path(before), weight


def _validator(path: Path, split: str | None) -> "DatasetValidator":
    from sa2va_cli.evaluation.validating import DatasetValidator
    from sa2va_cli.training.datasets.table import read_dataset

    samples = read_dataset(path, split).usable()
    if any(one.objects is None for one in samples):
        raise InputError(f"{path}: its masks are not published, so nothing can be scored on it")
    return DatasetValidator(samples, str(path) if split is None else f"{path} {split}")


def _joined(job: "Job") -> "Job":
    """The share of this process, where several were started."""
    from sa2va_cli.training.parallel import joined

    processes, own_device = joined(job.device)
    return replace(job, processes=processes, device=own_device)


def _run(
    job: "Job", validator: "DatasetValidator | None", console: Console, *, tensorboard: bool
) -> "Trained":
    from sa2va_cli.commands.training_progress import TrainingProgress, Unwatched
    from sa2va_cli.training.finetuning import Training
    from sa2va_cli.training.trainer import EndedError

    training = Training(job, validator)
    if not job.processes.first:
        return training.run(Unwatched())
    with (
        console.reporting() as report,
        TrainingProgress(report, training.files, tensorboard=tensorboard) as watch,
        _ending(training, watch, console),
    ):
        try:
            result = training.run(watch)
        except ModelError:
            _report(training.files.lines(), [("model", job.base)], job.out)
            raise
        except (EndedError, Interrupted, KeyboardInterrupt):
            raise Interrupted(_kept(training)) from None
    _report(training.files.lines(), _facts(job, result), job.out)
    return result


@contextmanager
def _ending(training: "Training", watch: "TrainingProgress", console: Console) -> Generator[None, None, None]:
    """Ctrl-C once ends a step that is being made, and keeps it; anywhere else, or twice, it ends at once."""

    def tell(received: int) -> None:
        if received > 1 or not training.stepping:
            raise Interrupted
        watch.ending = True
        console.note("ending after this step, which is kept; once more ends at once")

    with signals_told(tell):
        yield


def _kept(training: "Training") -> str:
    if training.kept < 1:
        return "interrupted before the first checkpoint; the same command begins anew"
    return (
        f"interrupted; {training.kept} of {training.steps} steps are kept, and the same command goes on "
        "behind them"
    )


def _facts(job: "Job", result: "Trained") -> list[tuple[str, str]]:
    rows = [
        ("begun with", job.base),
        ("data", ", ".join(job.named)),
        ("steps", f"{result.steps}; the model is that of step {result.step}"),
    ]
    for name, value in result.scores.items():
        before = result.before.get(name)
        rows.append((name, f"{value:.4f}" + ("" if before is None else f", before training {before:.4f}")))
    return rows


def _report(lines: list[dict[str, Any]], rows: list[tuple[str, str]], out: Path) -> None:
    from sa2va_cli.training.finetuning import RUN_FOLDER
    from sa2va_cli.training.report import write_report

    write_report(lines, rows, f"Training of {out.name}", out / RUN_FOLDER)


def _tell(result: "Trained", console: Console, *, as_json: bool) -> None:
    if as_json:
        console.data(
            {
                "folder": str(result.folder),
                "adapter": None if result.adapter is None else str(result.adapter),
                "steps": result.steps,
                "step": result.step,
                "before": dict(result.before),
                "scores": dict(result.scores),
            }
        )
        return
    for name, value in result.scores.items():
        before = result.before.get(name)
        console.note(f"{name} {value:.3f}" + ("" if before is None else f", before training {before:.3f}"))
    console.answer(str(result.folder))


def _outlook(job: "Job", console: Console, *, as_json: bool) -> None:
    from sa2va_cli.runtime.memory_forecast import free_bytes, gigabytes
    from sa2va_cli.training.finetuning import Training

    outlook = Training(job).outlook()
    if not job.processes.first:
        return
    free = free_bytes(str(job.device))
    if as_json:
        console.data(_document(outlook, free))
        return
    console.table(
        ["part", "trained", "left as it is"],
        [[part, f"{one.trained:,}", f"{one.frozen:,}"] for part, one in outlook.parts.items()],
    )
    memory = outlook.memory
    told = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimiser": memory.optimiser,
        "activations": memory.activations,
    }
    console.answer(
        f"memory     {gigabytes(memory.total)} on {job.device}: "
        + ", ".join(f"{name} {gigabytes(size)}" for name, size in told.items())
        + ("" if free is None else f"; free is {gigabytes(free)}")
    )
    console.answer(f"steps      {outlook.steps:,}, {outlook.epochs:.3g} epochs")
    console.answer(f"time       {outlook.seconds / 3600:.2g} hours, from two steps that were timed")


def _document(outlook: "Outlook", free: int | None) -> dict[str, Any]:
    return {
        "parts": {
            part: {"trained": one.trained, "frozen": one.frozen} for part, one in outlook.parts.items()
        },
        "memory": {**vars(outlook.memory), "total": outlook.memory.total, "free": free},
        "steps": outlook.steps,
        "epochs": outlook.epochs,
        "hours": outlook.seconds / 3600,
    }
