"""Decoding of several prompts at once, padded on the left to the longest.

Every row gives the tokens and states that it would give alone, up to the last bits of rounding: filling is
masked, and places are counted without it. A row that has ended is carried along, and what it says then is not
looked at. Knows nothing about pictures, families or masks.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from sa2va_cli.conversation import Generation, Stop
from sa2va_cli.model.decoding import Draws, Prompt, stop_of


@dataclass
class Row:
    """What one prompt of a batch has come to.

    Attributes:
        tokens: n generated ones.
        states: (D,) each; the first at the end of the prompt, then one at each token but the last.
        stop: why the answer ended; None while it goes on.
        first_at: when its first token was known, on the clock of ``time.perf_counter``.
    """

    tokens: list[int]
    states: list[Tensor]
    stop: Stop | None = None
    first_at: float = 0.0


def decode_together(reader: Any, prompts: Sequence[Prompt], generation: Generation) -> list[Row]:
    """Decodes prompts as ``decoding.decode`` does, without drafts, until the last answer ends.

    Args:
        reader: the language model, a ``ChatModel``.
        prompts: what is to be answered.
        generation: how; every row draws with the same seed, as it would alone.
    """
    width = max(len(prompt.ids) for prompt in prompts)
    filling = [width - len(prompt.ids) for prompt in prompts]
    filled = [[0] * left + prompt.ids for left, prompt in zip(filling, prompts, strict=True)]
    tokens = torch.tensor(filled, device=reader.device)
    mask = torch.arange(width, device=reader.device) >= torch.tensor(filling, device=reader.device)[:, None]
    cache = DynamicCache(config=reader.language_model.config)
    pictures = [prompt.pictures for prompt in prompts]
    rows = [Row([], []) for _ in prompts]
    draws = [Draws(generation) if generation.temperature else None for _ in prompts]
    while any(row.stop is None for row in rows):
        states = reader.read_together(tokens, pictures, cache, mask)[:, -1]  # (B, D)
        likeliest = reader.next_tokens(states).tolist()
        following = [
            likeliest[place] if one is None else one.token(reader.logits(states[place]))
            for place, one in enumerate(draws)
        ]
        for row, state, token in zip(rows, states, following, strict=True):
            if row.stop is None:
                row.states.append(state)
                row.tokens.append(token)
                row.first_at = row.first_at or time.perf_counter()
                row.stop = stop_of(reader, row.tokens, generation)
        tokens = torch.tensor(following, device=reader.device)[:, None]
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    return rows
