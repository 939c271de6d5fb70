"""What the sections of ``gpu.py`` share: the device, the sizes, the networks and pictures, and how to time.

Knows nothing about any section.
"""

import argparse
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import torch

from sa2va_cli.bench.hardware import (
    count_flops,
    forget_peak_device_bytes,
    matmul_rate,
    peak_device_bytes,
    synchronizer,
)
from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.bench.rounds import measure
from sa2va_cli.datatypes import Frame
from sa2va_cli.model.fixed import Compile
from sa2va_cli.model.network import NetworkSegmenter

FPS = 24

Rows = Iterator[tuple[str, Any]]
"""What a section finds, with names, one after the other: what is there when time runs out is kept."""


class Bench:
    """What the sections share.

    Args:
        options: of the command line.
        arguments: the same before they were parsed; None for those of the process.
    """

    def __init__(self, options: argparse.Namespace, arguments: Sequence[str] | None = None) -> None:
        self.arguments = arguments
        self.device: str = options.device
        self.quick: bool = options.quick
        self.rounds = 1 if options.quick else 7
        self.size = (160, 90) if options.quick else (1920, 1080)
        self.objects = (1, 2) if options.quick else (1, 4, 2, 8)
        self.few_objects = self.objects[:1] if options.quick else self.objects[:2]
        self.dtype = torch.float32 if options.quick else torch.bfloat16
        self.sizes = "demo" if options.quick else "hiera-l"
        self.wait = synchronizer(options.device)
        self._segmenter: NetworkSegmenter | None = None
        self._frames: list[Frame] = []

    @property
    def place(self) -> torch.device:
        """The device, as torch names it."""
        return torch.device(self.device)

    @property
    def segmenter(self) -> NetworkSegmenter:
        """The network that is timed, with random weights, made once."""
        if self._segmenter is None:
            with torch.inference_mode(mode=False):  # whichever section asks first
                self._segmenter = NetworkSegmenter(random_network(self.sizes, self.place, self.dtype))
        return self._segmenter

    def frames(self, count: int) -> list[Frame]:
        """The first frames of the park, drawn once."""
        if len(self._frames) < count:
            pictures = park_pictures(count, self.size)
            self._frames = [Frame(t, t, Fraction(1, FPS), picture) for t, picture in enumerate(pictures)]
        return self._frames[:count]

    @property
    def compile_it(self) -> Compile:
        """As the program compiles; quick, it only traces, which still shows whether it is one graph."""
        backend = "eager" if self.quick else "inductor"
        return partial(torch.compile, fullgraph=True, dynamic=False, backend=backend)

    @cached_property
    def rate(self) -> float:
        """Measured floating point operations per second."""
        return matmul_rate(self.device, self.dtype)

    def tidy(self) -> None:
        """Gives back what the last section held on the device, but for the network that all share."""
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def milliseconds(self, run: Callable[[], object]) -> float:
        """The median of several rounds."""
        return 1000 * measure(run, self.rounds, self.wait).median

    def timed(self, run: Callable[[], object]) -> dict[str, Any]:
        """Times something; with its arithmetic, as a share of what the device can do, and its memory."""
        forget_peak_device_bytes(self.device)
        timing = measure(run, self.rounds, self.wait)
        peak, flops = peak_device_bytes(self.device), count_flops(run)
        return {
            "milliseconds": 1000 * timing.median,
            "spread": timing.spread,
            "gigaflops": flops / 1e9,
            "floor_share": flops / self.rate / timing.median,
            "peak_bytes": peak,
        }


@dataclass(frozen=True)
class Section:
    """One thing to find out.

    Attributes:
        run: yields what it finds.
        seconds: after which it is not asked for more.
    """

    run: Callable[[Bench], Rows]
    seconds: float

    @property
    def name(self) -> str:
        """Of the function."""
        return self.run.__name__

    @property
    def about(self) -> str:
        """What it measures, in one sentence."""
        return (self.run.__doc__ or "").partition("\n")[0]
