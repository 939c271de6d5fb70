"""Decoding that reads several tokens in one pass, and goes on from a beginning that was read before.

A Sa2VA says nearly the same to everybody. So what it will probably say is appended as a *draft*, and read
with what has to be read anyway: the prompt, or the last token. Every state of that pass tells which token
greedy decoding takes next; as far as these are the draft's, one pass has done the work of several
(speculative decoding, Leviathan et al. 2023, with a fixed draft). What is wrong is forgotten again.

What is guaranteed: every token is the likeliest one after those before it, and every state is that of a
token in its place, so that the result is greedy decoding whatever was drafted. Numbers can differ in their
last bits from those of reading token by token, as they do between batch sizes and machines. So if the two
likeliest tokens lie closer together than that (about 1e-6 of the logits in float32, but 1e-2 in bfloat16),
another one may be taken. What is drawn at random is not drafted: a token is drawn from each state in turn.

After an answer the keys and values of the whole conversation are a ``Prefix``, and the next question reads
what comes after it. Knows nothing about pictures, families or masks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from transformers import DynamicCache

from sa2va_cli.conversation import Generation, Stop

GREEDY = Generation()
"""How answers are decoded where nobody says otherwise: as the official code does."""

DRAFT_TOKENS = 8
"""How far ahead words of the prompt are repeated."""

PATIENCE = 3
"""How many drafts of an answer may be wrong from their first token on before no more is drafted."""

_LONGEST_TAIL = 3
"""How many of the last tokens are looked for in what may be repeated."""


class TokenReader(Protocol):
    """A language model as decoding sees it."""

    language_model: Any

    @property
    def picture_id(self) -> int:
        """The token that stands for a piece of a picture."""
        ...

    def read(self, ids: list[int], pictures: Any, cache: Any, shown: int = 0) -> Tensor:
        """Reads tokens after those in ``cache``, to which they are added.

        Args:
            ids: n tokens.
            pictures: those of the whole prompt, in the family's own terms, or None.
            cache: transformers' cache of keys and values.
            shown: how many of their visual tokens are in the cache; what is among the tokens follows these.

        Returns:
            the states (n, D).
        """
        ...

    def logits(self, states: Tensor) -> Tensor:
        """How likely each token is (n, V) after each of the states (n, D)."""
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

    def shared(self, ids: list[int], picture_id: int | None = None) -> int:
        """How many tokens at its beginning a prompt has in common with it.

        Args:
            ids: the prompt; its last token is always left to be read.
            picture_id: the token of pictures; one that is not here as a whole does not count.
        """
        most = min(len(self.ids), len(ids) - 1)
        count = next((place for place in range(most) if ids[place] != self.ids[place]), most)
        while count and ids[count] == ids[count - 1] == picture_id:
            count -= 1
        return count

    def cut(self, count: int) -> "Prefix":
        """Its first tokens."""
        layers = [(keys[..., :count, :], values[..., :count, :]) for keys, values in self.layers]
        return Prefix(self.ids[:count], layers)


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came of decoding.

    Attributes:
        tokens: n generated ones.
        hidden: (n, D) states; row 0 at the end of the prompt, row i at generated token i.
        read: (m, D) the states at the last m tokens of the prompt, those that were not in the prefix.
        prefix: keys and values of the prompt's beginning; None where later questions do not share it.
        whole: those of the prompt and the answer, but for the answer's last token.
        stop: why it ended.
        known: how many tokens of the prompt were in the prefix.
    """

    tokens: list[int]
    hidden: Tensor
    read: Tensor
    prefix: Prefix | None
    whole: Prefix
    stop: Stop
    known: int


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


class Draws:
    """Tokens drawn at random, the same ones for the same seed on every device.

    Args:
        generation: how; its temperature is above 0.
        answered: how many answers came before, so that the next one is not drawn alike.
    """

    def __init__(self, generation: Generation, answered: int = 0) -> None:
        self._temperature = generation.temperature
        self._top_p = generation.top_p
        self._generator = torch.Generator().manual_seed(generation.seed + answered)

    def token(self, logits: Tensor) -> int:
        """Draws from the likeliest tokens that together have the least probability that was asked for.

        Args:
            logits: (V,).
        """
        logits = logits.float().cpu()
        shares = torch.softmax((logits - logits.max()) / self._temperature, dim=-1)
        ordered, tokens = shares.sort(descending=True)
        ordered[ordered.cumsum(0) - ordered >= self._top_p] = 0  # of the first one this is 0
        return int(tokens[torch.multinomial(ordered, 1, generator=self._generator)])


Heard = Callable[[list[int]], bool]
"""Is given the tokens so far after each one; whether the answer goes on."""


def decode(
    reader: TokenReader,
    prompt: Prompt,
    phrases: Phrases,
    prefix: Prefix | None = None,
    *,
    generation: Generation | None = None,
    draws: Draws | None = None,
    heard: Heard = lambda _: True,
) -> Decoded:
    """Decodes until the answer ends, has as many tokens as it may, or is stopped.

    Args:
        reader: the language model.
        prompt: what is to be answered.
        phrases: what drafts are made of; they change how long it takes, not what comes out (see above).
        prefix: of an earlier question; only as much of it is used as the prompt begins with.
        generation: how many tokens there may be; None for ``GREEDY``.
        draws: chooses tokens; None for greedy decoding.
        heard: see there.
    """
    known = prefix.shared(prompt.ids, reader.picture_id) if prefix else 0
    shown = prompt.ids[:known].count(reader.picture_id)
    config = reader.language_model.config
    layers = prefix.cut(known).layers if prefix and known else None
    cache = DynamicCache(layers, config=config) if layers else DynamicCache(config=config)
    pending = prompt.ids[known:]
    tokens: list[int] = []
    states: list[Tensor] = []
    misses = 0
    stop: Stop | None = None
    while stop is None:
        draft = phrases.after(tokens) if draws is None and misses < PATIENCE else []
        passed = reader.read([*pending, *draft], prompt.pictures, cache, shown)  # (m + k, D)
        if not tokens:
            read, shown = passed[: len(pending)], prompt.ids.count(reader.picture_id)
        ahead = passed[len(pending) - 1 :]  # (1 + k, D)
        following = _following(reader, ahead, draws)
        agreed = next((i for i, token in enumerate(draft) if token != following[i]), len(draft))
        misses += bool(draft) and not agreed
        if agreed < len(draft):
            cache.crop(agreed - len(draft))
        for state, token in zip(ahead[: agreed + 1], following, strict=False):
            states.append(state)
            tokens.append(token)
            stop = stop_of(reader, tokens, generation or GREEDY, heard)
            if stop:
                break
        pending = tokens[-1:]
    shared = prompt.ids[: prompt.shared]
    if prefix is not None and known == len(prefix.ids) >= len(shared):
        reusable: Prefix | None = prefix
    else:
        reusable = Prefix.of(shared, cache) if shared else None
    whole = Prefix.of([*prompt.ids, *tokens[:-1]], cache)
    return Decoded(tokens, torch.stack(states), read, reusable, whole, stop, known)


def _following(reader: TokenReader, states: Tensor, draws: Draws | None) -> list[int]:
    """The token after each of the states."""
    if draws is None:
        following: list[int] = reader.next_tokens(states).tolist()
        return following
    return [draws.token(logits) for logits in reader.logits(states)]


def stop_of(
    reader: TokenReader, tokens: list[int], generation: Generation, heard: Heard = lambda _: True
) -> Stop | None:
    """Why an answer ends after its last token; None if it does not."""
    goes_on = heard(tokens)
    if reader.ends(tokens):
        return "end"
    if not goes_on:
        return "interrupted"
    return "length" if len(tokens) == generation.max_new_tokens else None
