"""What every vision-language family has in common: its answers, and the door through which it is asked.

A family is one file beside this one, with a dataclass of sizes that can build it. Knows nothing about masks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sa2va_cli.datatypes import RGB

SEGMENT = "[SEG]"
MAX_NEW_TOKENS = 2048


@dataclass(frozen=True, eq=False)
class Answer:
    """What the language model said.

    Attributes:
        text: the answer, special tokens included, stripped.
        token_ids: (n,) the generated tokens.
        hidden: (n, D) the states that queries are made of; row 0 at the end of the prompt, row i at generated
            token i.
        segment_states: (N, D) the states at the ``[SEG]`` tokens. A ``[SEG]`` that ends the answer was never
            fed back and has no state (reference set, section 3.4).
    """

    text: str
    token_ids: Tensor
    hidden: Tensor
    segment_states: Tensor


class ChatModel(Protocol):
    """A vision-language model; also an ``nn.Module``."""

    sizes: Any
    tokenizer: Any
    segment_id: int

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        ...

    def answer(
        self, images: Sequence[RGB], text: str, regions: np.ndarray | None = None, past: str = ""
    ) -> Answer:
        """Answers a question about one still image, or about no picture at all."""
        ...

    def answer_keyframes(self, images: Sequence[RGB], text: str) -> Answer:
        """Answers a question about a video, of which it sees these keyframes."""
        ...


class ChatSizes(Protocol):
    """Everything that distinguishes one network of a family from another; a frozen dataclass."""

    @property
    def text(self) -> dict[str, Any]:
        """Keyword arguments of the language model's configuration in transformers."""
        ...

    @property
    def family(self) -> str:
        """The name of the family in the table of checkpoints."""
        ...

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens without which a tokenizer cannot be one of this family."""
        ...

    def build(self, tokenizer: Any) -> Any:
        """Makes the network, a ``ChatModel`` and an ``nn.Module``."""
        ...


def collect(
    steps: Iterator[tuple[Tensor, int]], stops: Callable[[list[int]], bool]
) -> tuple[list[int], Tensor]:
    """Takes steps of a decoder until it stops.

    Args:
        steps: the last state (1, D) and the token that follows it, without end.
        stops: whether the tokens so far are a whole answer.

    Returns:
        the tokens, and the states (n, D).
    """
    tokens: list[int] = []
    states: list[Tensor] = []
    for state, token in steps:
        states.append(state)
        tokens.append(token)
        if stops(tokens) or len(tokens) == MAX_NEW_TOKENS:
            break
    return tokens, torch.cat(states)
