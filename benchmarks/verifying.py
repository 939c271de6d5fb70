"""What reading outputs again (``--verify``, the default) costs of ``sa2va render``, by processor time.

    python benchmarks/verifying.py                    # target: 15 % of the run

``render`` is the shortest run that there is: it loads no network. Both parts are timed within the same run:
all of it, and what is spent between the end of writing and the output's name. The log is that of a disc which
turns slowly; the clip is the demo world with a camera's grain.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recording import Cell, Column, add_options, record, rounds
from rendering import tracks_of

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size
from sa2va_cli.bench.pictures import GRAIN
from sa2va_cli.outputs import driver
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.rendering import RenderJob, render

OUTPUTS: tuple[tuple[str, str | None, str], ...] = (
    ("mask", "h264", "mp4"),
    ("mask", "ffv1", "mkv"),
    ("overlay", "h264", "mp4"),
    ("matte", "prores", "mov"),
    ("matte", "qtrle", "mov"),
    ("matte", "vp9", "webm"),
    ("matte", None, "png"),
)
"""Kind, codec and container."""

COLUMNS = (
    Column("output", "output"),
    Column("size", "pictures"),
    Column("frames", "frames", ".0f"),
    Column("seconds", "verifying, s", ".2f"),
    Column("share", "of the run, %", ".1f"),
)


class Stopwatch:
    """Adds up the processor's time that a function takes.

    Args:
        work: the function.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self.seconds = 0.0

    def __call__(self, *arguments: object) -> object:
        """Calls it."""
        began = time.process_time()
        try:
            return self._work(*arguments)
        finally:
            self.seconds += time.process_time() - began


def measured(tracks: Path, kind: str, codec: str | None, container: str) -> tuple[float, float]:
    """Processor seconds of verifying, and of the whole run."""
    target = tracks.with_name(f"out.{kind}" if container == "png" else f"out.{kind}.{container}")
    job = RenderJob(
        tracks,
        saving=Saving((kind,), str(target), "overwrite"),
        delivery=Delivery(codec=codec, container=container),
    )
    verify = vars(driver)["verify"]
    watch = Stopwatch(verify)
    vars(driver)["verify"] = watch
    began = time.process_time()
    try:
        render(job)
    finally:
        vars(driver)["verify"] = verify
    return watch.seconds, time.process_time() - began


def main(arguments: Sequence[str] | None = None) -> float:
    """Measures, prints, and returns the largest share."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="640x360,1920x1080", metavar="WxH,WxH")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few frames of 160x90, two outputs")
    add_options(parser)
    options = parser.parse_args(arguments)
    outputs = OUTPUTS
    if options.quick:
        options.sizes, options.frames, options.rounds, outputs = "160x90", 6, 1, OUTPUTS[:2]
    rows: list[dict[str, Cell]] = []
    worst = 0.0
    for size in options.sizes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "park.mp4"
            write_park(clip, options.frames, picture_size(size), GRAIN)
            tracks = tracks_of(clip, clip.with_name("park.tracks.sa2va"), 1)
            for kind, codec, container in outputs:
                both = [measured(tracks, kind, codec, container) for _ in range(options.rounds)]
                shares = [100 * verified / run for verified, run in both]
                seconds = sorted(verified for verified, _ in both)[len(both) // 2]
                name = f"{kind}, {codec or container}"
                worst = max(worst, sorted(shares)[len(shares) // 2])
                print(f"{name}, {size}: {seconds:.2f} s, {shares[-1]:.1f} % of the run", flush=True)
                row: dict[str, Cell] = {"output": name, "size": size, "frames": options.frames}
                rows.append(row | {"seconds": seconds, "share": rounds(shares)})
    record(options, __file__, arguments, COLUMNS, rows, notes="processor time")
    print(f"ratio {worst / 100:.3f} of the run at most; target 0.15")
    return worst


if __name__ == "__main__":
    main()
