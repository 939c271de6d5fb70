"""Time to the first token of a second question, against asking afresh with transformers' own ``generate``.

Both use the same layers with the same weights and the same tokens. Afresh means: the frames are encoded, and
the whole conversation is read. The second comparison spares the other side the frames; what is left is
reading.

    python benchmarks/conversation.py
    python benchmarks/conversation.py --sizes 1b --rounds 3
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from recording import Cell, Column, add_options, record, rounds

from sa2va_cli.bench.job import RANDOM
from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.bench.rounds import Ratio, take_turns
from sa2va_cli.conversation import Generation, Pictures, Question
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.prompt_text import encode
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import DTYPES, choose_placement
from sa2va_cli.runtime.loading import load_segmenter

FIRST, SECOND = "What is to be seen in this video?", "Please segment the dog."
GOAL = 0.25

COLUMNS = (
    Column("sizes", "network"),
    Column("compared", "second question, first token"),
    Column("tokens", "tokens of the conversation", ".0f"),
    Column("read", "read for it", ".0f"),
    Column("above", "remembered, ms", ".0f"),
    Column("below", "afresh, ms", ".0f"),
    Column("ratio", "ratio", ".3f"),
)

CLOCKS = {"processor": time.process_time, "wall": time.perf_counter}


def afresh(chat: Any, ids: list[int], images: Sequence[Any], seen: Any) -> Callable[[], int]:
    """Makes what asks transformers for the first token; ``seen`` are encoded frames, None to encode them."""

    def run() -> int:
        with torch.inference_mode():
            view = seen if seen is not None else chat.look(images, still=False).pictures
            embeddings = chat.embed(torch.tensor([ids]), view.tokens.flatten(0, 1))
            said = chat.language_model.generate(
                inputs_embeds=embeddings,
                attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
                max_new_tokens=1,
                do_sample=False,
                pad_token_id=0,
            )
        return int(said[0, -1])

    return run


def main(arguments: Sequence[str] | None = None) -> dict[str, Ratio]:
    """Times, prints, and returns the ratios by name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="demo", choices=["demo", *RANDOM], help="random, except demo")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--dtype", default="fp32", choices=DTYPES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", default="processor", choices=CLOCKS)
    parser.add_argument("--quick", action="store_true", help="two frames, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    frames, count = (2, 1) if options.quick else (options.frames, options.rounds)
    if options.sizes == "demo":
        engine: Any = load_segmenter(ModelChoice("demo"), choose_placement("cpu", options.dtype))
    else:
        dtype = getattr(torch, DTYPES[options.dtype])
        engine = NetworkSegmenter(random_network(options.sizes, torch.device("cpu"), dtype))
    images = tuple(park_pictures(frames, (640, 360)))
    chat = engine.network.chat
    conversation = engine.converse(Generation(max_new_tokens=1))
    conversation.ask(Question(FIRST, (Pictures(images, video=True),)))

    def remembered() -> Any:
        reply = conversation.ask(Question(SECOND))
        conversation.undo()
        return reply

    reply = remembered()
    turns = (*conversation._history[-1].turns, *_turn(chat, SECOND))
    ids = encode(chat.tokenizer, chat.write(turns))
    with torch.inference_mode():
        seen = chat.look(images, still=False).pictures
    pairs = {
        "and encoding the frames": afresh(chat, ids, images, None),
        "the frames are encoded already": afresh(chat, ids, images, seen),
    }
    if any(run() != reply.token_ids[0] for run in pairs.values()):
        raise SystemExit("the two ways do not say the same")
    ratios: dict[str, Ratio] = {}
    rows: list[dict[str, Cell]] = []
    for name, below in pairs.items():
        timings = take_turns({"above": remembered, "below": below}, count, clock=CLOCKS[options.clock])
        ratios[name] = Ratio.of(timings["above"], timings["below"])
        taken = {side: 1000 * timing.median for side, timing in timings.items()}
        row: dict[str, Cell] = {
            "sizes": options.sizes,
            "compared": name,
            "ratio": rounds(ratios[name].rounds),
        }
        rows.append(row | {"tokens": reply.prompt_tokens, "read": reply.read_tokens} | taken)
        print(f"{name}: {taken['above']:.1f} ms / {taken['below']:.1f} ms, {ratios[name]}", flush=True)
    print("ratio " + "; ".join(f"{name} {ratio.median:.3f}" for name, ratio in ratios.items()))
    notes = f"{options.dtype}, {options.clock} time, {torch.get_num_threads()} threads"
    record(options, __file__, arguments, COLUMNS, rows, notes=notes)
    return ratios


def _turn(chat: Any, text: str) -> tuple[Any, ...]:
    from sa2va_cli.model.conversing import turns_of

    return turns_of(chat, Question(text))


if __name__ == "__main__":
    main()
