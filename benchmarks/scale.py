"""What a batch of 10,000 and of 1,000,000 hours of video needs on 1, 8, 64 and 512 GPUs, and what ends first.

    python benchmarks/scale.py --record scale

A simulation, not a measurement: clips go through the one process that hands them out and writes the state
file, through storage that all workers share, and through the workers, of which some die. What the first costs
for each clip is measured here; what the others do is assumed, see the options and the second table.
"""

import argparse
import heapq
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recording import Cell, Column, add_options, record

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.state import opened
from sa2va_cli.batch.state_format import NAME

HOURS, GPUS = (10_000, 1_000_000), (1, 8, 64, 512)
STATE_WRITES = 2
"""For each clip: that it was begun, and what came of it (``batch.running``)."""
CALLS_A_SECOND = 1.0
"""For each worker: progress of a second is heard in one call (``batch.ray_pool``)."""
CHECKPOINT_SECONDS = 10
"""The default of ``batch --checkpoint``."""
_LARGEST = 20_000
"""Clips that are simulated at most; a longer list is this one again and again."""

COLUMNS = (
    Column("hours", "hours of video", ",.7g"),
    Column("gpus", "GPUs", ",.7g"),
    Column("days", "days", ",.7g"),
    Column("cost", "cost, thousand $", ",.7g"),
    Column("busy", "GPUs at work", ".0%"),
    Column("driver", "the driver at work", ".1%"),
    Column("storage", "the storage", ".1%"),
    Column("limit", "what limits it"),
    Column("read", "storage, Gbit/s", ",.7g"),
    Column("terabytes", "read and written, TB", ",.7g"),
    Column("writes", "state-file writes a second", ",.7g"),
    Column("deaths", "workers that die", ",.7g"),
)

ASSUMED_COLUMNS = (Column("what", "what"), Column("value", "value"), Column("source", "where it is from"))


@dataclass(frozen=True)
class Costs:
    """What a clip costs.

    Attributes:
        clip_seconds: how long it is on average.
        rate: frames a second of video.
        frames_per_second: that a worker follows.
        start_seconds: of a clip until its first frame: opening it, asking the language model.
        load_seconds: until a new worker has a model.
        checkpoint_seconds: of work between checkpoints; half of it is done again after a death.
        hours_to_death: of a worker, on average.
        read_bits: of the video, a second.
        frame_bytes: written for each frame, tracks and masks together.
        storage_bits: that the storage gives and takes a second.
        driver_seconds: of the process that hands out, for each clip.
        call_seconds: of that process, for each call that listens to a worker: one a second and worker.
    """

    clip_seconds: float
    rate: float
    frames_per_second: float
    start_seconds: float
    load_seconds: float
    checkpoint_seconds: float
    hours_to_death: float
    read_bits: float
    frame_bytes: float
    storage_bits: float
    driver_seconds: float
    call_seconds: float


@dataclass(frozen=True)
class Outlook:
    """How one batch went.

    Attributes:
        seconds: of the whole.
        busy: part of it in which workers worked.
        driver: likewise for the process that hands out.
        storage: likewise for the storage.
        bits: read and written.
        clips: that were done.
        deaths: of workers.
    """

    seconds: float
    busy: float
    driver: float
    storage: float
    bits: float
    clips: float
    deaths: float

    @property
    def limit(self) -> str:
        """What is at work longest."""
        parts = {"the GPUs": self.busy, "the driver": self.driver, "the storage": self.storage}
        return max(parts, key=lambda name: parts[name])


def simulated(hours: float, gpus: int, costs: Costs, seed: int = 7) -> Outlook:
    """One batch, clip by clip; lengths are drawn from an exponential distribution.

    Of a long list a part is simulated. Its rate while all workers have clips holds for the rest, and its
    end, when they run out of them one after the other, comes once. A worker opens its next clip while one
    is followed (``batch.worker``), so what it waits for is only what is not ready by then.
    """
    wanted = hours * 3600 / costs.clip_seconds
    count = max(1, round(min(wanted, max(_LARGEST, 40 * gpus))))
    draw = random.Random(seed)  # noqa: S311
    free = [(costs.load_seconds, number) for number in range(gpus)]
    asked = [0.0] * gpus
    driver = storage = end = 0.0
    worked = waited = bits = deaths = idle = 0.0
    for length in _lengths(draw, count, costs.clip_seconds):
        at, worker = heapq.heappop(free)
        driver = max(driver, asked[worker]) + costs.driver_seconds
        moved = length * (costs.read_bits + costs.rate * costs.frame_bytes * 8)
        storage = max(storage, driver) + moved / costs.storage_bits
        work = costs.start_seconds + length * costs.rate / costs.frames_per_second
        died = work / 3600 / costs.hours_to_death
        work += died * (costs.checkpoint_seconds / 2 + costs.load_seconds + costs.start_seconds)
        begun = max(at, storage)
        idle += begun - at
        asked[worker] = begun
        heapq.heappush(free, (begun + work, worker))
        worked, waited, bits, deaths = (
            worked + work,
            waited + moved / costs.storage_bits,
            bits + moved,
            deaths + died,
        )
        end = max(end, begun + work)
    more = wanted / count
    at_work = 1 - idle / (gpus * free[0][0])
    seconds = end + (more - 1) * worked / (gpus * at_work)
    calls = gpus * CALLS_A_SECOND * costs.call_seconds
    return Outlook(
        seconds,
        worked * more / seconds / gpus,
        wanted * costs.driver_seconds / seconds + calls,
        waited * more / seconds,
        bits * more,
        wanted,
        deaths * more,
    )


def _lengths(draw: random.Random, count: int, mean: float) -> Iterator[float]:
    for _ in range(count):
        yield draw.expovariate(1 / mean)


def measured_driver_seconds(count: int) -> float:
    """Processor time of the state file for one clip: it is entered, begun and ended."""
    jobs = [BatchJob(str(number), "segment", f"{number}.mp4", None) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / NAME) as state:
        started = time.process_time()
        state.enter(jobs)
        for job in jobs:
            state.begin(job.key)
            state.end(job.key, Outcome("done", frames=1, outputs={f"{job.source}.mask.mp4": {"size": 1}}))
        return (time.process_time() - started) / count


def rows_of(costs: Costs, price: float) -> list[dict[str, Cell]]:
    """A row for each amount of video and number of GPUs."""
    rows: list[dict[str, Cell]] = []
    for hours in HOURS:
        for gpus in GPUS:
            seen = simulated(hours, gpus, costs)
            rows.append(
                {
                    "hours": hours,
                    "gpus": gpus,
                    "days": _short(seen.seconds / 86400),
                    "cost": _short(gpus * seen.seconds / 3600 * price / 1000),
                    "busy": _short(seen.busy),
                    "driver": _short(seen.driver),
                    "storage": _short(seen.storage),
                    "limit": seen.limit,
                    "read": _short(seen.bits / seen.seconds / 1e9),
                    "terabytes": _short(seen.bits / 8e12),
                    "writes": _short(seen.clips * STATE_WRITES / seen.seconds),
                    "deaths": _short(seen.deaths),
                }
            )
    return rows


def assumptions(costs: Costs, price: float) -> list[dict[str, Cell]]:
    """What goes into the simulation, and where each figure is from."""
    assumed = "assumed"
    rows = (
        ("length of a clip, on average", f"{costs.clip_seconds / 60:g} minutes", assumed),
        ("frames a second of the videos", f"{costs.rate:g}", assumed),
        ("what a second of video is read as", f"{costs.read_bits / 1e6:g} Mbit", assumed),
        (
            "frames a second that a worker follows",
            f"{costs.frames_per_second:g}",
            "assumed: a little below what an H200 reached with one to four objects (gpu_end_to_end.json)",
        ),
        ("until the first frame of a clip", f"{costs.start_seconds:g} s", assumed),
        ("until a new worker has a model", f"{costs.load_seconds:g} s", assumed),
        ("between two checkpoints", f"{costs.checkpoint_seconds:g} s", "the default of `batch --checkpoint`"),
        ("until a worker dies, on average", f"{costs.hours_to_death:,g} hours", assumed),
        (
            "written for a frame",
            f"{costs.frame_bytes / 1e3:g} kB",
            "assumed: masks, and tracks of one or two things (docs/concepts/architecture.md)",
        ),
        ("what the storage gives and takes a second", f"{costs.storage_bits / 1e9:g} Gbit", assumed),
        (
            "processor time of the driver for the state of a clip",
            f"{costs.driver_seconds * 1e3:.2g} ms",
            "measured by this script",
        ),
        (
            "processor time of the driver to listen to a worker, once a second",
            f"{costs.call_seconds * 1e3:g} ms",
            "assumed; once a second is the rule of `batch/ray_pool.py`",
        ),
        ("a GPU for an hour", f"{price:g} $", assumed),
    )
    return [{"what": what, "value": value, "source": source} for what, value, source in rows]


def _short(figure: float) -> float:
    """Three digits: more would look as if they were known."""
    return float(f"{figure:.3g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints how many workers keep the driver busy; see the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip-minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=25, help="frames a second of the videos")
    parser.add_argument("--frames-per-second", type=float, default=25, help="of a worker, assumed")
    parser.add_argument(
        "--start-seconds", type=float, default=3, help="of a clip until its first frame, assumed"
    )
    parser.add_argument("--load-seconds", type=float, default=60, help="of a model, assumed")
    parser.add_argument("--hours-to-death", type=float, default=2000, help="of a worker on average, assumed")
    parser.add_argument("--megabits", type=float, default=8, help="a second of video")
    parser.add_argument("--kilobytes", type=float, default=10, help="written for a frame")
    parser.add_argument("--storage-gigabits", type=float, default=10, help="of the storage, a second")
    parser.add_argument("--call-milliseconds", type=float, default=1, help="of listening once, assumed")
    parser.add_argument("--price", type=float, default=2, help="of a GPU for an hour in $, assumed")
    parser.add_argument("--quick", action="store_true", help="one measurement of few clips")
    add_options(parser)
    options = parser.parse_args(arguments)
    costs = Costs(
        options.clip_minutes * 60,
        options.rate,
        options.frames_per_second,
        options.start_seconds,
        options.load_seconds,
        CHECKPOINT_SECONDS,
        options.hours_to_death,
        options.megabits * 1e6,
        options.kilobytes * 1e3,
        options.storage_gigabits * 1e9,
        measured_driver_seconds(50 if options.quick else 2000),
        options.call_milliseconds / 1e3,
    )
    rows = rows_of(costs, options.price)
    for row in rows:
        print(row)
    assumed = assumptions(costs, options.price)
    record(options, __file__, arguments, ASSUMED_COLUMNS, assumed, suffix="_assumed")
    record(options, __file__, arguments, COLUMNS, rows, notes="simulated")
    clip = costs.start_seconds + costs.clip_seconds * costs.rate / costs.frames_per_second
    moved = costs.clip_seconds * (costs.read_bits + costs.rate * costs.frame_bytes * 8)
    listening = 1 / (costs.driver_seconds / clip + CALLS_A_SECOND * costs.call_seconds)
    print(f"the driver is full with {listening:,.0f} workers", end=", ")
    print(f"the storage with {clip * costs.storage_bits / moved:,.0f}")
    print(f"ratio {listening * moved / (clip * costs.storage_bits):.2f} of what driver and storage serve")


if __name__ == "__main__":
    main()
