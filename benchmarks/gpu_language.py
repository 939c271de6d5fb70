"""The sections of ``gpu.py`` about language models of full size: grounding, questions, four bits."""

import importlib.util
import time
from dataclasses import replace
from typing import Any

from gpu_bench import Bench, Rows

from sa2va_cli.bench.hardware import forget_peak_device_bytes, peak_device_bytes
from sa2va_cli.bench.networks import random_layout, random_network_of, teach_answer
from sa2va_cli.bench.stages import KEYFRAMES, network_stages
from sa2va_cli.bench.work import GROUND
from sa2va_cli.checkpoints.hub import resolve
from sa2va_cli.checkpoints.layout import Layout
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.conversation import Generation, Pictures, Question, Reply
from sa2va_cli.model.network import NetworkSegmenter

TOKENS = 64
LONG = "A boat with white sails slowly crosses under grey clouds while birds circle above an old stone bridge"
"""What is said instead of "Sure, [SEG]." where the time of each token counts; no draft guesses it."""

QUESTIONS = ("What is to be seen in this video?", "And what happens at its end?")

# Sizes of a Qwen3-VL with which it is seen that everything runs.
_VISION = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "out_hidden_size": 64,
    "deepstack_visual_indexes": [0],
}
_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def sa2va_4b(bench: Bench) -> Rows:
    """A Sa2VA-4B of random weights: making it, "Sure, [SEG].", and answers of 64 tokens."""
    yield from _language(bench, random_layout("demo" if bench.quick else "4b"))


def qwen3_vl_4b(bench: Bench) -> Rows:
    """The same of a Sa2VA-Qwen3-VL-4B."""
    yield from _language(bench, _qwen(bench))


def four_bits(bench: Bench) -> Rows:
    """The same of a Sa2VA-4B whose language model has four bits, with bitsandbytes."""
    if importlib.util.find_spec("bitsandbytes") is None:
        yield "skipped", "bitsandbytes is not installed"
        return
    yield from _language(bench, random_layout("demo" if bench.quick else "4b"), "4bit")


def _qwen(bench: Bench) -> Layout:
    layout = random_layout("qwen3-vl-4b")
    sizes: Any = layout.chat
    # The demo's tokenizer, with which random networks speak, has another number for the end of an answer.
    sizes = replace(sizes, stop_ids=load_tokenizer(resolve("demo"))("<|im_end|>")["input_ids"][-1:])
    if not bench.quick:
        return replace(layout, chat=sizes)
    small = replace(sizes, vision=sizes.vision | _VISION, text=sizes.text | _TEXT)
    return replace(layout, chat=small, sam2=random_layout("demo").sam2)


def _language(bench: Bench, layout: Layout, quantize: str | None = None) -> Rows:
    """Nothing is read from a disk, so a real load takes what is said here and the reading."""
    forget_peak_device_bytes(bench.device)
    started = time.perf_counter()
    network = random_network_of(layout, bench.place, bench.dtype, quantize=quantize)
    bench.wait()
    yield (
        "making",
        {
            "seconds": time.perf_counter() - started,
            "parameter_bytes": sum(parameter.nbytes for parameter in network.parameters()),
            "peak_bytes": peak_device_bytes(bench.device),
        },
    )
    segmenter = NetworkSegmenter(network)
    frames = bench.frames(2 if bench.quick else KEYFRAMES)
    work = network_stages(segmenter, frames, objects=1, frames=len(frames))[GROUND]
    yield "grounding", bench.timed(work.run)
    teach_answer(network.chat, LONG)
    pictures = Pictures(tuple(frame.image for frame in frames), video=True)
    for turn in ("warming up", "then"):
        conversation = segmenter.converse(Generation(max_new_tokens=8 if bench.quick else TOKENS))
        forget_peak_device_bytes(bench.device)
        first = conversation.ask(Question(QUESTIONS[0], (pictures,)))
        second = conversation.ask(Question(QUESTIONS[1]))
        if turn == "then":
            yield "first question", _described(first) | {"peak_bytes": peak_device_bytes(bench.device)}
            yield "second question", _described(second)


def _described(reply: Reply) -> dict[str, Any]:
    count, seconds = len(reply.token_ids), reply.seconds - reply.seconds_to_first
    return {
        "prompt_tokens": reply.prompt_tokens,
        "read_tokens": reply.read_tokens,
        "first_token_milliseconds": 1000 * reply.seconds_to_first,
        "tokens": count,
        "tokens_per_second": (count - 1) / seconds if seconds > 0 else None,
    }
