"""Preprocessing of a frame for SAM 2 against Pillow's, which is the official one: values and time.

One core, 1080p; the targets are 99.7 % identical values, at most 2 levels apart, and 6 ms a frame.

    python benchmarks/preprocessing.py
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from recording import Column, add_options, record, rounds
from torch import Tensor

from sa2va_cli.bench.job import picture_size
from sa2va_cli.bench.pictures import GRAIN, park_pictures
from sa2va_cli.bench.rounds import Ratio, Timing, take_turns
from sa2va_cli.datatypes import RGB
from sa2va_cli.model.preprocessing import GROUNDING_MEAN, GROUNDING_STD, grounding_pixels
from sa2va_cli.runtime.device import DTYPES

SIDE = 1024

COLUMNS = (
    Column("size", "pictures"),
    Column("identical", "identical values, %", ".6g"),
    Column("levels", "levels apart, at most"),
    Column("official", "Pillow, ms", ".1f"),
    Column("ours", "ours, ms", ".1f"),
    Column("ratio", "Pillow / ours", ".2f"),
)


def official(image: RGB, side: int, dtype: torch.dtype) -> Tensor:
    """(1, 3, S, S): bicubic by Pillow, then normalised in float32 with the rounded constants."""
    resized = np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
    pixels = torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (GROUNDING_MEAN, GROUNDING_STD))
    return ((pixels - mean) / std).to(dtype)


def levels(pixels: Tensor) -> Tensor:
    """Turns normalised pixels (1, 3, S, S) back into steps of 255."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (GROUNDING_MEAN, GROUNDING_STD))
    return ((pixels.float() * std + mean) * 255).round()


@dataclass(frozen=True)
class Findings:
    """What was measured.

    Attributes:
        identical: part of the values that are the same, in float32, as levels of 255.
        largest: the largest difference in levels.
        official: the official preprocessing's time for a frame.
        ours: our time for a frame.
    """

    identical: float
    largest: int
    official: Timing
    ours: Timing


def compare(size: tuple[int, int], side: int, dtype: torch.dtype, rounds: int, grain: float) -> Findings:
    """Compares values and times of several frames."""
    images = list(park_pictures(6, size, grain))
    same, largest = [], 0
    for image in images:
        wanted = levels(official(image, side, torch.float32))
        got = levels(grounding_pixels(image, side, torch.float32, still=False))
        difference = (wanted - got).abs()
        same.append(float((difference == 0).float().mean()))
        largest = max(largest, int(difference.max()))
    timings = take_turns(
        {
            "official": lambda: [official(image, side, dtype) for image in images],
            "ours": lambda: [grounding_pixels(image, side, dtype, still=False) for image in images],
        },
        rounds,
    )
    each = {name: timing.each(len(images)) for name, timing in timings.items()}
    return Findings(float(np.mean(same)), largest, each["official"], each["ours"])


def main(arguments: Sequence[str] | None = None) -> Findings:
    """Compares, prints, and returns what was printed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--side", type=int, default=SIDE, help="of the network's input in pixels")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--grain", type=float, default=GRAIN)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="160x90 to 64 pixels, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.side, options.rounds = "160x90", 64, 1
    torch.set_num_threads(1)
    size, dtype = picture_size(options.size), getattr(torch, DTYPES[options.dtype])
    found = compare(size, options.side, dtype, options.rounds, options.grain)
    print(f"identical {found.identical:.4%} of the values, at most {found.largest} levels apart")
    print(
        f"{options.size} to {options.side} pixels in {options.dtype}, one thread: "
        f"official {1000 * found.official.median:.2f} ms, ours {1000 * found.ours.median:.2f} ms a frame"
    )
    ratio = Ratio.of(found.official, found.ours)
    print(f"ratio {ratio}")
    row = {
        "size": options.size,
        "identical": 100 * found.identical,
        "levels": found.largest,
        "official": 1000 * found.official.median,
        "ours": 1000 * found.ours.median,
        "ratio": rounds(ratio.rounds),
    }
    record(options, __file__, arguments, COLUMNS, [row], notes=f"{options.dtype}, one thread")
    return found


if __name__ == "__main__":
    main()
