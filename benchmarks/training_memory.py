"""Whether a step of training takes the memory that `sa2va train --dry-run` forecasts.

The network has the shapes of a released model and random weights, made here, so nothing is downloaded; the
tokenizer is the small one of the tests, beside embeddings of full size. Two steps are made: AdamW's means
exist from the first one on.

    python benchmarks/training_memory.py --model 1b --device cpu
"""

import argparse
import dataclasses
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import torch
from recording import Column, add_options, record

from sa2va_cli.checkpoints.hub import resolve
from sa2va_cli.checkpoints.layout import released_layout
from sa2va_cli.checkpoints.loader import load_network, rebuild_buffers
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.examples import Asked, Example
from sa2va_cli.training.forecast import forecast
from sa2va_cli.training.optimiser import make_optimiser
from sa2va_cli.training.recipe import OFFICIAL
from sa2va_cli.training.referring import ReferringObjective
from sa2va_cli.training.run_files import RunFiles
from sa2va_cli.training.trained_parts import count, frozen_modules, prepare, trained_tensors
from sa2va_cli.training.trainer import Plan, Trainer

TOKENIZER = Path(__file__).parents[1] / "tests" / "reference" / "internvl-qwen2"


COLUMNS = (
    Column("model", "shapes of"),
    Column("device", "device"),
    Column("dtype", "work in"),
    Column("frames", "pictures"),
    Column("tokens", "tokens"),
    Column("trained", "numbers trained", ",d"),
    Column("forecast_gb", "forecast, GB", ".2f"),
    Column("peak_gb", "peak, GB", ".2f"),
    Column("ratio", "forecast / peak", ".3f"),
)


def random_network(model: str, device: torch.device, dtype: torch.dtype) -> Sa2VANetwork:
    """A network of a released model's shapes, whose weights are noise."""
    layout = released_layout(model)
    tokenizer = load_tokenizer(TOKENIZER, layout.chat.special_tokens)
    with torch.device("meta"):
        network = Sa2VANetwork(layout.chat, layout.sam2, tokenizer, two_pass=layout.two_pass)
    network.sam2.to_empty(device=device)
    network.text_hidden_fcs.to_empty(device=device)
    network.chat.to(dtype).to_empty(device=device)
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(-0.02, 0.02)
    for module in network.modules():  # what no checkpoint holds is computed from the config
        if getattr(module, "inv_freq", None) is not None:
            module.to("meta")
    rebuild_buffers(network, device)
    return network.eval().requires_grad_(requires_grad=False)


def example(frames: int, side: int) -> Example:
    """Noise with a box in it."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (448, 448, 3), np.uint8) for _ in range(frames)]
    masks = np.zeros((1, frames, side, side), bool)
    masks[:, :, side // 4 : side // 2, side // 4 : side // 2] = True
    asked = (Asked("Please segment {} in this image.", "the box", "Sure, it is [SEG]."),)
    return Example(images, frames == 1, (asked,), masks, "noise")


def measure(model: str, device: torch.device, dtype: torch.dtype, frames: int) -> dict[str, float | str]:
    """Makes two steps, and compares the peak with the forecast."""
    before = psutil.Process().memory_info().rss
    if model == "demo":
        network = load_network(resolve(model), device, dtype)
    else:
        network = random_network(model, device, dtype)
    recipe = dataclasses.replace(OFFICIAL, batch=1, accumulate=1, steps=2)
    prepare(network, recipe)
    objective = ReferringObjective(network, recipe)
    objective.train()
    for module in frozen_modules(objective):
        module.eval()
    one = example(frames, network.sam2.input_size)
    bf16 = dtype == torch.bfloat16
    plan = Plan(2, lambda _: 1e-5, 1.0, save_every=1000, bf16=bf16)
    optimiser = make_optimiser(network, recipe)
    learned = trained_tensors(network)
    trainer = Trainer(
        objective,
        optimiser,
        lambda steps: iter([[one] for _ in steps]),
        plan,
        RunFiles(Path()),
        lambda: learned,
    )
    with trainer.precision():
        length = objective.length(one)
    expected = forecast(network, recipe, length, 2 if bf16 else 4)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    began = time.monotonic()
    for step in range(2):
        line = trainer.try_step(step)
        print(f"step {step + 1}/2: loss {line['total']:.3f}", file=sys.stderr, flush=True)
    seconds = (time.monotonic() - began) / 2
    peak = (
        torch.cuda.max_memory_allocated()
        if device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    )
    print(f"{seconds:.1f} s a step; forecast: {expected}", file=sys.stderr)
    return {
        "model": model,
        "device": device.type,
        "dtype": str(dtype).removeprefix("torch."),
        "frames": frames,
        "tokens": length.tokens,
        "trained": sum(one.trained for one in count(network).values()),
        "forecast_gb": expected.total / 1e9,
        "peak_gb": peak / 1e9,
        "ratio": expected.total / peak,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="1b", help="alias of a released model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float32"))
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="with the demo network")
    add_options(parser)
    options = parser.parse_args(arguments)
    model = "demo" if options.quick else options.model
    row = measure(model, torch.device(options.device), getattr(torch, options.dtype), options.frames)
    record(options, __file__, arguments, COLUMNS, [row], notes="official recipe, one sample, two steps")
    print(f"ratio {row['ratio']:.3f}")


if __name__ == "__main__":
    main()
