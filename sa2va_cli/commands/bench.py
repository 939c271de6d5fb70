"""``sa2va bench``: how long each stage takes on this machine, and how near that is to what it can do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.startup import collector_paused

if TYPE_CHECKING:
    from sa2va_cli.bench.job import BenchResult, Stage
    from sa2va_cli.commands.session import Session

EPILOG = examples(
    "sa2va bench --model demo",
    "sa2va bench --random 4b --objects 4 --size 1920x1080 --device cuda",
    "sa2va bench --random hiera-l --dtype bf16 --rounds 3",
    "sa2va bench --random demo --json | jq '.stages[] | {name, milliseconds}'",
)


def bench_command(
    context: typer.Context,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="Alias, folder or hub id. "
            "[dim]\\[default: ByteDance/Sa2VA-4B with a GPU, else ByteDance/Sa2VA-1B][/dim]",
        ),
    ] = None,
    random: Annotated[
        str | None,
        typer.Option(
            "--random",
            metavar="SIZES",
            help="Random weights, nothing downloaded: 1b, 4b, demo, or hiera-l (the SAM 2 of every published "
            "Sa2VA, without a language model).",
        ),
    ] = None,
    objects: Annotated[int, typer.Option("--objects", metavar="K", help="How many objects to follow.")] = 1,
    frames: Annotated[int, typer.Option("--frames", metavar="T", help="How long the clip is.")] = 24,
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="Size of its pictures.")] = "1280x720",
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", help="How often each stage is timed; the median counts.")
    ] = 5,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")
    ] = "auto",
    dtype: Annotated[
        str,
        typer.Option("--dtype", metavar="NAME", help="auto (what is fast here), bf16, fp16, fp32."),
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Write one JSON document to standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Say nothing on the way.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show a traceback when something fails.")
    ] = False,
) -> None:
    """Time every stage of a run on this machine, and all of them together.

    The clip is made for the purpose. floor is the part of a stage's time that its arithmetic alone would
    take, at the speed of a large matrix product here: 100% cannot be beaten without computing less.
    """
    session: Session = context.obj
    session.console = console = Console(quiet=quiet, debug=debug)
    console.hush_libraries()
    from sa2va_cli.bench.job import BenchJob, picture_size
    from sa2va_cli.runtime.choice import ModelChoice

    choice = ModelChoice(model, device, dtype)
    job = BenchJob(picture_size(size), choice, random, objects, frames, rounds)
    with collector_paused():
        from sa2va_cli.bench.measurement import bench

    with console.reporting() as report:
        result = bench(job, report)
    if as_json:
        console.data(_document(result))
    else:
        _show(result, console)
    if not quiet:
        for text in result.warnings:
            console.line(f"warning: {text}", "yellow")


def _document(result: "BenchResult") -> dict[str, Any]:
    job = result.job
    return {
        "network": result.network,
        "device": result.device,
        "dtype": result.dtype,
        "threads": result.threads,
        "matmul_tflops": result.matmul_rate / 1e12,
        "objects": job.objects,
        "frames": job.frames,
        "size": list(job.size),
        "rounds": job.rounds,
        "stages": [_stage_document(stage) for stage in result.stages],
        "peak_host_bytes": result.host_bytes,
        "warnings": list(result.warnings),
    }


def _stage_document(stage: "Stage") -> dict[str, Any]:
    return {
        "name": stage.name,
        "unit": stage.unit,
        "milliseconds": 1000 * stage.seconds,
        "per_second": stage.per_second,
        "spread": stage.spread,
        "gigaflops": None if stage.flops is None else stage.flops / 1e9,
        "floor_share": stage.floor_share,
        "peak_device_bytes": stage.device_bytes,
    }


def _show(result: "BenchResult", console: Console) -> None:
    job, on_device = result.job, any(stage.device_bytes for stage in result.stages)
    console.answer(
        f"{result.network} on {result.device} in {result.dtype}, {job.objects} object"
        f"{'' if job.objects == 1 else 's'}, {job.frames} frames of {job.size[0]}x{job.size[1]}"
    )
    headings = ["stage", "ms", "per second", "spread", "GFLOP", "floor", *(["GPU MB"] if on_device else [])]
    console.table(headings, [_row(stage)[: len(headings)] for stage in result.stages])
    memory = "" if result.host_bytes is None else f"peak memory {result.host_bytes / 1e6:.0f} MB, "
    console.answer(
        f"{memory}matrix products at {result.matmul_rate / 1e12:.3g} TFLOP/s with {result.threads} threads"
    )


def _row(stage: "Stage") -> list[str]:
    unit = "" if stage.unit == "frame" else f" (for each {stage.unit})"
    return [
        stage.name + unit,
        f"{1000 * stage.seconds:.2f}",
        f"{stage.per_second:.1f}",
        f"{stage.spread:.0%}" if stage.spread else "",
        "" if stage.flops is None else f"{stage.flops / 1e9:.1f}",
        "" if stage.floor_share is None else f"{stage.floor_share:.0%}",
        "" if stage.device_bytes is None else f"{stage.device_bytes / 1e6:.0f}",
    ]
