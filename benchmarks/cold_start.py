"""A whole ``sa2va segment`` of the sample with the demo model, and the part of it that is imports.

Both are processes of their own, from start to end; targets: 6 s, of which imports 3 s.

    python benchmarks/cold_start.py
    python benchmarks/cold_start.py --clock processor   # beside other work
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from recording import Column, add_options, record, rounds

from sa2va_cli.bench.rounds import Ratio, take_turns

SAMPLE = Path(__file__).parents[1] / "samples" / "park.mp4"
MODULES = ("commands.app", "pipeline.segmentation", "model.network", "checkpoints.loader")
"""What ``segment`` imports, which brings everything else along."""
IMPORTS = f"""
from sa2va_cli.commands.startup import collector_paused
with collector_paused():
    import {", ".join(f"sa2va_cli.{name}" for name in MODULES)}
"""


def children_seconds() -> float:
    """Processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


COLUMNS = (Column("what", "process"), Column("seconds", "seconds", ".3g"))
NAMES = {"whole": "`sa2va segment` on the sample, mask and overlay", "imports": "of which imports"}

CLOCKS = {"wall": time.perf_counter, "processor": children_seconds}


def main(arguments: Sequence[str] | None = None) -> Ratio:
    """Compares, prints, and returns how many times as long the whole takes as the imports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what is read")
    parser.add_argument("--quick", action="store_true", help="two frames, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as folder:
        segment = [sys.executable, "-m", "sa2va_cli", "segment", str(SAMPLE), "girl in red dress"]
        segment += ["--model", "demo", "--device", "cpu", "--quiet", "--overwrite", "-o", f"{folder}/"]
        segment += ["--max-frames", "2"] if options.quick else []
        timings = take_turns(
            {
                "whole": lambda: subprocess.run(segment, check=True),
                "imports": lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True),
            },
            options.rounds,
            clock=CLOCKS[options.clock],
        )
    for name, timing in timings.items():
        print(f"{name} {timing.median:.2f} s, rounds {', '.join(f'{each:.2f}' for each in timing.seconds)}")
    ratio = Ratio.of(timings["whole"], timings["imports"])
    print(f"ratio {ratio}")
    rows = [{"what": NAMES[name], "seconds": rounds(timing.seconds)} for name, timing in timings.items()]
    record(options, __file__, arguments, COLUMNS, rows, notes=f"{options.clock} time")
    return ratio


if __name__ == "__main__":
    main()
