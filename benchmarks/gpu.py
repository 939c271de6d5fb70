"""Everything that needs a CUDA device, in one call meant to take under ten minutes, as JSON in a folder.

    python benchmarks/gpu.py OUT                       # needs torch, transformers, OpenCV and Pillow, no PyAV
    python benchmarks/gpu.py OUT --quick --device cpu  # small, to see that it works

A section that fails is recorded with its error, and the others still run; the file is complete after each.
What decodes and encodes video is left out, since a bare machine may have no PyAV.
"""

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # a bare machine has the checkout but no installation

import numpy as np
import official_schedule as schedule
import torch
import transformers
from official_schedule import ENCODERS, Comparison, compare_clip, compare_steady
from recording import Machine, provenance
from torch import Tensor

from sa2va_cli.bench.hardware import (
    count_flops,
    forget_peak_device_bytes,
    matmul_rate,
    peak_device_bytes,
    synchronizer,
)
from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.pictures import disc_logits, park_pictures, park_scene
from sa2va_cli.bench.rounds import measure
from sa2va_cli.bench.stages import KEYFRAMES, AnsweringSegmenter, network_stages, random_queries
from sa2va_cli.bench.work import GROUND, PROMPT
from sa2va_cli.datatypes import Followed, Frame, FrameMasks
from sa2va_cli.model.fixed import Compile, FixedTracker, plain
from sa2va_cli.model.graphs import Compiling
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.pipeline.finding import find, follow
from sa2va_cli.pipeline.job import Search, numbered
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.queues import read_ahead, write_behind
from sa2va_cli.render.overlay import draw_overlay
from sa2va_cli.render.palette import colour
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_segmenter

FPS = 24
SEARCH = Search(prompts=numbered([PROMPT]))


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
        self.objects = (1, 2) if options.quick else (1, 2, 4, 8)
        self.dtype = torch.float32 if options.quick else torch.bfloat16
        self.sizes = "demo" if options.quick else "hiera-l"
        self.wait = synchronizer(options.device)
        self._segmenter: NetworkSegmenter | None = None

    @property
    def segmenter(self) -> NetworkSegmenter:
        """The network that is timed, made once."""
        if self._segmenter is None:
            self._segmenter = self.made(self.sizes, self.device, self.dtype)
        return self._segmenter

    def made(self, sizes: str, device: str, dtype: torch.dtype) -> NetworkSegmenter:
        """A network with random weights, the same ones every time on one kind of device."""
        return NetworkSegmenter(random_network(sizes, torch.device(device), dtype))

    def frames(self, count: int) -> list[Frame]:
        """The first frames of the park."""
        return list(_frames(count, self.size))

    @property
    def compile_it(self) -> Compile:
        """As the program compiles; quick, it only traces, which still shows whether it is one graph."""
        backend = "eager" if self.quick else "inductor"
        return partial(torch.compile, fullgraph=True, dynamic=False, backend=backend)

    @property
    def rate(self) -> float:
        """Measured floating point operations per second."""
        return matmul_rate(self.device, self.dtype)


def _frames(count: int, size: tuple[int, int]) -> Iterator[Frame]:
    for index, picture in enumerate(park_pictures(count, size)):
        yield Frame(index, index, Fraction(1, FPS), picture)


def machine(bench: Bench) -> dict[str, Any]:
    """What it runs on, when, from which commit and by which command."""
    gpu = torch.cuda.get_device_name(bench.device) if bench.device.startswith("cuda") else None
    return {
        "machine": asdict(Machine.here(gpu)),
        **provenance(__file__, bench.arguments),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "dtype": str(bench.dtype),
        "matmul_tflops": bench.rate / 1e12,
    }


def parity(bench: Bench) -> dict[str, Any]:
    """Follows an object with the bundled weights on the processor and on the device, in two precisions."""
    frames = list(_frames(10, (320, 180)))
    on_cpu = load_segmenter(ModelChoice("demo"), Placement("cpu", "fp32"))
    seen = [frame.image for frame in frames[:KEYFRAMES]]
    actor = park_scene().actors[0]
    prompt = f"the {actor.colour} {actor.kind}"
    session = on_cpu.open()
    grounding, _ = session.ground(session.look(seen), question(prompt, verbatim=False))
    queries = grounding.queries if len(grounding) else random_queries(on_cpu, 1)
    reference = _logits(on_cpu, frames, queries)
    found: dict[str, Any] = {"prompt": prompt, "answer": grounding.answer}
    tf32, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    for dtype in ("fp32", "bf16"):
        other = load_segmenter(ModelChoice("demo"), Placement(bench.device, dtype))
        logits = _logits(other, frames, queries)
        both, either = (logits > 0) & (reference > 0), (logits > 0) | (reference > 0)
        found[dtype] = {
            "largest_difference": float((logits - reference).abs().max()),
            "scale": float(reference.std()),
            "pixels_flipped": float(((logits > 0) != (reference > 0)).float().mean()),
            "iou": float(both.sum() / either.sum().clamp(min=1)),
        }
    torch.backends.cudnn.allow_tf32 = tf32
    return found


def _logits(segmenter: NetworkSegmenter, frames: Sequence[Frame], queries: Tensor) -> Tensor:
    """(T, N, h, w) logits of what queries (N, C) find."""
    keyframes = [(frame.index, frame.image) for frame in frames[:KEYFRAMES]]
    there = queries.to(segmenter.network.sam2.device)
    with segmenter.open() as session:
        memory = session.condition(keyframes, [there])
        followed = session.follow(frames, memory, count=len(frames))
        return torch.stack([torch.from_numpy(one.logits) for one in followed])


def stages(bench: Bench) -> dict[str, Any]:
    """Every stage of the network by number of objects, with its share of the floor."""
    rate, keyframes = bench.rate, bench.frames(KEYFRAMES)
    found: dict[str, Any] = {}
    for objects in bench.objects:
        works = network_stages(bench.segmenter, keyframes, objects, frames=100)
        works.pop(GROUND)
        found[f"K={objects}"] = {name: _timed(bench, work.run, rate) for name, work in works.items()}
    return found


def _timed(bench: Bench, run: Callable[[], object], rate: float) -> dict[str, Any]:
    forget_peak_device_bytes(bench.device)
    timing = measure(run, bench.rounds, bench.wait)
    peak, flops = peak_device_bytes(bench.device), count_flops(run)
    return {
        "milliseconds": 1000 * timing.median,
        "spread": timing.spread,
        "gigaflops": flops / 1e9,
        "floor_share": flops / rate / timing.median,
        "peak_bytes": peak,
    }


def batches(bench: Bench) -> dict[str, Any]:
    """Encoding several frames at once."""
    sam2, rate = bench.segmenter.network.sam2, bench.rate
    found: dict[str, Any] = {}
    for batch in (1, 2) if bench.quick else (1, 2, 4, 8):
        pixels = torch.randn(batch, 3, sam2.input_size, sam2.input_size).to(sam2.device, sam2.dtype)
        run = torch.inference_mode()(lambda pixels=pixels: sam2.encode(pixels))
        timed = _timed(bench, run, rate)
        found[f"B={batch}"] = timed | {"milliseconds_per_frame": timed["milliseconds"] / batch}
    return found


def compiled(bench: Bench) -> dict[str, Any]:
    """The trunk as one compiled graph: time of the first call, of the others, and the number of graphs."""
    from torch._dynamo.utils import counters

    sam2 = bench.segmenter.network.sam2
    pixels = torch.randn(1, 3, sam2.input_size, sam2.input_size).to(sam2.device, sam2.dtype)
    eager = measure(lambda: _without_gradients(sam2.trunk, pixels), bench.rounds, bench.wait)
    found: dict[str, Any] = {"eager_milliseconds": 1000 * eager.median}
    # Without a compiler behind it, tracing still shows whether it is one graph.
    for mode in (None,) if bench.quick else ("default", "reduce-overhead"):
        counters.clear()
        backend = "eager" if bench.quick else "inductor"
        encode = torch.compile(sam2.trunk.__call__, fullgraph=True, backend=backend, mode=mode)
        started = time.perf_counter()
        _without_gradients(encode, pixels)
        bench.wait()
        first = time.perf_counter() - started
        timing = measure(lambda encode=encode: _without_gradients(encode, pixels), bench.rounds, bench.wait)
        found[str(mode)] = {
            "first_seconds": first,
            "milliseconds": 1000 * timing.median,
            "graphs": counters["stats"]["unique_graphs"],
        }
    return found


@torch.inference_mode()
def compiled_tracking(bench: Bench) -> dict[str, Any]:
    """Following objects with a memory of fixed shape, eager and as one compiled graph."""
    segmenter = bench.segmenter
    sam2 = segmenter.network.sam2
    features = sam2.encode(torch.randn(1, 3, sam2.input_size, sam2.input_size).to(sam2.device, sam2.dtype))
    found: dict[str, Any] = {}
    for objects in bench.objects[:1] if bench.quick else (1, 4):
        queries, masks = random_queries(segmenter, objects), {}
        grown = segmenter.tracker.condition([(t, features) for t in range(KEYFRAMES)], queries)
        for index in range(KEYFRAMES, 2 * KEYFRAMES):
            _, grown = segmenter.tracker.step(index, features, grown)
        flops = count_flops(partial(segmenter.tracker.step, 2 * KEYFRAMES, features, grown))
        first_memory = segmenter.tracker.condition([(t, features) for t in range(KEYFRAMES)], queries)
        for name, compiled in (("eager", plain), ("compiled", bench.compile_it)):
            tracker = FixedTracker(sam2, compiled=compiled)
            memory = tracker.begin(first_memory)
            started = time.perf_counter()
            for index in range(KEYFRAMES, 2 * KEYFRAMES):
                decoded, memory = tracker.step(index, features, memory)
            bench.wait()
            first = time.perf_counter() - started
            timing = measure(
                lambda tracker=tracker, memory=memory: tracker.step(2 * KEYFRAMES, features, memory),
                bench.rounds,
                bench.wait,
            )
            masks[name] = decoded.logits
            found[f"K={objects} {name}"] = {
                "first_seconds": first,
                "milliseconds": 1000 * timing.median,
                "floor_share": flops / bench.rate / timing.median,
            }
        flipped = (masks["eager"] > 0) != (masks["compiled"] > 0)
        found[f"K={objects} pixels_flipped"] = float(flipped.float().mean())
    return found


@torch.no_grad()
def _without_gradients(work: Callable[[Tensor], Any], pixels: Tensor) -> Any:
    return work(pixels)


def official_steady(bench: Bench) -> dict[str, Any]:
    """A tracked frame in the official order of work and in ours, from pixels on the device."""
    found = {}
    for objects in bench.objects:
        compared = compare_steady(bench.segmenter, objects, bench.rounds, ENCODERS["ours"])
        found[f"K={objects}"] = _described(compared)
    return found


def official_clip(bench: Bench) -> dict[str, Any]:
    """A clip from pictures to masks of full size, in the official order of work and in ours."""
    images = list(park_pictures(8 if bench.quick else 30, bench.size))
    found = {}
    for objects in bench.objects[:1] if bench.quick else (1, 4):
        compared = compare_clip(bench.segmenter, objects, min(bench.rounds, 5), ENCODERS["ours"], images)
        found[f"K={objects}"] = _described(compared) | {"frames": len(images)}
    return found


def _described(compared: Comparison) -> dict[str, Any]:
    return {
        "official_seconds": compared.official.median,
        "our_seconds": compared.ours.median,
        "ratio": compared.ratio.median,
        "rounds": list(compared.ratio.rounds),
        "same_pixels": compared.agreement,
    }


def end_to_end(bench: Bench) -> dict[str, Any]:
    """Frames per second from pictures in memory to overlays in memory: ours, and the official order of work.

    Ours uploads pictures as bytes and resizes, encodes and tracks on the device; the official order is
    compared on fewer frames. Both decode the keyframes' masks, enlarge all masks and draw; neither asks the
    language model.
    """
    frames = bench.frames(8 if bench.quick else 240)
    found: dict[str, Any] = {}
    for objects in bench.objects:
        ours = _ours_drawn(bench, bench.segmenter, objects, frames)
        row: dict[str, Any] = {
            "frames": len(frames),
            "fps": ours,
            "peak_bytes": peak_device_bytes(bench.device),
        }
        if objects in (1, 4):
            few = frames[: 6 if bench.quick else 24]
            pair = _ours_drawn(bench, bench.segmenter, objects, few), _official_drawn(bench, objects, few)
            row |= {"few": len(few), "few_fps": pair[0], "official_fps": pair[1], "ratio": pair[0] / pair[1]}
        found[f"K={objects}"] = row
    return found


def end_to_end_compiled(bench: Bench) -> dict[str, Any]:
    """The same with the encoder and the tracker compiled as ``--compile on`` does, after compiling."""
    frames = bench.frames(8 if bench.quick else 240)
    compiling = Compiling(bench.compile_it, required=True)
    segmenter = NetworkSegmenter(bench.segmenter.network, compiling=compiling)
    found: dict[str, Any] = {}
    for objects in bench.objects[:1] if bench.quick else (1, 4):
        started = time.perf_counter()
        list(_followed(segmenter, objects, frames[:8]))
        first = time.perf_counter() - started
        eager = _ours_drawn(bench, bench.segmenter, objects, frames)
        fps = _ours_drawn(bench, segmenter, objects, frames)
        found[f"K={objects}"] = {"fps": fps, "eager_fps": eager, "ratio": fps / eager, "first_seconds": first}
    return found


def _ours_drawn(bench: Bench, segmenter: NetworkSegmenter, objects: int, frames: Sequence[Frame]) -> float:
    """Frames per second with overlay, after a few frames that do not count."""
    labels, colours = ["girl"] * objects, [colour(k) for k in range(objects)]

    def draw(one: Followed[Any]) -> None:
        masks = FrameMasks(one.frame, one.logits, one.scores)
        draw_overlay(masks.frame.image, masks.masks, labels, colours)

    list(_followed(segmenter, objects, frames[:8]))
    session = AnsweringSegmenter(segmenter, objects).open()
    findings = find(session, frames[:KEYFRAMES], SEARCH)
    forget_peak_device_bytes(bench.device)
    bench.wait()
    started = time.perf_counter()
    keyframes = [(frame.index, frame.image) for frame in frames[:KEYFRAMES]]
    memory = session.condition(keyframes, [random_queries(segmenter, objects)])
    findings = replace(findings, memory=memory)
    with write_behind(draw) as hand_over, read_ahead(frames) as ahead:
        for one in follow(session, ahead, findings, frame_count=len(frames)):
            hand_over(one)
    return len(frames) / (time.perf_counter() - started)


def _followed(segmenter: NetworkSegmenter, objects: int, frames: Sequence[Frame]) -> Iterator[Followed[Any]]:
    session = AnsweringSegmenter(segmenter, objects).open()
    findings = find(session, frames[:KEYFRAMES], SEARCH)
    return follow(session, frames, findings, frame_count=len(frames))


@torch.inference_mode()
def _official_drawn(bench: Bench, objects: int, frames: Sequence[Frame]) -> float:
    """Frames per second of the official order of work, with the same discs drawn as in ours."""
    sam2, queries = bench.segmenter.network.sam2, random_queries(bench.segmenter, objects)
    images = [frame.image for frame in frames]
    labels, colours = ["girl"] * objects, [colour(k) for k in range(objects)]
    logits = disc_logits(objects, sam2.input_size // 4)
    discs = FrameMasks(frames[0], logits, np.ones(objects, np.float32)).masks
    schedule.official_clip(sam2, ENCODERS["ours"], images[: KEYFRAMES + 1], queries)
    bench.wait()
    started = time.perf_counter()
    schedule.official_clip(sam2, ENCODERS["ours"], images, queries).cpu()
    for image in images:
        draw_overlay(image, discs, labels, colours)
    return len(frames) / (time.perf_counter() - started)


@torch.inference_mode()
def growth(bench: Bench) -> dict[str, Any]:
    """Device memory after a short and after a long clip; the same features stand for every frame."""
    short, long = (20, 60) if bench.quick else (100, 5000)
    segmenter = bench.segmenter
    sam2, tracker = segmenter.network.sam2, segmenter.tracker
    pixels = torch.randn(1, 3, sam2.input_size, sam2.input_size).to(sam2.device, sam2.dtype)
    features = sam2.encode(pixels)
    memory = tracker.condition([(t, features) for t in range(KEYFRAMES)], random_queries(segmenter, 2))
    peaks: dict[int, int | None] = {}
    forget_peak_device_bytes(bench.device)
    for index in range(KEYFRAMES, long):
        _, memory = tracker.step(index, features, memory)
        if index + 1 in (short, long):
            peaks[index + 1] = peak_device_bytes(bench.device)
    before, after = peaks[short], peaks[long]
    grown = None if before is None or after is None else after / before - 1
    return {"frames": [short, long], "peak_bytes": [before, after], "grown": grown}


def ground(bench: Bench) -> dict[str, Any]:
    """Asking the language model about five keyframes: "Sure, [SEG]." from a network of full size."""
    name = "demo" if bench.quick else "4b"
    segmenter = bench.made(name, bench.device, bench.dtype)
    work = network_stages(segmenter, bench.frames(KEYFRAMES), objects=1, frames=KEYFRAMES)[GROUND]
    return {"sizes": name} | _timed(bench, work.run, bench.rate)


def loading(bench: Bench) -> dict[str, Any]:
    """Making a whole 4B network with random weights on the device: seconds, and the memory it then holds.

    Nothing is read from a disk, so a real load takes this and the reading.
    """
    name = "demo" if bench.quick else "4b"
    forget_peak_device_bytes(bench.device)
    started = time.perf_counter()
    network = bench.made(name, bench.device, bench.dtype).network
    bench.wait()
    held = sum(parameter.nbytes for parameter in network.parameters())
    seconds = time.perf_counter() - started
    return {
        "sizes": name,
        "seconds": seconds,
        "parameter_bytes": held,
        "peak_bytes": peak_device_bytes(bench.device),
    }


SECTIONS: tuple[Callable[[Bench], dict[str, Any]], ...] = (
    machine,
    parity,
    stages,
    official_steady,
    end_to_end,
    batches,
    official_clip,
    ground,
    loading,
    end_to_end_compiled,
    compiled_tracking,
    compiled,
    growth,
)
"""In the order of their worth, should the time run out."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Runs every section, writes ``gpu.json``, and returns what is in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for gpu.json")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--limit", type=float, default=480.0, help="seconds after which no section is begun")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="names of sections")
    parser.add_argument("--quick", action="store_true", help="demo sizes, few frames, one round")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    bench, found, started = Bench(options, arguments), dict[str, Any](), time.perf_counter()
    for section in SECTIONS:
        name, begun = section.__name__, time.perf_counter()
        if options.only and name not in options.only:
            continue
        if begun - started > options.limit:
            found[name] = {"skipped": f"{begun - started:.0f} s were over"}
        else:
            found[name] = _guarded(section, bench)
            found[name]["section_seconds"] = time.perf_counter() - begun
        (options.out / "gpu.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(name, json.dumps(found[name]), flush=True)
    ratios = {name: one["ratio"] for name, one in found.get("official_clip", {}).items() if "K=" in name}
    print("ratio " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    return found


def _guarded(section: Callable[[Bench], dict[str, Any]], bench: Bench) -> dict[str, Any]:
    try:
        return section(bench)
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
