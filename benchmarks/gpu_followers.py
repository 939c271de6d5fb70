"""The sections of ``gpu.py`` about following: transformers' session, other followers, batches of frames.

The session runs transformers' own ``Sam2VideoModel`` on the weights that ours has, and is given the same
masks on the same keyframes.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from statistics import median
from typing import Any

import torch
from followers import full_memory, kept_bytes, random_follower, squares, stages_of
from gpu_bench import Bench, Rows
from official_schedule import ENCODERS, official_frame, one_object, our_clip
from torch import Tensor
from transformers import Sam2VideoConfig, Sam2VideoInferenceSession, Sam2VideoModel

from sa2va_cli.bench.hardware import forget_peak_device_bytes, peak_device_bytes
from sa2va_cli.bench.networks import random_layout
from sa2va_cli.bench.rounds import Ratio, take_turns
from sa2va_cli.bench.stages import KEYFRAMES, random_queries
from sa2va_cli.checkpoints.catalog import OWN
from sa2va_cli.checkpoints.followers import released_follower, resize
from sa2va_cli.model import session as following
from sa2va_cli.model.memory_attention import MAX_POINTER_DISTANCE
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import sam2_config
from sa2va_cli.model.tracker import Tracker, TrackerMemory

SMALL_SIDES = {"edgetam": 256}
"""Of pictures with which it is seen that everything runs, where 128 pixels are too few."""

SEEN = 2.0
"""Bias of the logit that an object is visible; else random weights take most objects for absent."""

FOLLOWERS = ("sam2.1-tiny", "edgetam", "sam2.1-small", "sam2.1-base-plus", "sam2.1-large")
STEADY = KEYFRAMES + MAX_POINTER_DISTANCE + 1
"""A frame on which as much is remembered as ever is."""


def followed(bench: Bench) -> range:
    """The frames between the keyframes and the one that is timed."""
    return range(STEADY - 2, STEADY) if bench.quick else range(KEYFRAMES, STEADY)


def small_side(name: str) -> int:
    """Of pictures with which it is seen that a follower runs."""
    return SMALL_SIDES.get(name, 128)


def made(bench: Bench, name: str, dtype: torch.dtype) -> Sam2:
    """A follower, or Sa2VA's own SAM 2, with random weights with which objects are seen."""
    side, own = small_side(name) if bench.quick else None, random_layout(bench.sizes).sam2
    with torch.inference_mode(mode=False), torch.no_grad():
        sam2 = random_follower(name, dtype, side, bench.place, own)
        sam2.layers.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(SEEN)
    return sam2


class Official(Sam2VideoModel):  # type: ignore[misc]  # transformers has no types
    """The stock model, with the pointer of a given mask as SAM 2 itself makes it: from its single mask."""

    def _use_mask_as_output(self, *arguments: Any) -> Any:
        single = self._single_frame_forward
        with _changed(self, "_single_frame_forward", lambda **more: single(**more, multimask_output=False)):
            return super()._use_mask_as_output(*arguments)


@contextmanager
def _changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def stock_of(bench: Bench, name: str, sam2: Sam2) -> Official:
    """The stock model with the weights of ours, cast as its documentation does."""
    if name == OWN:
        config = sam2_config(random_layout(bench.sizes).sam2)
    else:
        config = Sam2VideoConfig.from_dict(released_follower(name))
        if bench.quick:
            resize(config, small_side(name))
    with torch.inference_mode(mode=False), bench.place:
        stock = Official(config)
        missing, unexpected = stock.load_state_dict(sam2.layers.state_dict(), strict=False)
    if missing or unexpected:
        raise RuntimeError(f"the weights do not fit: {missing} missing, {unexpected} not expected")
    return stock.to(sam2.dtype).eval().requires_grad_(False)


class Clip:
    """Pictures as SAM 2 takes them, and masks of objects on the keyframes.

    Args:
        bench: says where.
        sam2: for which network.
        objects: how many.
        count: how many pictures; they are repeated.
    """

    def __init__(self, bench: Bench, sam2: Sam2, objects: int, count: int = STEADY + 1) -> None:
        side = sam2.input_size
        few = [
            grounding_pixels(frame.image, side, sam2.dtype, still=False, device=sam2.device)
            for frame in bench.frames(KEYFRAMES)
        ]
        self.pixels = torch.cat([few[index % KEYFRAMES] for index in range(count)])
        masks = torch.zeros(objects, side, side, dtype=torch.bool, device=sam2.device)
        for row in range(objects):
            left = side * row // (2 * objects)
            masks[row, side // 4 : side // 2, left : left + side // 3] = True
        self.masks = dict.fromkeys(range(KEYFRAMES), masks)


class Session:
    """A session of transformers whose keyframes are conditioned.

    Args:
        stock: the model.
        clip: what it sees.
    """

    def __init__(self, stock: Official, clip: Clip) -> None:
        side, device = clip.pixels.shape[-1], clip.pixels.device
        self._stock = stock
        self._session = Sam2VideoInferenceSession(
            clip.pixels,
            side,
            side,
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=clip.pixels.dtype,
        )
        for index, masks in clip.masks.items():
            for row, mask in enumerate(masks):
                self._session.add_mask_inputs(
                    self._session.obj_id_to_idx(row), index, mask[None, None].float()
                )
                self._session.obj_with_new_inputs.append(row)
            stock(self._session, frame_idx=index)

    def step(self, index: int) -> Tensor:
        """Follows the objects into a frame, as if it had not been encoded before: (N, S/4, S/4) logits."""
        self._session.cache.clear_all()
        found: Tensor = self._stock(self._session, frame_idx=index).pred_masks[:, 0]
        return found


class Ours:
    """The same of our tracker.

    Args:
        sam2: the network.
        clip: what it sees.
        memory_dtype: precision of the spatial memories.
    """

    def __init__(self, sam2: Sam2, clip: Clip, memory_dtype: torch.dtype = torch.bfloat16) -> None:
        self._pixels = clip.pixels
        self.tracker = Tracker(sam2, memory_dtype, empty_absent=True)
        prompts = ((index, sam2.encode(clip.pixels[index][None]), one) for index, one in clip.masks.items())
        self.memory: TrackerMemory = self.tracker.condition_on_masks(prompts, given=True)

    def look(self, index: int) -> tuple[Tensor, TrackerMemory]:
        """Follows the objects into a frame: (N, S/4, S/4) logits, and what is remembered then."""
        features = self.tracker.sam2.encode(self._pixels[index][None])
        decoded, memory = self.tracker.step(index, features, self.memory)
        return decoded.logits, memory

    def step(self, index: int) -> Tensor:
        """The same, and remembers it."""
        logits, self.memory = self.look(index)
        return logits


@torch.inference_mode()
def sessions(bench: Bench) -> Rows:
    """A steady frame with Sa2VA's own SAM 2: the official order of work, transformers' session, and ours."""
    sam2 = made(bench, OWN, bench.dtype)
    stock = stock_of(bench, OWN, sam2)
    for objects in bench.objects:
        clip = Clip(bench, sam2, objects)
        session, ours = Session(stock, clip), Ours(sam2, clip)
        for index in followed(bench):
            session.step(index)
            ours.step(index)
        alone = [one_object(ours.memory, row) for row in range(objects)]
        pixels = clip.pixels[STEADY][None]
        works = {
            "official": lambda alone=alone, pixels=pixels: official_frame(
                sam2, ENCODERS["ours"], pixels, STEADY, alone
            ),
            "session": lambda session=session: session.step(STEADY),
            "ours": lambda ours=ours: ours.look(STEADY)[0],
        }
        masks = {name: work() > 0 for name, work in works.items()}
        peaks = {name: _peak(bench, work) for name, work in works.items()}
        turns = take_turns(works, bench.rounds, bench.wait)
        row: dict[str, Any] = {f"{name}_milliseconds": 1000 * turns[name].median for name in works}
        for other in ("official", "session"):
            ratio = Ratio.of(turns[other], turns["ours"])
            row[f"{other}_by_ours"] = ratio.median
            row[f"{other}_by_ours_rounds"] = list(ratio.rounds)
            row[f"{other}_same_pixels"] = float((masks[other] == masks["ours"]).float().mean())
        yield f"K={objects}", row | {f"{name}_peak_bytes": peak for name, peak in peaks.items()}


def _peak(bench: Bench, work: Any) -> int | None:
    forget_peak_device_bytes(bench.device)
    work()
    bench.wait()
    return peak_device_bytes(bench.device)


@torch.inference_mode()
def session_parity(bench: Bench) -> Rows:
    """Logits of three objects on 16 tracked frames against transformers' session, in two precisions."""
    for name in (OWN, "sam2.1-tiny"):
        for dtype in (torch.float32, torch.bfloat16):
            exact = dtype == torch.float32
            sam2 = made(bench, name, dtype)
            clip = Clip(bench, sam2, objects=3)
            with _without_tf32():
                # In float32 memories are not rounded to bfloat16, where 1e-6 more or less is another number.
                with _changed(torch, "bfloat16", torch.float32) if exact else nullcontext():
                    session = Session(stock_of(bench, name, sam2), clip)
                    wanted = torch.stack([session.step(t) for t in followed(bench)]).float()
                ours = Ours(sam2, clip, dtype)
                got = torch.stack([ours.step(t) for t in followed(bench)]).float()
            yield (
                f"{name} {str(dtype).removeprefix('torch.')}",
                {
                    "largest_difference": float((got - wanted).abs().max()),
                    "mean_difference": float((got - wanted).abs().mean()),
                    "scale": float(wanted.std()),
                    "pixels_flipped": float(((got > 0) != (wanted > 0)).float().mean()),
                    "smallest": float(wanted.min()),
                },
            )


@contextmanager
def _without_tf32() -> Iterator[None]:
    backends = torch.backends
    with _changed(backends.cudnn, "allow_tf32", False), _changed(backends.cuda.matmul, "allow_tf32", False):
        yield


@torch.inference_mode()
def session_growth(bench: Bench) -> Rows:
    """Device memory of a session of transformers with one object, in the frames it has followed."""
    sam2 = made(bench, OWN, bench.dtype)
    marks = (6, 8) if bench.quick else (50, 100, 200, 300)
    clip = Clip(bench, sam2, 1, KEYFRAMES)
    clip.pixels = clip.pixels[:1].expand(marks[-1], -1, -1, -1)  # the pictures themselves take no memory
    session = Session(stock_of(bench, OWN, sam2), clip)
    for index in range(KEYFRAMES, marks[-1]):
        session.step(index)
        if index + 1 in marks:
            yield f"frames={index + 1}", {"held_bytes": held_bytes(bench)}


def held_bytes(bench: Bench) -> int | None:
    """What tensors hold on a CUDA device now; None on others."""
    return int(torch.cuda.memory_allocated(bench.device)) if bench.device.startswith("cuda") else None


@torch.inference_mode()
def followers(bench: Bench) -> Rows:
    """A steady frame and a clip with each follower, as the program follows with it."""
    images = [frame.image for frame in bench.frames(7 if bench.quick else 24)]
    network = bench.segmenter.network
    for name in (OWN, *(FOLLOWERS[:2] if bench.quick else FOLLOWERS)):
        sam2 = network.sam2 if name == OWN else made(bench, name, bench.dtype)
        segmenter = NetworkSegmenter(network, follower=None if name == OWN else sam2)
        for objects in bench.few_objects:
            yield (
                f"{name} K={objects}",
                _steady(bench, segmenter, objects) | _clip(segmenter, objects, images),
            )


def _steady(bench: Bench, segmenter: NetworkSegmenter, objects: int) -> dict[str, Any]:
    tracker, sam2 = segmenter.tracker, segmenter.tracker.sam2
    pixels = grounding_pixels(
        bench.frames(1)[0].image, sam2.input_size, sam2.dtype, still=False, device=sam2.device
    )
    memory = full_memory(tracker, sam2.encode(pixels), squares(sam2, objects))
    index = memory.recent[-1].index + 1

    def frame() -> object:
        return tracker.step(index, sam2.encode(pixels), memory)

    stages: Mapping[str, Any] = stages_of(tracker, pixels, memory)
    return {
        "milliseconds": bench.milliseconds(frame),
        **{f"{stage}_milliseconds": bench.milliseconds(work) for stage, work in stages.items()},
        "peak_bytes": _peak(bench, frame),
        "weight_bytes": sum(parameter.nbytes for parameter in sam2.parameters()),
        "object_megabytes": kept_bytes(memory) / 1e6,
    }


def _clip(segmenter: NetworkSegmenter, objects: int, images: list[Any]) -> dict[str, Any]:
    queries = random_queries(segmenter, objects)
    our_clip(segmenter, images[: KEYFRAMES + 1], queries)
    started = time.perf_counter()
    our_clip(segmenter, images, queries)  # masks are numbers of the processor, so nothing is left to wait for
    return {"clip_frames": len(images), "clip_fps": len(images) / (time.perf_counter() - started)}


def batches(bench: Bench) -> Rows:
    """Encoding several frames at once, by their number: the encoder alone, and the whole program."""
    counts = (1, 2) if bench.quick else (1, 2, 4, 8)
    for name in (OWN,) if bench.quick else (OWN, "sam2.1-tiny", "edgetam"):
        sam2 = bench.segmenter.network.sam2 if name == OWN else made(bench, name, bench.dtype)
        for batch in counts:
            side = sam2.input_size
            pixels = torch.randn(batch, 3, side, side, device=sam2.device).to(sam2.dtype)
            run = torch.inference_mode()(lambda sam2=sam2, pixels=pixels: sam2.encode(pixels))
            timed = bench.timed(run)
            yield f"{name} B={batch}", timed | {"milliseconds_per_frame": timed["milliseconds"] / batch}
    images = [frame.image for frame in bench.frames(8 if bench.quick else 48)]
    rounds: dict[int, list[float]] = {batch: [] for batch in counts}
    for _ in range(1 if bench.quick else 4):  # in turn, as the pace of a lent machine drifts
        for batch in counts:
            with _changed(following, "ENCODED_AT_ONCE", batch):
                rounds[batch].append(_clip(bench.segmenter, 1, images)["clip_fps"])
    for batch, paces in rounds.items():
        told = {"clip_frames": len(images), "clip_fps": median(paces), "clip_fps_rounds": paces}
        yield f"program, K=1 B={batch}", told
