"""Guided refinement and smoothing of one object at 1080p on one core, against decoding that frame.

    python benchmarks/edges.py

The target is 12 ms for guided refinement; smoothing looks at one frame to either side. The figures are the
processor's time instead of the clock's, which suffers less from other work. The object is an upright ellipse
with the soft edge that a network of 256 by 256 cells draws; how large it is makes most of the difference.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from recording import Column, add_options, record

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.bench.rounds import Timing
from sa2va_cli.render.refine.guided import guided
from sa2va_cli.render.refine.smooth import smooth

SIZE = 1920, 1080
CELL = 7.5  # pixels of the picture's width in one of 256 cells
TARGET_MS = 12
OBJECTS = {"ball": (110, 110), "dancer": (130, 330), "close-up": (330, 500)}


def soft_ellipse(radii: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) float32, an ellipse in the middle with an edge a network's cell wide."""
    mask = np.zeros(SIZE[::-1], np.float32)
    cv2.ellipse(mask, (SIZE[0] // 2, SIZE[1] // 2), radii, 0, 0, 360, 1.0, -1)
    return np.clip(cv2.GaussianBlur(mask, (0, 0), CELL), 0, 1)


def processor_time(work: Callable[[], object], rounds: int) -> Timing:
    """Times something in the processor's seconds, after one round that does not count."""
    work()
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return Timing(tuple(seconds))


def decoding(rounds: int) -> Timing:
    """A frame of 1080p H.264, decoded on one thread and turned into RGB."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "park.mp4"
        write_park(clip, rounds + 1, SIZE)
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "NONE"
            pictures = (k.to_ndarray(format="rgb24") for k in container.decode(video=0))
            return processor_time(lambda: next(pictures), rounds)


COLUMNS = (
    Column("object", "object"),
    Column("share", "of the picture, %", ".1f"),
    Column("ms", "guided, ms", ".1f"),
    Column("ratio", "of the time to decode the frame", ".2f"),
    Column("smooth", "smooth, ms", ".0f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="see that it works; the figures mean nothing")
    add_options(parser)
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else options.rounds
    cv2.setNumThreads(1)
    decoded = decoding(rounds)
    print(f"decoding and RGB: {decoded.median * 1e3:.1f} ms, best {min(decoded.seconds) * 1e3:.1f}")
    pictures = list(itertools.islice(park_pictures(3, SIZE), 3))
    image = pictures[0]
    rows = []
    for name, radii in OBJECTS.items():
        soft = soft_ellipse(radii)
        refined = processor_time(lambda soft=soft: guided(image, soft), rounds)
        window = [(moved, np.roll(soft, 4 * k, axis=1)) for k, moved in enumerate(pictures)]
        steadied = processor_time(lambda window=window: smooth(window, 1), max(min(2, rounds), rounds // 8))
        best, share = min(refined.seconds), refined.median / decoded.median
        print(
            f"{name}, {soft.mean():.1%} of the picture: {refined.median * 1e3:.1f} ms, best {best * 1e3:.1f} "
            f"(target {TARGET_MS}); {share:.2f} of decoding; smooth {steadied.median * 1e3:.0f} ms"
        )
        row = {"object": name, "share": 100 * float(soft.mean()), "ms": refined.median * 1e3, "ratio": share}
        rows.append(row | {"smooth": steadied.median * 1e3})
    print(f"ratio of the largest to decoding {rows[-1]['ratio']:.2f}")
    record(options, __file__, arguments, COLUMNS, rows, notes="processor time, one core")


if __name__ == "__main__":
    main()
