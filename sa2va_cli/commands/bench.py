"""``sa2va bench``: how long each stage takes on this machine, and how near that is to what it can do."""

from typing import TYPE_CHECKING, Annotated, Any

from sa2va_cli.bench.job import BenchJob
from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, without
from sa2va_cli.commands.session import Session
from sa2va_cli.commands.startup import collector_paused

if TYPE_CHECKING:
    from sa2va_cli.bench.job import BenchResult, Stage

EPILOG = examples(
    "sa2va bench --model demo",
    "sa2va bench --random 4b --objects 4 --size 1920x1080 --device cuda",
    "sa2va bench --random hiera-l --dtype bf16 --rounds 3",
    "sa2va bench --random demo --json | jq '.stages[] | {name, milliseconds}'",
)


def bench_command(
    *, session: Session, job: BenchJob, talking: Annotated[Talking, without("dry_run", "verbose")]
) -> None:
    """Time every stage of a run on this machine, and all of them together.

    The clip is made for the purpose. floor is the part of a stage's time that its arithmetic alone would
    take, at the speed of a large matrix product here: 100% cannot be beaten without computing less.
    """
    console = session.console
    with collector_paused():
        from sa2va_cli.bench.measurement import bench

    with console.reporting() as report:
        result = bench(job, report)
    if talking.as_json:
        console.data(_document(result))
    else:
        _show(result, console)
    for text in result.warnings:
        console.warning(text)


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
