"""Answers as they come, token by token: which token is next, and which text can be told already.

Knows nothing about pictures, families or caches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sa2va_cli.conversation import Generation, Listener, Reply, Stop

_UNFINISHED = "\ufffd"
"""What a tokenizer makes of a character of which not all bytes are there yet."""


class Sampler:
    """Takes the next token of one answer: the likeliest, or one that is drawn.

    Args:
        generation: how; the same seed draws the same tokens, whatever else is answered in a batch.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._random = torch.Generator().manual_seed(generation.seed)

    def next_token(self, logits: Tensor) -> int:
        """Takes a token, given the logits (V,) of all."""
        if not self._generation.temperature:
            return int(logits.argmax())
        shares = (logits.double().cpu() / self._generation.temperature).softmax(dim=0)
        ordered, tokens = shares.sort(descending=True, stable=True)
        # The likeliest token stays, and each whose betters have less than top_p together.
        kept = ordered.cumsum(0) - ordered < self._generation.top_p
        drawn = torch.multinomial(ordered * kept, 1, generator=self._random)
        return int(tokens[drawn])


class Telling:
    """Tells a listener the text of an answer while it is generated; characters and words come whole.

    Args:
        tokenizer: of the chat model.
        listener: None where nobody listens.
    """

    def __init__(self, tokenizer: Any, listener: Listener | None) -> None:
        self._tokenizer = tokenizer
        self._listener = listener
        self._begin = self._told = 0
        self._waiting = self._said = ""

    def goes_on(self, tokens: Sequence[int]) -> bool:
        """Tells what is new in the generated tokens; False if the listener has heard enough."""
        if self._listener is None:
            return True
        before = self._decode(tokens[self._begin : self._told])
        text = self._decode(tokens[self._begin :])
        if len(text) <= len(before) or text.endswith(_UNFINISHED):
            return True
        self._begin, self._told = self._told, len(tokens)
        return self._tell(text[len(before) :])

    def _tell(self, piece: str) -> bool:
        """White space waits for what follows it: an answer neither begins nor ends with it."""
        piece = self._waiting + piece
        text = piece.rstrip()
        self._waiting = piece[len(text) :] if self._said or text else ""
        text = text if self._said else text.lstrip()
        if not text or self._listener is None:
            return True
        self._said += text
        return self._listener(text) is not False

    def finish(self, tokens: Sequence[int]) -> None:
        """Tells what was held back of a character that the answer never finished."""
        text = self._decode(tokens).strip() if self._listener is not None else ""
        if self._listener is not None and text.startswith(self._said) and text != self._said:
            self._listener(text[len(self._said) :])

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text


@dataclass(frozen=True)
class Timing:
    """When an answer was asked for, when its first token was known, and its last; seconds of one clock."""

    asked: float
    first: float
    last: float


@dataclass(frozen=True, eq=False)
class Spoken:
    """What was generated.

    Attributes:
        tokens: the generated ones, the one that ends the answer included.
        stop: why they end.
        prompt: how many tokens the prompt has.
        read: how many of them were read.
        timing: of it.
    """

    tokens: list[int] = field(repr=False)
    stop: Stop
    prompt: int
    read: int
    timing: Timing

    def reply(self, tokenizer: Any) -> Reply:
        """The reply, in text."""
        marked = tokenizer.decode(self.tokens, skip_special_tokens=False).strip()
        text = tokenizer.decode(self.tokens, skip_special_tokens=True).strip()
        timing = self.timing
        return Reply(
            text=text,
            marked=marked,
            token_ids=tuple(self.tokens),
            prompt_tokens=self.prompt,
            read_tokens=self.read,
            seconds_to_first=timing.first - timing.asked,
            seconds=timing.last - timing.asked,
            stop=self.stop,
        )


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))
