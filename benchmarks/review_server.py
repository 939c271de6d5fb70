"""How soon `sa2va review` answers: neighbours of a frame at 1080p, and the opening of two hours; its memory.

    python benchmarks/review_server.py                       # targets: 100 ms, 2 s, flat memory

Asks the whole application, security included, as a browser does, but without a socket between. The clip is
the demo world at 1080p with a camera's grain. The long one repeats its packets, and its log repeats a mask,
for two hours. Steps are timed one after the other, as a person makes them who holds the arrow key: nothing
waits in between, so working ahead helps little.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from media_path import FreeSegmenter
from recording import Column, add_options, record
from starlette.testclient import TestClient

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size
from sa2va_cli.bench.pictures import GRAIN
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.provenance import source_facts
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.review.desk import Desk
from sa2va_cli.review.engine import Engine
from sa2va_cli.review.project import opened_project
from sa2va_cli.review.security import Access
from sa2va_cli.review.server import application
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.tracks.indexed import IndexedFrames
from sa2va_cli.tracks.log import FRAME, Tracks, end_of, head_of
from sa2va_cli.tracks.records import packed

API = "/api/v1"
TOKEN = "the-token-of-a-benchmark"
TARGET_MS, TARGET_OPEN_S = 100, 2
COLUMNS = (
    Column("what", "what"),
    Column("median", "median, ms", ".0f"),
    Column("worst", "95th percentile, ms", ".0f"),
    Column("processor", "processor time, ms", ".0f"),
    Column("memory", "memory afterwards, MB", ".0f"),
)


class Asker:
    """A server over something, and a client of it."""

    def __init__(self, path: Path) -> None:
        self.desk = Desk(opened_project(str(path)), Engine(ModelChoice("demo")))
        self.client = TestClient(
            application(self.desk, Access("127.0.0.1", 8000, TOKEN)),
            base_url="http://127.0.0.1:8000",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )

    def get(self, path: str) -> Any:
        """Asks, and makes sure that the answer is one."""
        answer = self.client.get(API + path)
        answer.raise_for_status()
        return answer

    @property
    def id(self) -> str:
        """Of the first clip."""
        return str(self.get("/clips").json()["clips"][0]["id"])


def timed(work: Callable[..., object], *given: object) -> tuple[float, float]:
    """Milliseconds by the clock, and of the processor in this process."""
    clock, processor = time.perf_counter(), time.process_time()
    work(*given)
    return 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor)


def row(what: str, times: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """One line of the table."""
    clock = sorted(one for one, _ in times)
    return {
        "what": what,
        "median": statistics.median(clock),
        "worst": clock[min(len(clock) - 1, round(0.95 * len(clock)))],
        "processor": statistics.median(one for _, one in times),
        "memory": resident(),
    }


def tracks_of(clip: Path) -> Path:
    """Logs what a network that costs nothing finds."""
    target = clip.with_name(f"{clip.stem}.tracks.sa2va")
    job = SegmentJob(
        source=str(clip),
        search=Search(prompts=numbered(["girl in red dress"]), sampling="first"),
        model=ModelChoice("demo", "cpu", "fp32"),
        saving=Saving(("tracks",), str(target), "overwrite"),
    )
    free: Any = FreeSegmenter(1)
    segment(job, load=lambda *_: free)
    return target


def repeated(clip: Path, target: Path, times: int) -> None:
    """A clip as often as that, one after the other, without decoding it."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        packets = [
            (one, one.pts, one.dts)
            for one in source.demux(stream)
            if one.pts is not None and one.dts is not None
        ]
        shift = max(pts + (one.duration or 0) for one, pts, _ in packets) - min(pts for _, pts, _ in packets)
        for number in range(times):
            for one, pts, dts in packets:
                packet = av.Packet(bytes(one))
                packet.pts, packet.dts = pts + number * shift, dts + number * shift
                packet.time_base, packet.duration = one.time_base, one.duration
                packet.is_keyframe, packet.stream = one.is_keyframe, copy
                container.mux(packet)


def long_log(clip: Path, known: Path) -> Path:
    """A log of a long clip whose mask is the first one of a short one."""
    short = Tracks(known)
    first = next(one for one in map(IndexedFrames.of(short).__getitem__, range(short.header.frames)) if one)
    target = clip.with_name(f"{clip.stem}.tracks.sa2va")
    with opened(str(clip), Search(short.header.prompts), lambda _: None) as reader, target.open("wb") as file:
        count = reader.count_selected()
        source = source_facts(reader, str(clip))
        file.write(head_of(replace(short.header, source=source, frames=count, stem=clip.stem)))
        for index, stamp in enumerate(reader.stamps()):
            one = replace(first, index=index, source_index=index, pts=stamp)
            file.write(packed(FRAME, one.payload))
        file.write(end_of(count))
    return target


def resident() -> float:
    """MB of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def scrubbed(asker: Asker, clip: str, frames: int, width: int, steps: int) -> list[dict[str, Any]]:
    """Steps in each direction, jumps, and masks."""
    address = f"/clips/{clip}/frames/{{}}?width={width}"
    get = asker.get
    get(address.format(0))
    half = frames // 2
    forwards = [timed(get, address.format(k)) for k in range(1, steps + 1)]
    get(address.format(frames - 1))
    backwards = [timed(get, address.format(frames - 1 - k)) for k in range(1, steps + 1)]
    jumps = [timed(get, address.format((k * 37 + half) % frames)) for k in range(1, steps // 2)]
    masks = [timed(get, f"/clips/{clip}/masks/{k}?width={width}") for k in range(steps)]
    return [
        row(f"the next frame, {width} pixels wide", forwards),
        row(f"the frame before, {width} pixels wide", backwards),
        row(f"a frame anywhere, {width} pixels wide", jumps),
        row(f"masks of one object, {width} pixels wide", masks),
    ]


def opening(log: Path) -> list[dict[str, Any]]:
    """What somebody waits for who opens a long clip."""
    made: list[Asker] = []

    def begin() -> None:
        made.append(Asker(log))
        made[0].get("/clips")

    rows = [row("opening two hours: the list", [timed(begin)])]
    asker = made[0]
    clip, middle = asker.id, Tracks(log).header.frames // 2
    rows += [
        row("all about the clip", [timed(asker.get, f"/clips/{clip}")]),
        row("its first masks", [timed(asker.get, f"/clips/{clip}/masks/{middle}?width=1280")]),
        row("its first picture", [timed(asker.get, f"/clips/{clip}/frames/0?width=1280")]),
        row("all about it again", [timed(asker.get, f"/clips/{clip}")]),
    ]
    asker.desk.close()
    return rows


def flat(asker: Asker, clip: str, frames: int, minutes: float) -> list[dict[str, Any]]:
    """Times of stretches anywhere, with their masks, for a tenth of some minutes, and up to their end."""
    generator, begin = np.random.default_rng(7), time.monotonic()
    rows = []
    for seconds in (6 * minutes, 60 * minutes):
        times: list[tuple[float, float]] = []
        while not times or time.monotonic() - begin < seconds:
            start = int(generator.integers(frames))
            stretch = ((start + step) % frames for step in range(20))
            times += [timed(_both, asker, f"/clips/{clip}/{{}}/{index}?width=1280") for index in stretch]
        rows.append(row(f"a frame and its masks, for {seconds:.0f} s", times))
    return rows


def _both(asker: Asker, address: str) -> None:
    """Asks for a frame and for its masks."""
    for one in ("frames", "masks"):
        asker.get(address.format(one))


def main(arguments: Sequence[str] | None = None) -> float:
    """Measures, prints, and returns the median of a neighbour's time by what it may take."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--minutes", type=float, default=2.0, help="of scrubbing, for the memory")
    parser.add_argument("--quick", action="store_true", help="24 frames of 160x90, 10 seconds long")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.frames, options.steps = "160x90", 24, 8
        options.hours, options.minutes = 10 / 3600, 1 / 600
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "park.mp4"
        write_park(clip, options.frames, picture_size(options.size), GRAIN)
        log = tracks_of(clip)
        asker = Asker(log)
        rows = scrubbed(asker, asker.id, options.frames, 1280, options.steps)
        rows += flat(asker, asker.id, options.frames, options.minutes)
        asker.desk.close()
        long = Path(folder) / "long.mp4"
        repeated(clip, long, max(1, round(options.hours * 3600 * 24 / options.frames)))
        first = opening(long_log(long, log))
        rows += first
    for one in rows:
        print(
            f"{one['what']}: {one['median']:.0f} ms, {one['processor']:.0f} ms of processor time, "
            f"{one['memory']:.0f} MB afterwards"
        )
    slowest = max(float(one["median"]) for one in first) / 1000 / TARGET_OPEN_S
    ratio = float(rows[0]["median"]) / TARGET_MS
    print(
        f"ratio {ratio:.2f} of {TARGET_MS} ms for the next frame, {slowest:.2f} of {TARGET_OPEN_S} s to open"
    )
    record(options, __file__, arguments, COLUMNS, rows)
    return ratio


if __name__ == "__main__":
    main()
