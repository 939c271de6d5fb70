"""Decode, overlay and encode behind a network that costs nothing, against ffmpeg's decode and encode.

    python benchmarks/media_path.py                    # 1080p and 720p; targets 1.10 and 1.20

Ours is the whole of ``sa2va segment --save overlay`` but for the network, in this process; ffmpeg's is
``ffmpeg -i in -c:v libx264 -preset veryfast -crf 18 out``, the same preset and quality, as a process of its
own. The clip is the demo world with a camera's grain. The second figure compares the processor's time instead
of the clock's: it is that of a machine with nothing to spare, and hardly suffers from other work.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recording import Cell, Column, add_options, record, rounds

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size
from sa2va_cli.bench.pictures import FPS, GRAIN, disc_logits
from sa2va_cli.bench.rounds import Ratio, Timing, take_turns
from sa2va_cli.datatypes import RGB, Followed, Frame, Grounding, ModelIdentity
from sa2va_cli.media.encodings import ENCODINGS
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.search import SAMPLINGS, Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.choice import ModelChoice

GRID = 256
"""Of the published networks' masks."""

COLUMNS = (
    Column("size", "pictures"),
    Column("objects", "objects"),
    Column("megabits", "Mbit/s", ".0f"),
    Column("clock", "ours / ffmpeg by the clock", ".2f"),
    Column("processor", "by processor time", ".2f"),
)


class FreeSegmenter:
    """Finds discs that turn slowly, at no cost.

    Args:
        objects: how many.
    """

    identity = ModelIdentity("free")

    def __init__(self, objects: int) -> None:
        self.turns = [disc_logits(objects, GRID, phase / 48) for phase in range(48)]
        self.scores = np.ones(objects, np.float32)

    def open(self, *, still: bool = False) -> "FreeSession":  # noqa: ARG002
        """A clip costs nothing."""
        return FreeSession(self)


class FreeSession(nullcontext["FreeSession"]):
    """A clip of a ``FreeSegmenter``."""

    def __init__(self, segmenter: FreeSegmenter) -> None:
        super().__init__(self)
        self._segmenter = segmenter

    def look(self, _: Sequence[RGB]) -> None:
        """There is nothing to see."""

    def ground(self, view: None, _: str) -> tuple[Grounding[NDArray[np.float32]], None]:
        """As many queries as discs."""
        return Grounding("Sure, [SEG].", self._segmenter.scores[:, None]), view

    def condition(self, _: Any, __: Any, *, track_keyframes: bool = False) -> tuple[()]:  # noqa: ARG002
        """There is nothing to remember, and something must be remembered."""
        return ()

    def follow(
        self, frames: Iterable[Frame], memory: tuple[()], **_: Any
    ) -> Generator[Followed[tuple[()]], None, None]:
        """The discs of every frame."""
        turns, scores = self._segmenter.turns, self._segmenter.scores
        for frame in frames:
            yield Followed(frame, turns[frame.index % len(turns)], scores, scores, memory)


def ours(clip: Path, target: Path, segmenter: FreeSegmenter, sampling: str) -> Callable[[], object]:
    """The program, from a clip to an overlay."""
    job = SegmentJob(
        source=str(clip),
        search=Search(prompts=numbered(["girl in red dress"]), sampling=sampling),
        model=ModelChoice("demo", "cpu", "fp32"),
        saving=Saving(("overlay",), str(target), "overwrite"),
    )
    return lambda: segment(job, load=lambda *_: segmenter)


def transcode(clip: Path, target: Path) -> Callable[[], object]:
    """The same without an overlay, by ffmpeg, with the writer's own preset and quality.

    Raises:
        SystemExit: there is no ffmpeg.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise SystemExit("this benchmark compares with ffmpeg, and there is no program of that name")
    encoding = ENCODINGS["h264"]
    options = ["-c:v", encoding.encoder, "-preset", str(encoding.preset), "-crf", f"{encoding.crf:g}"]
    command = [program, "-nostdin", "-loglevel", "error", "-y", "-i", str(clip), *options, str(target)]
    return lambda: subprocess.run(command, check=True)


class Processor:
    """Adds up, run by run, the processor's time that something takes in this process and those it starts.

    Args:
        work: what is run.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._seconds: list[float] = []

    def __call__(self) -> None:
        """Runs it once."""
        before = _processor_seconds()
        self._work()
        self._seconds.append(_processor_seconds() - before)

    @property
    def timing(self) -> Timing:
        """Of all runs but the first."""
        return Timing(tuple(self._seconds[1:]))


def _processor_seconds() -> float:
    """What this process and those it has waited for have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def compare(size: tuple[int, int], options: argparse.Namespace) -> tuple[Ratio, Ratio, float]:
    """Compares at one size and prints.

    Returns:
        How many times as long ours takes by the clock, and of the processor's time; Mbit/s of the clip.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        clip = place / "park.mp4"
        write_park(clip, options.frames, size, options.grain)
        segmenter = FreeSegmenter(options.objects)
        works = {
            "ours": Processor(ours(clip, place / "overlay.mp4", segmenter, options.sampling)),
            "ffmpeg": Processor(transcode(clip, place / "plain.mp4")),
        }
        clock = take_turns(works, options.rounds)
        megabits = 8e-6 * clip.stat().st_size / options.frames * FPS
    by_clock = Ratio.of(clock["ours"], clock["ffmpeg"])
    by_processor = Ratio.of(works["ours"].timing, works["ffmpeg"].timing)
    speeds = ", ".join(f"{name} {options.frames / timing.median:.1f} fps" for name, timing in clock.items())
    costs = ", ".join(
        f"{name} {1000 * work.timing.median / options.frames:.1f} ms" for name, work in works.items()
    )
    print(
        f"{size[0]}x{size[1]}, {options.frames} frames at {megabits:.0f} Mbit/s, "
        f"{options.objects} object(s)\n"
        f"  clock: {speeds}, ours / ffmpeg {by_clock}\n"
        f"  processor's time for a frame: {costs}, ours / ffmpeg {by_processor}",
        flush=True,
    )
    return by_clock, by_processor, megabits


def main(arguments: Sequence[str] | None = None) -> dict[str, tuple[Ratio, Ratio]]:
    """Compares at every size, prints, and returns the ratios by the clock and of the processor's time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=["1920x1080", "1280x720"], metavar="WxH")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--objects", type=int, default=1)
    parser.add_argument(
        "--sampling",
        choices=SAMPLINGS,
        default="first",
        help="uniform decodes up to twice, because keyframes come before the first frame",
    )
    parser.add_argument("--grain", type=float, default=GRAIN, help="0 for pictures as they are drawn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="12 frames of 160x90, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.frames, options.rounds = ["160x90"], 12, 1
    ratios: dict[str, tuple[Ratio, Ratio]] = {}
    rows: list[dict[str, Cell]] = []
    for size in options.sizes:
        clock, processor, megabits = compare(picture_size(size), options)
        ratios[size] = clock, processor
        found: dict[str, Cell] = {"clock": rounds(clock.rounds), "processor": rounds(processor.rounds)}
        rows.append({"size": size, "objects": options.objects, "megabits": megabits, **found})
    for number, what in enumerate(("of the processor's time ", "")):
        parts = (f"{size} {pair[1 - number].median:.2f}" for size, pair in ratios.items())
        print(f"ratio {what}{', '.join(parts)}")
    record(options, __file__, arguments, COLUMNS, rows)
    return ratios


if __name__ == "__main__":
    main()
