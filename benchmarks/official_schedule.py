"""The official order of work against ours, on the same modules, weights and frames.

A cost model of the official schedule, not its code: every object is a pass of its own over the whole clip;
every conditioning frame is encoded a second time when the pass comes to it; frames are resized by Pillow; the
memory attention projects the keys of all memories on every frame, attends to values of full width, and
repeats for every object what does not depend on it; all three candidate masks are enlarged; all frames and
all results of the clip stay resident. The layers are those of transformers, run in their own order.

    python benchmarks/official_schedule.py                      # steady frame, Hiera-L, bf16, one thread
    python benchmarks/official_schedule.py --sizes demo --clip 12
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from recording import Cell, Column, add_options, record, rounds
from torch import Tensor

from sa2va_cli.bench.hardware import synchronizer
from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.bench.rounds import Ratio, Timing, take_turns
from sa2va_cli.bench.stages import random_queries
from sa2va_cli.datatypes import RGB, Frame, FrameMasks
from sa2va_cli.model.attention import axial_rotation, sine_positions
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.preprocessing import GROUNDING_MEAN, GROUNDING_STD
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.stepping import MAX_POINTER_DISTANCE
from sa2va_cli.model.tracker import FrameMemory, TrackerMemory
from sa2va_cli.runtime.device import DTYPES

KEYFRAMES = 5

COLUMNS = (
    Column("what", "what"),
    Column("dtype", "precision"),
    Column("objects", "objects"),
    Column("official", "official order, s", ".3g"),
    Column("ours", "ours, s", ".3g"),
    Column("ratio", "official / ours", ".2f"),
    Column("pixels", "same pixels, %", ".6g"),
)

Encode = Callable[[Sam2, Tensor], ImageFeatures]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}


def encode_as_we_do(sam2: Sam2, pixels: Tensor) -> ImageFeatures:
    """Encodes one picture with our trunk: then the schedule alone makes the difference."""
    return sam2.encode(pixels)


def encode_as_published(sam2: Sam2, pixels: Tensor) -> ImageFeatures:
    """Encodes one picture with the layers' own order: windows cut and joined again in every block."""
    maps = sam2.layers.vision_encoder(pixels).fpn_hidden_states
    decoder = sam2.layers.mask_decoder
    return ImageFeatures(low=maps[2], middle=decoder.conv_s1(maps[1]), high=decoder.conv_s0(maps[0]))


ENCODERS: dict[str, Encode] = {"ours": encode_as_we_do, "published": encode_as_published}


def pillow_pixels(image: RGB, sam2: Sam2) -> Tensor:
    """(1, 3, S, S): resizes and normalises a frame as the official code does, on the processor."""
    side = sam2.input_size
    resized = np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
    pixels = torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (GROUNDING_MEAN, GROUNDING_STD))
    return ((pixels - mean) / std).to(sam2.dtype).to(sam2.device)


def look_back(sam2: Sam2, index: int, low: Tensor, memory: TrackerMemory) -> Tensor:
    """Conditions the lowest map (1, C, s, s) on the memory of one object, in the official order."""
    near = [m for m in memory.recent if index - m.index < sam2.memory_slots]
    slots = [sam2.memory_slots - 1] * len(memory.conditioning) + [index - m.index - 1 for m in near]
    pointed = [m for m in memory.conditioning if m.index <= index] + list(memory.recent)
    tokens = torch.stack([m.pointers for m in pointed], 1).reshape(1, -1, sam2.memory_width)
    spatial = [m.features.to(low.dtype) for m in (*memory.conditioning, *near)]
    temporal = sam2.layers.memory_temporal_positional_encoding[slots, 0]  # (M, 1, memory_width)
    positions = sine_positions(sam2.grid, sam2.memory_width, sam2.device).to(low.dtype) + temporal
    keys = torch.cat([*spatial, tokens], dim=1)[:, None]  # (1, 1, L, memory_width)
    encodings = torch.cat([positions.reshape(1, -1, sam2.memory_width), torch.zeros_like(tokens)], dim=1)
    cos, sin = (table[None, None] for table in axial_rotation(sam2.grid, sam2.width, sam2.device))
    x = low.flatten(2).transpose(1, 2)[:, None]  # (1, 1, s*s, C)
    x = x + 0.1 * sine_positions(sam2.grid, sam2.width, sam2.device).to(low.dtype)
    for layer in sam2.layers.memory_attention.layers:
        x = layer(x, keys, encodings[:, None], (cos, sin), num_k_exclude_rope=tokens.shape[1])
    x = sam2.layers.memory_attention.layer_norm(x)[:, 0]
    return x.transpose(1, 2).unflatten(2, (sam2.grid, sam2.grid))


def track(sam2: Sam2, index: int, features: ImageFeatures, memory: TrackerMemory) -> DecodedMasks:
    """Follows one object into a frame."""
    decoded = sam2.decode(features, look_back(sam2, index, features.low, memory), None)
    # The network's own size for all three; ``memorise`` enlarges the best one itself.
    F.interpolate(decoded.candidates[:, 1:].float(), size=(sam2.input_size,) * 2, mode="bilinear")
    return decoded


def remember(sam2: Sam2, index: int, features: ImageFeatures, decoded: DecodedMasks) -> FrameMemory:
    """The memory of a frame, in bfloat16."""
    return FrameMemory(
        index, sam2.memorise(features.low, decoded.logits).to(torch.bfloat16), decoded.pointers
    )


def one_object(memory: TrackerMemory, k: int) -> TrackerMemory:
    """What is remembered of one object alone."""

    def alone(memories: Sequence[FrameMemory]) -> tuple[FrameMemory, ...]:
        return tuple(memory[k : k + 1] for memory in memories)

    return TrackerMemory(alone(memory.conditioning), alone(memory.recent))


def official_frame(
    sam2: Sam2, encode: Encode, pixels: Tensor, index: int, memories: Sequence[TrackerMemory]
) -> Tensor:
    """One tracked frame of objects that know nothing of each other: (N, S/4, S/4) logits."""
    found = []
    for memory in memories:
        features = encode(sam2, pixels)
        decoded = track(sam2, index, features, memory)
        remember(sam2, index, features, decoded)
        found.append(decoded.logits)
    return torch.cat(found)


def official_clip(sam2: Sam2, encode: Encode, images: Sequence[RGB], queries: Tensor) -> Tensor:
    """A whole clip, object by object: (T, N, H, W) bool masks."""
    return torch.stack([_official_pass(sam2, encode, images, query[None]) for query in queries], dim=1)


def _official_pass(sam2: Sam2, encode: Encode, images: Sequence[RGB], query: Tensor) -> Tensor:
    """One object through the clip: (T, H, W)."""
    resident = [pillow_pixels(image, sam2) for image in images]
    conditioning, decoded = [], []
    for index in range(min(KEYFRAMES, len(images))):
        features = encode(sam2, resident[index])
        decoded.append(sam2.decode(features, sam2.without_memory(features.low), query))
        conditioning.append(remember(sam2, index, features, decoded[-1]))
    memory, masks = TrackerMemory(tuple(conditioning)), []
    for index, pixels in enumerate(resident):
        features = encode(sam2, pixels)
        if index >= len(conditioning):
            found = track(sam2, index, features, memory)
            recent = (*memory.recent, remember(sam2, index, features, found))
            recent = tuple(m for m in recent if index + 1 - m.index <= MAX_POINTER_DISTANCE)
            memory = TrackerMemory(memory.conditioning, recent)
        else:
            found = decoded[index]
        masks.append(_full_size(found.logits, sam2.input_size, images[0]))
    return torch.cat(masks) > 0


def _full_size(logits: Tensor, side: int, image: RGB) -> Tensor:
    square = F.interpolate(logits[:, None].float(), size=(side, side), mode="bilinear")
    return F.interpolate(square, size=image.shape[:2], mode="bilinear")[:, 0]


def our_clip(segmenter: NetworkSegmenter, images: Sequence[RGB], queries: Tensor) -> list[np.ndarray]:
    """The same clip as the program follows it: (N, H, W) bool masks for each frame."""
    keyframes = [(index, images[index]) for index in range(min(KEYFRAMES, len(images)))]
    clip = [Frame(index, index, Fraction(1), image) for index, image in enumerate(images)]
    with segmenter.open() as session:
        followed = session.follow(clip, session.condition(keyframes, [queries]), count=len(clip))
        return [FrameMasks(one.frame, one.logits, one.scores).masks for one in followed]


@dataclass(frozen=True)
class Comparison:
    """What was measured for one number of objects.

    Attributes:
        objects: how many.
        official: the official schedule, round by round.
        ours: ours, in the same rounds.
        agreement: part of the pixels on which their masks are the same.
    """

    objects: int
    official: Timing
    ours: Timing
    agreement: float

    @property
    def ratio(self) -> Ratio:
        """How many times as long the official schedule took."""
        return Ratio.of(self.official, self.ours)


@torch.inference_mode()
def compare_steady(
    segmenter: NetworkSegmenter,
    objects: int,
    rounds: int,
    encode: Encode,
    clock: Clock = time.perf_counter,
) -> Comparison:
    """Compares one tracked frame, encoded from given pixels, with the memory full."""
    sam2, tracker = segmenter.network.sam2, segmenter.tracker
    pixels = pillow_pixels(next(park_pictures(1, (640, 360))), sam2)
    features = sam2.encode(pixels)
    memory = tracker.condition([(t, features) for t in range(KEYFRAMES)], random_queries(segmenter, objects))
    index = KEYFRAMES + sam2.memory_slots
    for t in range(KEYFRAMES, index):
        _, memory = tracker.step(t, features, memory)
    alone = [one_object(memory, k) for k in range(objects)]

    def official() -> Tensor:
        return official_frame(sam2, encode, pixels, index, alone)

    def ours() -> Tensor:
        return tracker.step(index, sam2.encode(pixels), memory)[0].logits

    agreement = float(((official() > 0) == (ours() > 0)).float().mean())
    return _compared(objects, official, ours, rounds, sam2, agreement, clock)


@torch.inference_mode()
def compare_clip(
    segmenter: NetworkSegmenter,
    objects: int,
    rounds: int,
    encode: Encode,
    images: Sequence[RGB],
    clock: Clock = time.perf_counter,
) -> Comparison:
    """Compares a whole clip, from pictures to masks of full size."""
    sam2, queries = segmenter.network.sam2, random_queries(segmenter, objects)

    def official() -> Tensor:
        return official_clip(sam2, encode, images, queries)

    def ours() -> Any:
        return our_clip(segmenter, images, queries)

    agreement = float(np.mean(official().cpu().numpy() == np.stack(ours())))
    return _compared(objects, official, ours, rounds, sam2, agreement, clock)


def _compared(
    objects: int,
    official: Callable[[], object],
    ours: Callable[[], object],
    rounds: int,
    sam2: Sam2,
    agreement: float,
    clock: Clock,
) -> Comparison:
    timings = take_turns({"official": official, "ours": ours}, rounds, synchronizer(str(sam2.device)), clock)
    return Comparison(objects, timings["official"], timings["ours"], agreement)


def main(arguments: Sequence[str] | None = None) -> list[Comparison]:
    """Compares, prints, and returns what was printed."""
    options = _parsed(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    network = random_network(options.sizes, device, getattr(torch, DTYPES[options.dtype]))
    segmenter, encode, clock = NetworkSegmenter(network), ENCODERS[options.encoder], CLOCKS[options.clock]
    what = f"a clip of {options.clip} frames" if options.clip else "a steady frame"
    print(
        f"{what}, {options.sizes} in {options.dtype} on {options.device} with {options.threads} threads, "
        f"encoder in the order: {options.encoder}, clock: {options.clock}"
    )
    images = list(park_pictures(options.clip, (320, 180) if options.quick else (1280, 720)))
    compared = []
    for objects in options.objects:
        if options.clip:
            compared.append(compare_clip(segmenter, objects, options.rounds, encode, images, clock))
        else:
            compared.append(compare_steady(segmenter, objects, options.rounds, encode, clock))
        last = compared[-1]
        print(
            f"K={objects}: official {last.official.median:.4f} s, ours {last.ours.median:.4f} s, "
            f"official / ours {last.ratio}, same pixels {last.agreement:.4%}",
            flush=True,
        )
    print("ratio " + ", ".join(f"K={one.objects} {one.ratio.median:.2f}" for one in compared))
    notes = f"{options.sizes} sizes, {options.threads} thread(s), {options.clock} time"
    record(options, __file__, arguments, COLUMNS, [_row(one, options) for one in compared], notes=notes)
    return compared


def _row(compared: Comparison, options: argparse.Namespace) -> dict[str, Cell]:
    what = f"clip of {options.clip} frames" if options.clip else "steady frame"
    if options.encoder != "ours":
        what += ", encoder in the published order too"
    return {
        "what": what,
        "dtype": options.dtype,
        "objects": compared.objects,
        "official": compared.official.median,
        "ours": compared.ours.median,
        "ratio": rounds(compared.ratio.rounds),
        "pixels": 100 * compared.agreement,
    }


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", choices=("hiera-l", "demo"), default="hiera-l")
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--clip", type=int, default=0, metavar="T", help="a whole clip")
    parser.add_argument(
        "--encoder", choices=ENCODERS, default="ours", help="whose order, in the official one"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="processor: blind to other work")
    parser.add_argument("--quick", action="store_true", help="demo sizes, one number of objects, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.rounds, options.dtype = "demo", 1, "fp32"
        options.objects = options.objects[:1]
    return options


if __name__ == "__main__":
    main()
