"""What bfloat16 costs the masks: ours and the plain path, each against float32.

The plain path is the official order of work on the layers' own code, see ``official_schedule.py``. All follow
the same queries, found in float32, through the same clip. The target is that ours is no farther from float32
than the plain path is.

    python benchmarks/accuracy.py                                       # the demo model in its world
    python benchmarks/accuracy.py --sizes hiera-l --clips 1 --frames 7  # random weights: masks are noise
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import torch
from numpy.typing import NDArray
from official_schedule import KEYFRAMES, encode_as_published, official_clip, our_clip
from recording import Column, add_options, record
from torch import Tensor

from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.stages import random_queries
from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.world import Scene, expressions, scene_seed
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import choose_placement
from sa2va_cli.runtime.loading import load_segmenter

SEED = 7
STRIDE = 4
"""Frames of the scene between two that are followed, so that a short clip moves."""

Masks = NDArray[np.bool_]

COLUMNS = (
    Column("network", "network"),
    Column("path", "in bfloat16"),
    Column("iou", "mean IoU", ".4f"),
    Column("worst", "worst IoU", ".4f"),
    Column("pixels", "same pixels, %", ".6g"),
)


@dataclass(frozen=True)
class Clip:
    """What is followed: pictures, and queries (N, C) in float32."""

    images: list[RGB]
    queries: Tensor


@dataclass(frozen=True)
class Closeness:
    """How near masks in bfloat16 are to those in float32.

    Attributes:
        pixels: share of the pixels that are the same.
        iou: mean over objects and frames where there is anything.
        worst: the smallest of those.
    """

    pixels: float
    iou: float
    worst: float

    @classmethod
    def of(cls, pairs: Sequence[tuple[Masks, Masks]]) -> "Closeness":
        """Compares masks (T, N, H, W) of several clips with those in float32."""
        ious: list[float] = []
        for masks, exact in pairs:
            common, either = (masks & exact).sum((2, 3)), (masks | exact).sum((2, 3))
            ious += (common[either > 0] / either[either > 0]).tolist()
        same = [float((masks == exact).mean()) for masks, exact in pairs]
        return cls(float(np.mean(same)), float(np.mean(ious)), min(ious))

    def __str__(self) -> str:
        return f"IoU {self.iou:.4f}, at worst {self.worst:.4f}, same pixels {self.pixels:.4%}"


def pictures(scene: Scene, frames: int) -> list[RGB]:
    """A clip of a scene."""
    return [scene.draw(STRIDE * t)[0] for t in range(frames)]


def trained(
    frames: int, clips: int, most: int | None = None
) -> tuple[NetworkSegmenter, NetworkSegmenter, Iterator[Clip]]:
    """The demo model in float32 and in bfloat16, and clips of its world with all that it finds there.

    Args:
        frames: of each clip.
        clips: how many.
        most: things that are looked for in each; None for all.
    """
    wide, narrow = (
        load_segmenter(ModelChoice("demo"), choose_placement("cpu", dtype)) for dtype in ("fp32", "bf16")
    )

    def found(number: int) -> Clip:
        scene = Scene.sample(scene_seed("clips", SEED, number))
        images, queries = pictures(scene, frames), []
        session = wide.open()
        view = session.look(images[:KEYFRAMES])
        times = [STRIDE * t for t in range(frames)]
        for expression in islice(expressions(scene, times, np.random.default_rng(SEED), "en"), most):
            grounding, view = session.ground(view, question(expression.text, verbatim=False))
            queries += list(grounding.queries)
        return Clip(images, torch.stack(queries) if queries else torch.zeros(0))

    made = (found(number) for number in count())
    return wide, narrow, islice((clip for clip in made if len(clip.queries)), clips)


def untrained(frames: int, clips: int) -> tuple[NetworkSegmenter, NetworkSegmenter, Iterator[Clip]]:
    """The published SAM 2 with random weights, and random queries."""
    networks = [random_network("hiera-l", torch.device("cpu"), torch.bfloat16) for _ in range(2)]
    wide, narrow = NetworkSegmenter(networks[0].float()), NetworkSegmenter(networks[1])
    scenes = (Scene.sample(scene_seed("clips", SEED, number)) for number in range(clips))
    return wide, narrow, (Clip(pictures(scene, frames), random_queries(wide, 1)) for scene in scenes)


@torch.inference_mode()
def compare(
    wide: NetworkSegmenter, narrow: NetworkSegmenter, clips: Iterator[Clip]
) -> tuple[Closeness, Closeness]:
    """How near the plain path and ours are in bfloat16 to ours in float32."""
    plain, ours = [], []
    for clip in clips:
        exact, rounded = np.stack(our_clip(wide, clip.images, clip.queries)), clip.queries.to(torch.bfloat16)
        official = official_clip(narrow.network.sam2, encode_as_published, clip.images, rounded)
        plain.append((official.numpy(), exact))
        ours.append((np.stack(our_clip(narrow, clip.images, rounded)), exact))
    return Closeness.of(plain), Closeness.of(ours)


def main(arguments: Sequence[str] | None = None) -> tuple[Closeness, Closeness]:
    """Compares, prints, and returns what was printed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", choices=("demo", "hiera-l"), default="demo")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="demo sizes, seven frames, few things")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.frames, options.clips = "demo", 7, 1
    torch.set_num_threads(options.threads)
    if options.sizes == "demo":
        made = trained(options.frames, options.clips, 5 if options.quick else None)
    else:
        made = untrained(options.frames, options.clips)
    plain, ours = compare(*made)
    print(f"{options.sizes}, {options.clips} clips of {options.frames} frames, bf16 against fp32")
    print(f"plain path: {plain}")
    print(f"ours:       {ours}")
    print(f"ratio {(1 - ours.iou) / max(1 - plain.iou, 1e-12):.2f} of what the plain path loses in IoU")
    network = "demo model" if options.sizes == "demo" else f"{options.sizes}, random weights"
    network += f", {options.clips} x {options.frames} frames"
    rows = [
        {
            "network": network,
            "path": path,
            "iou": close.iou,
            "worst": close.worst,
            "pixels": 100 * close.pixels,
        }
        for path, close in (("plain path", plain), ("ours", ours))
    ]
    record(options, __file__, arguments, COLUMNS, rows)
    return plain, ours


if __name__ == "__main__":
    main()
