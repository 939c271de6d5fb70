"""Frames per second of the demo model from a clip to an overlay, with one object and with four.

The sample is 640x360; the model is loaded before the clock starts. Targets on two cores: 40 and 25 fps.

    python benchmarks/end_to_end.py
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from recording import Column, add_options, record, rounds

from sa2va_cli.bench.rounds import Ratio, Timing, take_turns
from sa2va_cli.bench.stages import AnsweringSegmenter
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import choose_placement
from sa2va_cli.runtime.loading import load_segmenter

SAMPLE = Path(__file__).parents[1] / "samples" / "park.mp4"
FRAMES = 96

COLUMNS = (
    Column("dtype", "precision"),
    Column("objects", "objects"),
    Column("fps", "frames per second", ".1f"),
)


def main(arguments: Sequence[str] | None = None) -> dict[int, Timing]:
    """Times, prints, and returns the time of a frame by number of objects."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="three frames, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    frames, count = (3, 1) if options.quick else (FRAMES, options.rounds)
    placement = choose_placement("cpu", options.dtype)
    network = load_segmenter(ModelChoice("demo"), placement)
    with tempfile.TemporaryDirectory() as folder:
        job = SegmentJob(
            source=str(SAMPLE),
            search=Search(prompts=numbered(["girl in red dress"]), max_frames=frames),
            model=ModelChoice("demo", "cpu", options.dtype),
            saving=Saving(("overlay",), f"{folder}/", "overwrite"),
        )

        def run(objects: int) -> Callable[[], object]:
            segmenter = AnsweringSegmenter(network, objects)
            return lambda: segment(job, load=lambda *_: segmenter)

        whole = take_turns({str(objects): run(objects) for objects in options.objects}, count)
    timings = {int(name): timing.each(frames) for name, timing in whole.items()}
    for objects, timing in timings.items():
        print(f"{objects} object(s): {1 / timing.median:.1f} fps, spread {timing.spread:.0%}")
    first, last = options.objects[0], options.objects[-1]
    print(f"ratio of {last} objects to {first}: {Ratio.of(timings[last], timings[first])}")
    rows = [
        {"dtype": placement.dtype, "objects": objects, "fps": rounds([1 / each for each in timing.seconds])}
        for objects, timing in timings.items()
    ]
    record(options, __file__, arguments, COLUMNS, rows)
    return timings


if __name__ == "__main__":
    main()
