"""How long each stage of a run takes, for one object and for several, as ``sa2va bench`` measures it.

python benchmarks/stage_times.py --model demo --size 640x360
python benchmarks/stage_times.py --random hiera-l --dtype bf16 --rounds 3 --frames 4
"""

import argparse
from collections.abc import Sequence

from recording import Cell, Column, add_options, record

from sa2va_cli.bench.job import RANDOM, BenchJob, BenchResult, picture_size
from sa2va_cli.bench.measurement import END_TO_END, bench
from sa2va_cli.bench.stages import KEYFRAMES
from sa2va_cli.bench.work import GROUND
from sa2va_cli.runtime.choice import ModelChoice


def columns(objects: Sequence[int]) -> list[Column]:
    """A column of milliseconds and one of the floor's share for each number of objects."""
    found = [Column("stage", "stage")]
    for count in objects:
        found.append(Column(f"milliseconds_{count}", f"K={count}, ms", ",g"))
        found.append(Column(f"floor_{count}", "of which floor", ".0%"))
    return found


def rows(results: Sequence[BenchResult]) -> list[dict[str, Cell]]:
    """One row for each stage, without the end to end of a clip that has no frame to track."""
    found: list[dict[str, Cell]] = []
    for stages in zip(*(result.stages for result in results), strict=True):
        name = stages[0].name
        if name == END_TO_END and results[0].job.frames <= KEYFRAMES:
            continue
        row: dict[str, Cell] = {"stage": f"{name}, for each prompt" if name == GROUND else name}
        for result, stage in zip(results, stages, strict=True):
            row[f"milliseconds_{result.job.objects}"] = float(f"{1000 * stage.seconds:.3g}")
            row[f"floor_{result.job.objects}"] = stage.floor_share
        found.append(row)
    return found


def _conditions(result: BenchResult) -> str:
    noisy = max(result.stages, key=lambda stage: stage.spread)
    memory = "" if result.host_bytes is None else f", peak memory {result.host_bytes / 1e9:.2f} GB"
    return (
        f"K={result.job.objects}: {result.dtype}, {result.threads} threads, matrix products at "
        f"{result.matmul_rate / 1e12:.2f} TFLOP/s{memory}, "
        f"rounds of {noisy.name} differed by {noisy.spread:.0%}"
    )


def main(arguments: Sequence[str] | None = None) -> list[BenchResult]:
    """Times, prints, and returns the results by number of objects."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--model", default=None, help="alias, folder or hub id")
    network.add_argument("--random", choices=RANDOM, help="sizes with random weights")
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--quick", action="store_true", help="demo sizes, six frames of 160x90, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.random, options.model = "demo", None
        options.size, options.frames, options.rounds, options.objects = "160x90", 6, 1, [1, 2]
    results = [
        bench(
            BenchJob(
                size=picture_size(options.size),
                model=ModelChoice(options.model, options.device, options.dtype),
                random=options.random,
                objects=objects,
                frames=options.frames,
                rounds=options.rounds,
            )
        )
        for objects in options.objects
    ]
    for result in results:
        print(f"{result.network} in {result.dtype}, K={result.job.objects}, {result.threads} threads")
        for stage in result.stages:
            print(f"  {stage.name:14} {1000 * stage.seconds:8.2f} ms, spread {stage.spread:.0%}")
        for warning in result.warnings:
            print(f"  warning: {warning}")
    first, last = results[0].stages[-1], results[-1].stages[-1]
    print(
        f"ratio of {results[-1].job.objects} objects to {results[0].job.objects}, {END_TO_END}: "
        f"{last.seconds / first.seconds:.2f}"
    )
    record(
        options,
        __file__,
        arguments,
        columns(options.objects),
        rows(results),
        notes="; ".join(dict.fromkeys(map(_conditions, results))),
    )
    return results


if __name__ == "__main__":
    main()
