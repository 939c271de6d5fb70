"""Peak host memory of a long clip against a short one: 1080p, demo model, two objects, three outputs.

Every run is a process of its own. The target is less than 40 MB between 200 and 2,000 frames.

    python benchmarks/memory_growth.py
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recording import Column, add_options, record, rounds

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size

OBJECTS = 2

COLUMNS = (
    Column("size", "pictures"),
    Column("short", "frames", ",d"),
    Column("short_mb", "peak, MB", ",.0f"),
    Column("long", "frames", ",d"),
    Column("long_mb", "peak, MB", ",.0f"),
    Column("difference_mb", "difference, MB", "+.0f"),
)


def peak_of(clip: Path) -> int:
    """Bytes at the peak of a process that segments a clip."""
    command = [sys.executable, __file__, "--segment", str(clip)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def segment_here(clip: Path) -> int:
    """Segments a clip in this process; returns the bytes at its peak."""
    from sa2va_cli.bench.hardware import peak_host_bytes
    from sa2va_cli.bench.stages import AnsweringSegmenter
    from sa2va_cli.outputs.saving import Saving
    from sa2va_cli.pipeline.job import SegmentJob
    from sa2va_cli.pipeline.labels import numbered
    from sa2va_cli.pipeline.search import Search
    from sa2va_cli.pipeline.segmentation import segment
    from sa2va_cli.runtime.choice import ModelChoice
    from sa2va_cli.runtime.loading import load_segmenter

    choice = ModelChoice("demo", "cpu", "fp32")
    segmenter = AnsweringSegmenter(load_segmenter(choice, choice.placed()), OBJECTS)
    with tempfile.TemporaryDirectory() as folder:
        job = SegmentJob(
            source=str(clip),
            search=Search(prompts=numbered(["girl in red dress"])),
            model=choice,
            saving=Saving(("mask", "overlay", "coco"), f"{folder}/"),
        )
        segment(job, load=lambda *_: segmenter)
    peak = peak_host_bytes()
    if peak is None:
        raise SystemExit("this system does not report how much memory a process held")
    return peak


def main(arguments: Sequence[str] | None = None) -> list[int]:
    """Compares, prints, and returns the difference in bytes of each round."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--frames", type=int, nargs=2, default=[200, 2000], metavar=("SHORT", "LONG"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="8 and 16 frames of 160x90, one round")
    add_options(parser)
    parser.add_argument("--segment", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.segment:
        print(segment_here(options.segment))
        return []
    if options.quick:
        options.size, options.frames, options.rounds = "160x90", [8, 16], 1
    peaks: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        clips = [Path(folder) / f"{count}.mp4" for count in options.frames]
        for clip, count in zip(clips, options.frames, strict=True):
            write_park(clip, count, picture_size(options.size))
        for number in range(options.rounds):
            taken = {clip: peak_of(clip) for clip in (clips if number % 2 == 0 else clips[::-1])}
            peaks.append((taken[clips[0]], taken[clips[1]]))
            short, long = (peak / 1e6 for peak in peaks[-1])
            print(f"{short:.1f} MB, {long:.1f} MB, difference {long - short:+.1f} MB", flush=True)
    differences = [long - short for short, long in peaks]
    print(
        f"{options.frames[1]} against {options.frames[0]} frames of {options.size}: "
        f"{statistics.median(differences) / 1e6:+.1f} MB "
        f"({min(differences) / 1e6:+.1f} to {max(differences) / 1e6:+.1f}, {options.rounds} rounds)"
    )
    print(f"ratio {statistics.median(long / short for short, long in peaks):.3f}")
    row = {
        "size": options.size,
        "short": options.frames[0],
        "short_mb": rounds([short for short, _ in peaks], 1e-6),
        "long": options.frames[1],
        "long_mb": rounds([long for _, long in peaks], 1e-6),
        "difference_mb": rounds(differences, 1e-6),
    }
    record(options, __file__, arguments, COLUMNS, [row], notes=f"demo model in fp32, {OBJECTS} objects")
    return differences


if __name__ == "__main__":
    main()
