"""Throughput of ``sa2va batch`` on clips of 2 s, against ``xargs -P2 sa2va segment`` and a plain loop.

    python benchmarks/throughput.py                 # 24 clips; targets: 5 times xargs, 1.3 times the loop
    python benchmarks/throughput.py --jobs 10000    # with the start and the status of a long list

Each arm is one process (xargs: one for each clip, two at a time) from start to end, so that loading the model
counts. The loop is the same program with one loaded model and one clip after the other. The clips are those
of the demo world, all outputs are masks.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cold_start import children_seconds
from recording import Column, add_options, record, rounds

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.pictures import FPS
from sa2va_cli.bench.rounds import Ratio, Timing

PROMPT = "the girl"
SECONDS = 2

COLUMNS = (
    Column("what", "what"),
    Column("seconds", "seconds", ".3g"),
    Column("ratio", "times as long as batch", ".2f"),
    Column("processor", "processor time, times that of batch", ".2f"),
)
NAMES = {
    "batch": "`sa2va batch`",
    "loop": "a loop over one loaded model",
    "xargs": "`xargs -P2 sa2va segment`",
    "start": "a manifest of 10,000 jobs: until the first begins, processor time",
    "status": "`sa2va batch status` of these",
}
LOOP = """
import sys
from sa2va_cli.commands.startup import collector_paused
with collector_paused() as imported:
    from sa2va_cli.outputs.saving import Saving
    from sa2va_cli.pipeline.job import Search, SegmentJob
    from sa2va_cli.pipeline.segmentation import segment
    from sa2va_cli.runtime.choice import ModelChoice
    from sa2va_cli.runtime.loading import import_network, load_segmenter
    from sa2va_cli.runtime.threads import divide_cores
    import_network()
    imported()
    choice = ModelChoice("demo", "cpu")
    segmenter = load_segmenter(choice, choice.placed())
    prompt, output, *clips = sys.argv[1:]
    for clip in clips:
        job = SegmentJob(clip, Search((prompt,)), choice, Saving(("mask",), output))
        segment(job, load=lambda *_: segmenter, threads=divide_cores)
"""


def arms(clips: Sequence[Path], folder: Path) -> dict[str, Callable[[Path], object]]:
    """What is timed, each for an empty folder of outputs."""
    names = list(map(str, clips))
    program = [sys.executable, "-m", "sa2va_cli"]
    options = ["--model", "demo", "--device", "cpu", "--save", "mask", "--quiet"]

    def run(command: Sequence[str], given: str | None = None) -> None:
        subprocess.run(command, check=True, cwd=folder, input=given, text=True)

    def batch(out: Path) -> None:
        run([*program, "batch", *names, "-p", PROMPT, *options, "-o", f"{out}/"])

    def loop(out: Path) -> None:
        run([sys.executable, "-c", LOOP, PROMPT, f"{out}/", *names])

    def xargs(out: Path) -> None:
        each = [*program, "segment", "{}", PROMPT, *options, "-o", f"{out}/"]
        run(["xargs", "-P2", "-I{}", *each], "\n".join(names))

    return {"batch": batch, "loop": loop, "xargs": xargs}


def long_list(jobs: int, folder: Path) -> tuple[float, float]:
    """Seconds of processor time until the first of many jobs begins, and of the clock for their status."""
    rows = (json.dumps({"input": f"{n % 100}/{n}.mp4", "prompts": [PROMPT]}) for n in range(jobs))
    (folder / "jobs.jsonl").write_text("\n".join(rows))
    program = [sys.executable, "-m", "sa2va_cli", "batch"]
    options = ["--model", "demo", "--device", "cpu", "-o", "many/", "--json"]
    used = children_seconds()
    command = [*program, "--manifest", "jobs.jsonl", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            if json.loads(line)["event"] == "began":
                break
        process.kill()
    start = children_seconds() - used
    began = time.perf_counter()
    subprocess.run([*program, "status", "many"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return start, time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> Ratio:
    """Compares, prints, and returns how many times as long the loop takes as the batch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=10_000, help="how long the list of jobs is")
    parser.add_argument("--quick", action="store_true", help="2 clips of 4 frames, one round, 100 jobs")
    add_options(parser)
    options = parser.parse_args(arguments)
    frames = SECONDS * FPS
    if options.quick:
        options.clips, options.rounds, options.jobs, frames = 2, 1, 100, 4
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clips = [folder / f"{number:02}.mp4" for number in range(options.clips)]
        write_park(clips[0], frames, (320, 180))
        for clip in clips[1:]:
            clip.write_bytes(clips[0].read_bytes())
        works = arms(clips, folder)
        seconds: dict[str, list[float]] = {name: [] for name in works}
        worked: dict[str, list[float]] = {name: [] for name in works}
        for number in range(options.rounds):
            for name in list(works)[:: 1 if number % 2 else -1]:
                began, used = time.perf_counter(), children_seconds()
                works[name](folder / f"{name}-{number}")
                seconds[name].append(time.perf_counter() - began)
                worked[name].append(children_seconds() - used)
                print(
                    f"{name}: {seconds[name][-1]:.1f} s, {worked[name][-1]:.1f} s of processor time",
                    flush=True,
                )
                assert len(list((folder / f"{name}-{number}").glob("*.mp4"))) == len(clips)  # noqa: S101
        start, status = long_list(options.jobs, folder)
    timings = {name: Timing(tuple(found)) for name, found in seconds.items()}
    works_timed = {name: Timing(tuple(found)) for name, found in worked.items()}
    ratios = {name: Ratio.of(timings[name], timings["batch"]) for name in ("loop", "xargs")}
    by_processor = {name: Ratio.of(works_timed[name], works_timed["batch"]) for name in ratios}
    rows = []
    for name, timing in timings.items():
        print(f"{name} {timing.median:.1f} s")
        row: dict[str, Any] = {"what": NAMES[name], "seconds": rounds(timing.seconds)}
        row["ratio"] = rounds(ratios[name].rounds) if name in ratios else None
        row["processor"] = rounds(by_processor[name].rounds) if name in ratios else None
        rows.append(row)
    for name, found in (("start", start), ("status", status)):
        print(f"{name} {found:.2f} s")
        rows.append({"what": NAMES[name], "seconds": float(f"{found:.4g}"), "ratio": None, "processor": None})
    print(f"xargs {ratios['xargs']}")
    print(f"ratio {ratios['loop']}")
    notes = f"{options.clips} clips of {frames} frames"
    record(options, __file__, arguments, COLUMNS, rows, notes=notes)
    return ratios["loop"]


if __name__ == "__main__":
    main()
