"""``sa2va render`` of one overlay, from a log and its source, against ffmpeg's decode and encode.

    python benchmarks/rendering.py                    # 1080p; target 1.15 of the processor's time

Ours is everything after the network: the source decoded, the log read, the overlay drawn and encoded, in
this process. ffmpeg's is ``ffmpeg -i in -c:v libx264 -preset veryfast -crf 18 out``, the same preset and
quality, as a process of its own. The log is that of discs which turn slowly, on the grid of the published
networks. The clip is the demo world with a camera's grain.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from media_path import FreeSegmenter, Processor, transcode
from recording import Column, add_options, record, rounds

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size
from sa2va_cli.bench.pictures import GRAIN
from sa2va_cli.bench.rounds import Ratio, take_turns
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.rendering import RenderJob, render
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.choice import ModelChoice

COLUMNS = (
    Column("size", "pictures"),
    Column("objects", "objects"),
    Column("clock", "render / ffmpeg by the clock", ".2f"),
    Column("processor", "by processor time", ".2f"),
)


def tracks_of(clip: Path, target: Path, objects: int) -> Path:
    """Logs what a network that costs nothing finds in a clip."""
    job = SegmentJob(
        source=str(clip),
        search=Search(prompts=numbered(["girl in red dress"]), sampling="first"),
        model=ModelChoice("demo", "cpu", "fp32"),
        saving=Saving(("tracks",), str(target), "overwrite"),
    )
    segment(job, load=lambda *_: FreeSegmenter(objects))
    return target


def rendering(tracks: Path, target: Path) -> Callable[[], object]:
    """The overlay, from the log."""
    job = RenderJob(tracks, saving=Saving(("overlay",), str(target), "overwrite"))
    return lambda: render(job)


def main(arguments: Sequence[str] | None = None) -> tuple[Ratio, Ratio]:
    """Compares, prints, and returns the ratios by the clock and of the processor's time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--objects", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="12 frames of 160x90, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.frames, options.rounds = "160x90", 12, 1
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        clip = place / "park.mp4"
        write_park(clip, options.frames, picture_size(options.size), GRAIN)
        tracks = tracks_of(clip, place / "park.tracks.sa2va", options.objects)
        works = {
            "render": Processor(rendering(tracks, place / "overlay.mp4")),
            "ffmpeg": Processor(transcode(clip, place / "plain.mp4")),
        }
        clock = take_turns(works, options.rounds)
    by_clock = Ratio.of(clock["render"], clock["ffmpeg"])
    by_processor = Ratio.of(works["render"].timing, works["ffmpeg"].timing)
    for name, work in works.items():
        print(f"{name}: {1000 * work.timing.median / options.frames:.1f} ms of processor time for a frame")
    print(f"ratio {by_processor} of the processor's time, {by_clock} by the clock")
    found = {"clock": rounds(by_clock.rounds), "processor": rounds(by_processor.rounds)}
    row = {"size": options.size, "objects": options.objects, **found}
    record(options, __file__, arguments, COLUMNS, [row])
    return by_clock, by_processor


if __name__ == "__main__":
    main()
