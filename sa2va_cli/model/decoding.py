"""Greedy decoding that reads several tokens in one pass, and goes on from a beginning that was read before.

A Sa2VA says nearly the same to everybody. So what it will probably say is appended as a *draft*, and read
with what has to be read anyway: the prompt, or the last token. Every state of that pass tells which token
greedy decoding takes next; as far as these are the draft's, one pass has done the work of several
(speculative decoding, Leviathan et al. 2023, with a fixed draft). What is wrong is forgotten again.

What is guaranteed: every token is the likeliest one after those before it, and every state is that of a
token in its place, so that the result is greedy decoding whatever was drafted. Numbers can differ in their
last bits from those of reading token by token, as they do between batch sizes and machines. So if the two
likeliest tokens lie closer together than that (about 1e-6 of the logits in float32, but 1e-2 in bfloat16),
another one may be taken. Knows nothing about pictures, families or masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from transformers import DynamicCache

MAX_NEW_TOKENS = 2048

DRAFT_TOKENS = 8
"""How far ahead words of the prompt are repeated."""

PATIENCE = 3
"""How many drafts of an answer may be wrong from their first token on before no more is drafted."""

_LONGEST_TAIL = 3
"""How many of the last tokens are looked for in what may be repeated."""


class TokenReader(Protocol):
    """A language model as decoding sees it."""

    language_model: Any

    def read(self, ids: list[int], pictures: Any, cache: Any) -> Tensor:
        """Reads tokens after those in ``cache``, to which they are added.

        Args:
            ids: n tokens.
            pictures: those of the prompt, in the family's own terms, or None. While the cache is empty, all
                of their visual tokens are among the tokens; later none are.
            cache: transformers' cache of keys and values.

        Returns:
            the states (n, D).
        """
        ...

    def next_tokens(self, states: Tensor) -> Tensor:
        """The likeliest token (n,) after each of the states (n, D)."""
        ...

    def ends(self, tokens: list[int]) -> bool:
        """Whether the generated tokens are a whole answer."""
        ...


@dataclass(frozen=True, eq=False)
class Prefix:
    """Keys and values of the beginning of a prompt; it is never changed.

    Attributes:
        ids: the tokens.
        layers: keys and values, each (1, heads, L, d), of each layer.
    """

    ids: list[int]
    layers: list[tuple[Tensor, Tensor]] = field(repr=False)

    @classmethod
    def of(cls, ids: list[int], cache: Any) -> Self:
        """Takes what a cache has about the first tokens, which are these."""
        cut = slice(0, len(ids))
        return cls(ids, [(layer.keys[..., cut, :], layer.values[..., cut, :]) for layer in cache.layers])

    def begins(self, ids: list[int]) -> bool:
        """Whether a prompt begins with it and goes on."""
        return len(ids) > len(self.ids) and ids[: len(self.ids)] == self.ids


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came of decoding.

    Attributes:
        tokens: n generated ones.
        hidden: (n, D) states; row 0 at the end of the prompt, row i at generated token i.
        read: (m, D) the states at the last m tokens of the prompt, those that were not in the prefix.
        prefix: keys and values of the prompt's beginning; None where later questions do not share it.
    """

    tokens: list[int]
    hidden: Tensor
    read: Tensor
    prefix: Prefix | None


@dataclass(frozen=True)
class Phrases:
    """What drafts are made of.

    Attributes:
        answers: tokens of whole answers, the likeliest one first.
        sources: tokens of texts of which an answer may repeat a part.
    """

    answers: Sequence[Sequence[int]] = ()
    sources: Sequence[Sequence[int]] = ()

    def after(self, tokens: list[int]) -> list[int]:
        """Guesses how an answer goes on; nothing where there is no guess."""
        done = len(tokens)
        for answer in self.answers:
            if len(answer) > done and list(answer[:done]) == tokens:
                return list(answer[done:])
        for length in range(min(_LONGEST_TAIL, done), 0, -1):
            for source in self.sources:
                for begin in range(len(source) - length):
                    if list(source[begin : begin + length]) == tokens[-length:]:
                        return list(source[begin + length : begin + length + DRAFT_TOKENS])
        return []


@dataclass(frozen=True, eq=False)
class Prompt:
    """What is to be answered.

    Attributes:
        ids: its tokens.
        pictures: what its visual tokens show, in the family's own terms; None if there are none.
        shared: how many tokens at the beginning other questions about the same pictures have in common with
            it; all visual tokens are among them, unless it is 0.
    """

    ids: list[int]
    pictures: Any = field(repr=False)
    shared: int = 0


def cache_argument(model: Any) -> str:
    """What the forward pass of a language model of transformers calls its cache of keys and values.

    ``past_key_values`` up to transformers 5.23, ``cache`` from 5.24 on.
    """
    return "cache" if "cache" in signature(type(model).forward).parameters else "past_key_values"


def decode(reader: TokenReader, prompt: Prompt, phrases: Phrases, prefix: Prefix | None = None) -> Decoded:
    """Decodes greedily until the answer ends, or has ``MAX_NEW_TOKENS``.

    Args:
        reader: the language model.
        prompt: what is to be answered.
        phrases: what drafts are made of; they change how long it takes, not what comes out (see above).
        prefix: of an earlier question; not looked at where the prompt begins otherwise.
    """
    known = prefix if prefix is not None and prefix.begins(prompt.ids) else None
    config = reader.language_model.config
    cache = DynamicCache(known.layers, config=config) if known else DynamicCache(config=config)
    pending = prompt.ids[len(known.ids) :] if known else prompt.ids
    tokens: list[int] = []
    states: list[Tensor] = []
    misses = 0
    while True:
        draft = phrases.after(tokens) if misses < PATIENCE else []
        passed = reader.read([*pending, *draft], prompt.pictures, cache)  # (m + k, D)
        if not tokens:
            read = passed[: len(pending)]
        ahead = passed[len(pending) - 1 :]  # (1 + k, D)
        following = reader.next_tokens(ahead).tolist()
        agreed = next((i for i, token in enumerate(draft) if token != following[i]), len(draft))
        misses += bool(draft) and not agreed
        if agreed < len(draft):
            cache.crop(agreed - len(draft))
        for state, token in zip(ahead[: agreed + 1], following, strict=False):
            states.append(state)
            tokens.append(token)
            if len(tokens) == MAX_NEW_TOKENS or reader.ends(tokens):
                shared = prompt.ids[: prompt.shared]
                reusable = known or (Prefix.of(shared, cache) if shared else None)
                return Decoded(tokens, torch.stack(states), read, reusable)
        pending = tokens[-1:]
