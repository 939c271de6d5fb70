"""Conversations as a chat model reads them when it is taught: its tokens, and which of them are learned.

A family writes its own prompts and ends its own answers (``ChatModel.write``); here the answers are put
between, tokenised by themselves as generated tokens are. Knows nothing about pictures or masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sa2va_cli.model.chat import ChatModel, Turn
from sa2va_cli.model.prompt_text import PromptText, encode
from sa2va_cli.training.samples import IGNORED


@dataclass(frozen=True)
class Taught:
    """One conversation.

    Attributes:
        tokens: all of it.
        learned: whether each token is part of an answer.
    """

    tokens: tuple[int, ...]
    learned: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class TaughtBatch:
    """Conversations of one batch, filled up on the left.

    Attributes:
        tokens: (B, L).
        real: (B, L) bool: what does not fill up.
        targets: (B, L) the token that follows each position, or ``IGNORED`` where none is learned.
        segments: (B, L) bool: the ``[SEG]`` of answers, which are fed back.
    """

    tokens: Tensor
    real: Tensor
    targets: Tensor
    segments: Tensor


def teach(chat: ChatModel, turns: Sequence[Turn]) -> Taught:
    """Tokenises a conversation whose turns are all answered.

    Args:
        chat: of any family.
        turns: with pictures that the family has looked at.
    """
    ending = _ending(chat)
    tokens: list[int] = []
    learned: list[bool] = []
    written = ""
    for number, turn in enumerate(turns, 1):
        answer = PromptText() if turn.answer is None else turn.answer
        asked = [*turns[: number - 1], Turn(turn.words, turn.pictures, turn.regions)]
        prompt = chat.write(asked)
        ids = encode(chat.tokenizer, _rest(prompt, written))
        said = _without_begin(chat, encode(chat.tokenizer, answer + ending))
        ids = ids if number == 1 else _without_begin(chat, ids)
        tokens += ids + said
        learned += [False] * len(ids) + [True] * len(said)
        written = prompt + answer + ending
    return Taught(tuple(tokens), tuple(learned))


def _ending(chat: ChatModel) -> str:
    """The text that ends an answer: its first stop word, or where there are none the token that stops."""
    if chat.stops:
        return chat.stops[0]
    return str(chat.tokenizer.convert_ids_to_tokens(chat.sizes.stop_ids[0]))


def _rest(prompt: PromptText, written: str) -> PromptText:
    """What is new in a prompt behind what was written before; it keeps which words are a person's."""
    if not prompt.startswith(written):
        raise ValueError("a prompt does not go on from the one before it")
    new, place = PromptText(), 0
    for text, literal in prompt.pieces():
        part = text[max(0, len(written) - place) :]
        place += len(text)
        new += PromptText.literal(part) if literal else part
    return new


def _without_begin(chat: ChatModel, ids: list[int]) -> list[int]:
    """Tokens without what some tokenizers put before every text."""
    begin = getattr(chat.tokenizer, "bos_token_id", None)
    return ids[1:] if begin is not None and ids[:1] == [begin] else ids


def joined(chat: ChatModel, taught: Sequence[Taught], device: torch.device) -> TaughtBatch:
    """Makes a batch; the last token of each conversation is read by nobody, and is left out."""
    length = max(len(one.tokens) for one in taught) - 1
    rows = len(taught)
    tokens = torch.full((rows, length), taught[0].tokens[-1], dtype=torch.long)
    targets = torch.full((rows, length), IGNORED, dtype=torch.long)
    real = torch.zeros(rows, length, dtype=torch.bool)
    answers = torch.zeros(rows, length, dtype=torch.bool)
    for row, one in enumerate(taught):
        start = length - (len(one.tokens) - 1)
        tokens[row, start:] = torch.tensor(one.tokens[:-1])
        following, learned = torch.tensor(one.tokens[1:]), torch.tensor(one.learned)
        targets[row, start:] = torch.where(learned[1:], following, IGNORED)
        answers[row, start:] = learned[:-1]
        real[row, start:] = True
    segments = answers & (tokens == chat.segment_id)
    return TaughtBatch(tokens.to(device), real.to(device), targets.to(device), segments.to(device))
