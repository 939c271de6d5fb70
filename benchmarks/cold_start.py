"""A whole ``sa2va segment`` of the sample with the demo model, and the part of it that is imports.

Both are processes of their own, from start to end; targets: 6 s, of which imports 3 s. A third process, under
``python -X importtime``, says which package the imports belong to.

    python benchmarks/cold_start.py
    python benchmarks/cold_start.py --clock processor   # beside other work
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from recording import Cell, Column, add_options, record, rounds

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

IMPORT_COLUMNS = (
    Column("package", "package"),
    Column("modules", "modules"),
    Column("share", "of the imports, %", ".1f"),
    Column("seconds", "seconds", ".2f"),
)
STANDARD = "Python's standard library"
SHOWN = 0.01
"""Packages with a smaller share are added up in one row."""
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment, in which Python may keep what it compiles, as it does where the program is installed."""

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
                "whole": lambda: subprocess.run(segment, check=True, env=COMPILED),
                "imports": lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True, env=COMPILED),
            },
            options.rounds,
            clock=CLOCKS[options.clock],
        )
    for name, timing in timings.items():
        print(f"{name} {timing.median:.2f} s, rounds {', '.join(f'{each:.2f}' for each in timing.seconds)}")
    ratio = Ratio.of(timings["whole"], timings["imports"])
    rows = [{"what": NAMES[name], "seconds": rounds(timing.seconds)} for name, timing in timings.items()]
    record(options, __file__, arguments, COLUMNS, rows, notes=f"{options.clock} time")
    imported = list(import_costs(timings["imports"].median))
    notes = f"shares by the clock, of the {options.clock} time of the imports"
    record(options, __file__, arguments, IMPORT_COLUMNS, imported, notes=notes, suffix="_imports")
    print(f"ratio {ratio}")
    return ratio


def import_costs(seconds: float) -> Iterator[dict[str, Cell]]:
    """Which package takes how much of the imports, without what it imports itself; the costliest first.

    Args:
        seconds: of all imports, which are divided as the time of a process is that is watched.
    """
    command = [sys.executable, "-X", "importtime", "-c", IMPORTS]
    told = subprocess.run(command, check=True, env=COMPILED, capture_output=True, text=True).stderr
    spent: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for microseconds, name in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\w+)", told, re.MULTILINE):
        package = STANDARD if name in sys.stdlib_module_names else name
        spent[package] += int(microseconds)
        modules[package] += 1
    total = spent.total()
    large = [name for name, each in spent.most_common() if each >= SHOWN * total]
    rows = [(name, modules[name], spent[name]) for name in large]
    rest = [name for name in spent if name not in large]
    rows.append(
        (f"{len(rest)} others", sum(modules[name] for name in rest), sum(spent[name] for name in rest))
    )
    for name, count, each in rows:
        share = each / total
        print(f"{name}, {count} modules: {100 * share:.1f} %, {share * seconds:.2f} s")
        yield {"package": name, "modules": count, "share": 100 * share, "seconds": share * seconds}


if __name__ == "__main__":
    main()
