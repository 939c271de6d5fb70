"""A long batch with damaged files, and batches that are killed at random points: nothing lost, nothing left.

    python benchmarks/soak.py                       # 500 clips, 20 kills; an hour or so on two cores
    python benchmarks/soak.py --clips 60 --kills 4

The soak runs in this process with the demo network, one clip in ten being damaged: all good ones must be
done, all bad ones reported, and memory, threads, open files and temporary names must be what they were. The
kills are of processes that do six clips; each batch is gone on with until it ends, and its outputs are
compared with those of a batch that nobody disturbed, byte for byte.
"""

import argparse
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from recording import Column, add_options, record

from sa2va_cli.batch.listing import Request
from sa2va_cli.batch.options import Options, SharedSearch
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.progress import BatchEvent, JobEnded
from sa2va_cli.batch.running import run_batch
from sa2va_cli.bench.clips import write_park
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.runtime.choice import ModelChoice

PROMPT = "the girl"
COLUMNS = (Column("what", "what"), Column("found", "found"), Column("wanted", "wanted"))
Finding = dict[str, str]


def finding(what: str, found: object, wanted: object) -> Finding:
    """One row of the result; printed."""
    print(f"{what}: {found} (wanted: {wanted})")
    return {"what": what, "found": str(found), "wanted": str(wanted)}


def resident_mb() -> float:
    """Memory of this process, in 1e6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def damaged(data: bytes, number: int) -> bytes:
    """A clip that cannot be read: cut off before its index, empty, or something else."""
    return (data[: len(data) // 2], b"", random.Random(number).randbytes(5000))[number % 3]  # noqa: S311


def soak(folder: Path, count: int, frames: int) -> list[Finding]:
    """Does many clips, one in ten damaged."""
    (folder / "clips").mkdir()
    write_park(folder / "whole.mp4", frames, (160, 90))
    data = (folder / "whole.mp4").read_bytes()
    bad = {f"{number:04}.mp4" for number in range(0, count, 10)}
    for number in range(count):
        name = f"{number:04}.mp4"
        (folder / "clips" / name).write_bytes(damaged(data, number // 10) if name in bad else data)
    memory: list[float] = []

    def report(event: BatchEvent) -> None:
        if isinstance(event, JobEnded):
            memory.append(resident_mb())

    options = Options(
        SharedSearch((PROMPT,)), Saving(("mask",), f"{folder}/out/"), model=ModelChoice("demo", "cpu")
    )
    threads, handles = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    result = run_batch(Plan(Request((f"{folder}/clips",), options=options)), report)
    failed = {Path(source).name for source, _ in result.failures}
    left = [
        path.name for path in (folder / "out").iterdir() if path.name.startswith(".") or "part" in path.name
    ]
    settled = memory[len(memory) // 5]
    gc.collect()  # the model goes, and with it a mapping of its file for each tensor
    return [
        finding(f"good clips done, of {count}", result.done, count - len(bad)),
        finding("damaged clips reported", len(failed & bad), len(bad)),
        finding("good clips reported", len(failed - bad), 0),
        finding(
            "memory from a fifth of the clips to the last, MB", f"{memory[-1] - settled:+.0f}", "at most +40"
        ),
        finding("threads left", threading.active_count() - threads, 0),
        finding("open files left", len(list(Path("/proc/self/fd").iterdir())) - handles, 0),
        finding("temporary names left", len(left), 0),
    ]


def batch(folder: Path, out: str) -> list[str]:
    """The command that does the six clips."""
    return [
        *(sys.executable, "-m", "sa2va_cli", "batch", f"{folder}/six", "-p", PROMPT, "--model", "demo"),
        *(
            "--device",
            "cpu",
            "--save",
            "mask,tracks",
            "--checkpoint",
            "4f",
            "--quiet",
            "-o",
            f"{folder}/{out}/",
        ),
    ]


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but the state."""
    files = (path for path in folder.iterdir() if not path.name.startswith("sa2va-batch.db"))
    return {path.name: path.read_bytes() for path in files}


def kills(folder: Path, count: int, frames: int) -> list[Finding]:
    """Kills batches at random points, and goes on with each until it ends."""
    (folder / "six").mkdir()
    write_park(folder / "six/0.mp4", frames, (160, 90))
    for number in range(1, 6):
        (folder / f"six/{number}.mp4").write_bytes((folder / "six/0.mp4").read_bytes())
    began = time.perf_counter()
    subprocess.run(batch(folder, "whole"), check=True)
    whole, seconds = outputs(folder / "whole"), time.perf_counter() - began
    chance = random.Random(2026)  # noqa: S311
    killed = same = rounds = 0
    while killed < count or rounds == 0:
        rounds += 1
        out = f"round-{rounds}"
        while True:
            process = subprocess.Popen(batch(folder, out))
            try:
                process.wait(chance.uniform(0.2, 1.0) * seconds if killed < count else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
                continue
            break
        same += process.returncode == 0 and outputs(folder / out) == whole
    return [
        finding("batches of 6 clips killed", killed, count),
        finding("batches whose outputs are those of an undisturbed one, byte for byte", same, rounds),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Finding]:
    """Runs both, prints and returns what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--kills", type=int, default=20, help="0 for the soak alone")
    parser.add_argument("--quick", action="store_true", help="20 clips of 4 frames, one kill")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.frames, options.kills = 20, 4, 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        of_kills = kills(folder, options.kills, 2 * options.frames) if options.kills else []
        of_soak = soak(folder, options.clips, options.frames)
    if of_kills:
        record(options, __file__, arguments, COLUMNS, of_kills, suffix="_kills")
    record(options, __file__, arguments, COLUMNS, of_soak)
    rows = [*of_kills, *of_soak]
    good = sum(row["found"] == row["wanted"] for row in rows)
    print(f"ratio {good} of {len(rows)} as wanted, and memory as above")
    return rows


if __name__ == "__main__":
    main()
