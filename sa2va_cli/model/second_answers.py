"""What the language model nearly answered instead: the second likeliest word where it was least decided.

From each such word on it is decoded what would have been said, greedily, up to its ``[SEG]`` tokens. Where
these lead to the same thing, the model hesitated between two ways to say it; where they lead elsewhere,
between two things. Knows nothing about masks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from sa2va_cli.conversation import Generation
from sa2va_cli.model.chat import ChatModel, SecondAnswer
from sa2va_cli.model.decoding import Decoded, Phrases, Prompt, decode

NEARLY = 5.0
"""Difference of the two highest logits from which on the second word does not count: it is less than a 148th
as probable as the first."""

MOST = 3
"""How many words of an answer are doubted: the least decided ones."""

_APART = 0.5
"""Cosine of two queries up to which they name different things: on drawn clips the mean IoU of their masks
was 0.07 where it was 0.3 to 0.5, about 0.5 at 0.5 to 0.8, 0.76 at 0.8 to 0.9, and 0.97 above 0.99."""

_LAST_WORDS = 64
_LONGER = 16
"""Tokens that a second answer may have more than the first."""


def second_answers(chat: ChatModel, prompt: Prompt, decoded: Decoded) -> tuple[SecondAnswer, ...]:
    """Decodes what would have been said; nothing where every word was decided, or the answer names nothing.

    Args:
        chat: the model that answered.
        prompt: what was to be answered.
        decoded: the answer.
    """
    tokens, segment = decoded.tokens, chat.segment_id
    if segment not in tokens:
        return ()
    stop = len(tokens) - tokens[::-1].index(segment)
    first = max(0, stop - _LAST_WORDS)
    values, words = chat.logits(decoded.hidden[first:stop]).float().topk(2, dim=-1)
    gaps = values[:, 0] - values[:, 1]
    places = [place for place in gaps.argsort()[:MOST].tolist() if gaps[place] < NEARLY]
    return tuple(
        SecondAnswer(float(gaps[place]), _states(chat, prompt, decoded, first + place, int(words[place, 1])))
        for place in places
    )


def _states(chat: ChatModel, prompt: Prompt, decoded: Decoded, place: int, word: int) -> Tensor:
    """The states at the ``[SEG]`` tokens of the answer that has ``word`` at a place."""
    begun = [*decoded.tokens[:place], word]
    tokens, states = begun, decoded.hidden[: place + 1]
    if not chat.ends(begun):
        onward = decode(
            chat,
            Prompt([*prompt.ids, *begun], prompt.pictures),
            Phrases(sources=[decoded.tokens]),
            decoded.whole,
            generation=Generation(max_new_tokens=len(decoded.tokens) + _LONGER),
        )
        tokens, states = [*begun, *onward.tokens], torch.cat([states, onward.hidden])
    # Row i of the states stands before token i, so that of token i is row i + 1; the last has none.
    rows = [place + 1 for place, token in enumerate(tokens[:-1]) if token == chat.segment_id]
    return chat.states_after_norm(states[rows])


def elsewhere(queries: Tensor, seconds: Sequence[tuple[float, Tensor]]) -> float:
    """How probable it is that something else was meant, by the second answers.

    Args:
        queries: (N, C) of the answer, at least one.
        seconds: for each second answer its gap (see ``SecondAnswer``) and its queries (M, C).

    Returns:
        0..1 for the object that it is most probable of: each second answer's probability, against that of
        all, times how far its nearest query points elsewhere: from 0 for the same direction to 1 at a cosine
        of 0.5, or where it names nothing.
    """
    odds = torch.zeros(len(queries))
    total = 1.0
    for gap, others in seconds:
        probable = float(torch.exp(torch.tensor(-gap)))
        total += probable
        away = torch.ones(len(queries))
        if len(others):
            alike = cosine_similarity(queries[:, None].float(), others[None].float(), dim=-1)
            away = ((1 - alike.max(dim=1).values) / (1 - _APART)).clamp(0, 1).cpu()
        odds += probable * away
    return round(float(odds.max()) / total, 3)
