"""What asking the language model costs: with and without drafts, alone and after other questions.

Drafted answers against the same answers token by token, three prompts in one run against three runs, and one
pass of six tokens against six passes of one. The demo network gives trained answers. A random one was made
to say "Sure, [SEG]." to everything, which is the first draft: its first two ratios are the best case.

    python benchmarks/answering.py
    python benchmarks/answering.py --sizes 1b --keyframes 0 --only passes
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from recording import Cell, Column, add_options, record, rounds
from transformers import DynamicCache

from sa2va_cli.bench.job import RANDOM
from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.bench.rounds import Ratio, take_turns
from sa2va_cli.model import decoding
from sa2va_cli.model.chat import View
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.session import NetworkSession
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import DTYPES, choose_placement
from sa2va_cli.runtime.loading import load_segmenter

PROMPTS = ("girl in red dress", "the dog", "the blue ball")
TOKENS = 6
"""Of "Sure, [SEG]." and the end."""

KINDS = {
    "first": "first questions, token by token / drafted",
    "later": "later questions, token by token / drafted",
    "passes": "six tokens, one by one / in one pass",
    "prompts": "three prompts, in three runs / in one",
}

COLUMNS = (
    Column("sizes", "network"),
    Column("compared", "what is compared"),
    Column("above", "the former, ms", ".0f"),
    Column("below", "the latter, ms", ".0f"),
    Column("ratio", "ratio", ".2f"),
)

CLOCKS = {"processor": time.process_time, "wall": time.perf_counter}


def plainly(work: Callable[[], object]) -> Callable[[], object]:
    """The same work without drafts."""

    def run() -> object:
        patience, decoding.PATIENCE = decoding.PATIENCE, 0
        try:
            return work()
        finally:
            decoding.PATIENCE = patience

    return run


def asking(session: NetworkSession, view: View, prompts: Sequence[str]) -> View:
    """Asks one question after the other."""
    for prompt in prompts:
        _, view = session.ground(view, question(prompt))
    return view


def in_passes_of(segmenter: NetworkSegmenter, view: View, size: int) -> None:
    """Reads ``TOKENS`` words after the pictures, some at a time, and chooses a token after each of them."""
    chat: Any = segmenter.network.chat
    cache = DynamicCache(view.prefix.layers if view.prefix else None, config=chat.language_model.config)
    with torch.inference_mode():
        for _ in range(0, TOKENS, size):
            chat.next_tokens(chat.read([chat.segment_id] * size, None, cache))


def main(arguments: Sequence[str] | None = None) -> dict[str, Ratio]:
    """Times, prints, and returns the ratios by name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="demo", choices=["demo", *RANDOM], help="random, except demo")
    parser.add_argument("--keyframes", type=int, default=5, help="0 to time passes alone")
    parser.add_argument("--dtype", default="fp32", choices=DTYPES)
    parser.add_argument("--rounds", type=int, default=5, help="0 to time passes alone")
    parser.add_argument("--clock", default="processor", choices=CLOCKS)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="what to compare")
    parser.add_argument("--quick", action="store_true", help="one keyframe, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    keyframes, count = (1, 1) if options.quick else (options.keyframes, options.rounds)
    if options.sizes == "demo":
        segmenter: Any = load_segmenter(ModelChoice("demo"), choose_placement("cpu", options.dtype))
    else:
        dtype = getattr(torch, DTYPES[options.dtype])
        segmenter = NetworkSegmenter(random_network(options.sizes, torch.device("cpu"), dtype))
    images = list(park_pictures(keyframes, (640, 360)))
    session = segmenter.open()
    seen = session.look(images)
    asked = asking(session, seen, PROMPTS[:1])  # has read the pictures

    def look_and_ask(prompts: Sequence[str]) -> object:
        return asking(session, session.look(images), prompts)

    def first() -> object:
        return [asking(session, seen, [prompt]) for prompt in PROMPTS]

    def later() -> object:
        return asking(session, asked, PROMPTS)

    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "first": (plainly(first), first),
        "later": (plainly(later), later),
        "passes": (
            lambda: in_passes_of(segmenter, asked, 1),
            lambda: in_passes_of(segmenter, asked, TOKENS),
        ),
        "prompts": (
            lambda: [look_and_ask([prompt]) for prompt in PROMPTS],
            lambda: look_and_ask(PROMPTS),
        ),
    }
    ratios: dict[str, Ratio] = {}
    rows: list[dict[str, Cell]] = []
    for kind in options.only:
        name, (above, below) = KINDS[kind], pairs[kind]
        timings = take_turns({"above": above, "below": below}, count, clock=CLOCKS[options.clock])
        ratios[name] = Ratio.of(timings["above"], timings["below"])
        medians = " / ".join(f"{timing.median * 1000:.0f}" for timing in timings.values())
        print(f"{name}: {medians} ms, {ratios[name]}", flush=True)
        taken = {side: 1000 * timing.median for side, timing in timings.items()}
        rows.append({"sizes": options.sizes, "compared": name, "ratio": rounds(ratios[name].rounds), **taken})
    print("ratio " + "; ".join(f"{name} {ratio.median:.2f}" for name, ratio in ratios.items()))
    record(options, __file__, arguments, COLUMNS, rows, notes=f"{options.dtype}, {options.clock} time")
    return ratios


if __name__ == "__main__":
    main()
