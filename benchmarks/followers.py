"""A steady frame with every follower, by stages, and with the official order of work.

Every network has random weights and full memory: five keyframes, six tracked frames, fifteen pointers. What
is timed is what `segment` does for one more frame, stage by stage. The official order of
work is that of `official_schedule.py`, with Sa2VA's own SAM 2.

    python benchmarks/followers.py --record followers
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from official_schedule import encode_as_we_do, official_frame, one_object
from recording import Cell, Column, add_options, record, rounds
from torch import Tensor

from sa2va_cli.bench.networks import fill_randomly
from sa2va_cli.checkpoints.catalog import FOLLOWERS, OWN
from sa2va_cli.checkpoints.followers import network_of, released_follower
from sa2va_cli.checkpoints.loader import rebuild_buffers
from sa2va_cli.model.memory_attention import MAX_POINTER_DISTANCE
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import HIERA_LARGE
from sa2va_cli.model.sam2_maps import ImageFeatures
from sa2va_cli.model.tracker import FrameMemory, Tracker, TrackerMemory
from sa2va_cli.runtime.device import DTYPES

KEYFRAMES = 5
PROCESSOR = torch.device("cpu")
OFFICIAL = "own, in the official order"

COLUMNS = (
    Column("follower", "follower"),
    Column("objects", "objects"),
    Column("encode", "image encoder, s", ".3g"),
    Column("attend", "memory attention, s", ".3g"),
    Column("decode", "mask decoder, s", ".3g"),
    Column("remember", "memory encoder, s", ".3g"),
    Column("frame", "frame, s", ".3g"),
    Column("gain", "times as fast as own", ".2f"),
    Column("weights", "weights, MB", ".0f"),
    Column("memory", "memory of an object, MB", ".2f"),
)


@dataclass(frozen=True)
class Steady:
    """A follower in the middle of a clip.

    Attributes:
        name: of the follower.
        objects: how many it follows.
        stages: the seconds of each stage, round by round; one that is not known by itself is missing.
        weights: bytes of its parameters.
        memory: bytes that are kept of one object.
    """

    name: str
    objects: int
    stages: dict[str, list[float]]
    weights: int
    memory: int

    @property
    def frame(self) -> list[float]:
        """Seconds of a whole frame, round by round."""
        return [sum(parts) for parts in zip(*self.stages.values(), strict=True)]


@torch.no_grad()
def random_follower(
    name: str,
    dtype: torch.dtype,
    side: int | None,
    device: torch.device = PROCESSOR,
    own: Mapping[str, Any] = MappingProxyType(HIERA_LARGE),
) -> Sam2:
    """A follower of the catalogue at its published size, or Sa2VA's own SAM 2, with random weights.

    Args:
        name: of the follower.
        dtype: precision of the weights.
        side: of the pictures it sees; None for the published one. Not of Sa2VA's own.
        device: where the weights are made.
        own: the sizes of Sa2VA's own.
    """
    with torch.device("meta"):
        network = Sam2(dict(own)) if name == OWN else network_of(released_follower(name), side)
    torch.manual_seed(0)
    fill_randomly(network, device, dtype)
    rebuild_buffers(network, device)
    return network.eval().requires_grad_(False)


def squares(sam2: Sam2, objects: int) -> Tensor:
    """The same square for each object, as masks (N, S, S) on the network's device."""
    side = sam2.input_size
    masks = torch.zeros(objects, side, side, dtype=torch.bool, device=sam2.device)
    masks[:, side // 4 : side // 2, side // 4 : side // 2] = True
    return masks


def full_memory(tracker: Tracker, features: ImageFeatures, masks: Tensor) -> TrackerMemory:
    """What is remembered of masks (N, S, S) in the middle of a clip; every frame left the same memory."""
    one = tracker.condition_on_masks([(0, features, masks)], given=True).conditioning[0]

    def remembered(index: int) -> FrameMemory:
        return FrameMemory(index, one.features, one.pointers)

    first = tuple(remembered(index) for index in range(KEYFRAMES))
    recent = range(KEYFRAMES, KEYFRAMES + MAX_POINTER_DISTANCE)
    memory = TrackerMemory(first, tuple(remembered(index) for index in recent), pointed=True)
    return tracker.laid_out(features, memory)


def kept_bytes(memory: TrackerMemory) -> int:
    """Bytes that are kept of one object: spatial memories, pointers, and what is laid out of keyframes."""
    tensors = [t for one in (*memory.conditioning, *memory.recent) for t in (one.features, one.pointers)]
    laid_out = memory.laid_out
    tensors += [] if laid_out is None else [laid_out.values, *laid_out.keys]
    return sum(tensor.nbytes for tensor in tensors) // memory.objects


@torch.inference_mode()
def measured(name: str, sam2: Sam2, objects: int, count: int) -> list[Steady]:
    """A follower's stages, and for the own one the official order as well."""
    tracker = Tracker(sam2, empty_absent=True)
    pixels = torch.zeros(1, 3, sam2.input_size, sam2.input_size, dtype=sam2.dtype)
    memory = full_memory(tracker, sam2.encode(pixels), squares(sam2, objects))
    index = memory.recent[-1].index + 1
    stages = stages_of(tracker, pixels, memory)
    weights = sum(p.nbytes for p in sam2.parameters())
    timed = {stage: [seconds(work) for _ in range(count)] for stage, work in stages.items()}
    found = [Steady(name, objects, timed, weights, kept_bytes(memory))]
    if name == OWN:
        alone = [one_object(memory, k) for k in range(objects)]

        def official() -> Tensor:
            return official_frame(sam2, encode_as_we_do, pixels, index, alone)

        found.append(Steady(OFFICIAL, objects, {"frame": [seconds(official)]}, weights, kept_bytes(memory)))
    return found


def stages_of(tracker: Tracker, pixels: Tensor, memory: TrackerMemory) -> dict[str, Callable[[], object]]:
    """What is done for one more frame (1, 3, S, S), by the name of the stage."""
    sam2, objects = tracker.sam2, memory.objects
    index, features = memory.recent[-1].index + 1, sam2.encode(pixels)
    conditioned = features.low.expand(objects, -1, -1, -1).clone()
    decoded = sam2.decode(features.expand(objects), conditioned, None)
    return {
        "encode": lambda: sam2.encode(pixels),
        "attend": lambda: tracker.look_back(index, features, memory),
        "decode": lambda: sam2.decode(features.expand(objects), conditioned, None).logits,
        "remember": lambda: sam2.memorise(features.low, decoded.logits, decoded.score_logits),
    }


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main(arguments: Sequence[str] | None = None) -> list[Steady]:
    """Measures, prints, and returns what was printed."""
    options = _parsed(arguments)
    torch.set_num_threads(options.threads)
    found: list[Steady] = []
    for name in (OWN, *options.followers):
        side = options.follow_size if name != OWN else None
        sam2 = random_follower(name, getattr(torch, DTYPES[options.dtype]), side)
        for objects in options.objects:
            found += measured(name, sam2, objects, options.rounds)
            for one in found[-2 if name == OWN else -1 :]:
                print(f"{one.name}, {objects}: {statistics.median(one.frame):.3g} s", flush=True)
        del sam2
    best = max((_gain(one, found) for one in found if one.name != OFFICIAL), default=1.0)
    print(f"ratio {best:.2f} at most, a frame with own to one with a follower")
    size = f"{options.follow_size} pixels, " if options.follow_size else ""
    notes = f"{size}{options.dtype}, {options.threads} thread(s), processor time, random weights"
    record(options, __file__, arguments, COLUMNS, [_row(one, found) for one in found], notes=notes)
    return found


def _gain(one: Steady, found: Sequence[Steady]) -> float:
    own = next(each for each in found if each.name == OWN and each.objects == one.objects)
    return statistics.median(own.frame) / statistics.median(one.frame)


def _row(one: Steady, found: Sequence[Steady]) -> dict[str, Cell]:
    stages: dict[str, Cell] = {
        name: rounds(one.stages[name]) if name in one.stages else None
        for name in ("encode", "attend", "decode", "remember")
    }
    return stages | {
        "follower": one.name,
        "objects": one.objects,
        "frame": rounds(one.frame),
        "gain": _gain(one, found),
        "weights": one.weights / 1e6,
        "memory": one.memory / 1e6,
    }


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--followers", nargs="+", default=["sam2.1-tiny", "edgetam"], choices=FOLLOWERS)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--follow-size", type=int, help="side of the pictures that followers see")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="edgetam on small pictures against itself")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.followers, options.objects, options.follow_size = ["edgetam"], [1], 256
    return options


if __name__ == "__main__":
    main()
