"""What every vision-language family has in common: its answers, and the door through which it is asked.

A family is one file beside this one, with a dataclass of sizes that can build it. Knows nothing about masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import UsageError
from sa2va_cli.model.decoding import Phrases, Prefix, TokenReader
from sa2va_cli.model.prompt_text import IMAGE_TAG, PromptText, encode

NOTHING = "There is no such thing here."
"""What the bundled network was trained to say where nothing matches."""

# What Sa2VA was trained to answer to a request for masks (official training data, ANSWER_LIST).
ANSWERS = (
    "Sure, [SEG].",
    "It is [SEG].",
    "Sure, it is [SEG].",
    "Sure, the segmentation result is [SEG].",
    "[SEG].",
    NOTHING,
)
CLOSINGS = (": [SEG].", ", [SEG] and [SEG].")
"""How answers end that repeat the user's words, or find several things."""


@dataclass(frozen=True, eq=False)
class SecondAnswer:
    """An answer that begins like the one that was given, and then takes the second likeliest word.

    Attributes:
        gap: how much higher the logit of the word was that was said.
        states: (N, D) the states at its ``[SEG]`` tokens; none where it names nothing.
    """

    gap: float
    states: Tensor = field(repr=False)


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
        margin: how decided the words up to the last ``[SEG]`` are; see ``margin_of``. None without one.
        seconds: what was nearly answered instead.
    """

    text: str
    token_ids: Tensor
    hidden: Tensor
    segment_states: Tensor
    margin: float | None = None
    seconds: tuple[SecondAnswer, ...] = ()


@dataclass(frozen=True, eq=False)
class View:
    """Pictures that were looked at once, and can be asked about as often as one likes; it is never changed.

    Attributes:
        pictures: what the vision encoder says about them, in the family's own terms; None without pictures.
        prefix: keys and values from reading them; None before the first question.
    """

    pictures: Any = field(repr=False)
    prefix: Prefix | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Turn:
    """What a person said, and what was answered.

    Attributes:
        words: the person's.
        pictures: what the vision encoder says about each picture or video that came with them, in the
            family's own terms.
        regions: region masks of the one picture, in the family's own terms.
        answer: as the model said it, without what ends it; None while there is none.
    """

    words: PromptText
    pictures: tuple[Any, ...] = ()
    regions: Any = None
    answer: PromptText | None = None


class ChatModel(TokenReader, Protocol):
    """A vision-language model; also an ``nn.Module``."""

    sizes: Any
    tokenizer: Any
    segment_id: int
    knows_regions: bool

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an answer."""
        ...

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        ...

    def look(self, images: Sequence[RGB], *, still: bool) -> View:
        """Encodes pictures: keyframes of a video or, if ``still``, one image or none."""
        ...

    def answer(
        self, view: View, text: str, regions: np.ndarray | None = None, past: str = ""
    ) -> tuple[Answer, View]:
        """Answers a question about pictures.

        Args:
            view: of them, from ``look`` or an earlier question.
            text: the question, with ``<image>`` where the pictures go. All control tokens in it count, but
                for those in words that are marked as a person's (see ``prompt_text.PromptText``).
            regions: (n, H, W) region masks of a still image.
            past: all that was said before.

        Returns:
            the answer, and the view with what was learned from reading it: the next question about the same
            pictures need not read them again.
        """
        ...

    def regions_of(self, masks: np.ndarray) -> Any:
        """Region masks (n, H, W) of a still image in the family's own terms.

        Raises:
            UsageError: the family knows no regions.
        """
        ...

    def write(self, turns: Sequence[Turn], system: str | None = None) -> PromptText:
        """Writes the prompt of a conversation, up to where the last turn's answer begins.

        Args:
            turns: all but the last one answered.
            system: the system turn; None for the template's own.
        """
        ...

    def gather(self, turns: Sequence[Turn]) -> Any:
        """All that is shown in a conversation's prompt, for ``read``; None for nothing."""
        ...

    def shown_with(self, questions: Sequence[PromptText]) -> int:
        """With which of the questions of a conversation that was led elsewhere its pictures came."""
        ...

    def said(self, tokens: list[int]) -> str:
        """The text of generated tokens, special ones included, as the official code returns it."""
        ...

    def states_after_norm(self, states: Tensor) -> Tensor:
        """The states that queries are made of, of those that ``read`` returns."""
        ...

    def read_together(self, rows: Tensor, pictures: Sequence[Any], cache: Any, mask: Tensor) -> Tensor:
        """Reads tokens of several conversations at once.

        Args:
            rows: (B, n) tokens, filled up on the left.
            pictures: what is shown in each conversation, all of it among the tokens while the cache is empty.
            cache: of keys and values.
            mask: (B, L) bool, which of the tokens in the cache and in ``rows`` are no filling.

        Returns:
            the states (B, n, D).
        """
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


def context_length(chat: Any) -> int:
    """How many tokens a language model reads: positions it has, times the factor they are stretched by.

    Source: ``rope_parameters`` of transformers (modeling_rope_utils.py).

    Args:
        chat: a ``ChatModel``.
    """
    config: Any = chat.language_model.config
    text = getattr(config, "text_config", config)
    rope = getattr(text, "rope_parameters", None) or {}
    positions = int(text.max_position_embeddings)
    before_stretching = rope.get("original_max_position_embeddings") or positions
    return max(positions, int(before_stretching * (rope.get("factor") or 1)))


def tokens_of(chat: Any, prompt: str) -> list[int]:
    """Turns a prompt into tokens, as many as the language model reads.

    Args:
        chat: a ``ChatModel``.
        prompt: see ``prompt_text.encode``.

    Raises:
        UsageError: there are more. It would answer all the same, and the answer would mean nothing.
    """
    ids = encode(chat.tokenizer, prompt)
    most = context_length(chat)
    if len(ids) > most:
        raise UsageError(
            f"pictures and words are {len(ids):,} tokens, and the language model reads {most:,}; "
            "show it fewer frames, say less, or begin the conversation anew"
        )
    return ids


def check_pictures(shown: int, seen: int) -> None:
    """Makes sure that a prompt shows the pictures that were looked at, or none.

    Args:
        shown: how many visual tokens the prompt has room for.
        seen: how many there are.

    Raises:
        UsageError: the numbers differ.
    """
    if shown not in (0, seen):
        raise UsageError(
            f"the prompt shows {shown} visual tokens, but the pictures that were looked at have {seen}; "
            f"write {IMAGE_TAG} once, and no other token of pictures"
        )


def remembered(chat: ChatModel, text: str, tokens: Sequence[int]) -> PromptText:
    """An answer as a part of later prompts: what only looks like a control token there is words.

    Args:
        chat: the model that said it.
        text: of the answer.
        tokens: it was generated as.
    """
    added = chat.tokenizer.get_added_vocab()
    control = sum(token in set(added.values()) for token in tokens)
    seen = sum(text.count(token) for token in added)
    if seen == control and chat.picture_id not in tokens:
        return PromptText(text)
    return PromptText.literal(text)


_LAST_WORDS = 64
"""Tokens before a ``[SEG]`` that are looked at: the logits of a long answer would be large."""


def margin_of(chat: TokenReader, tokens: Sequence[int], states: Tensor, segment_id: int) -> float | None:
    """How decided the words of an answer are that name something.

    Where the model had two things in mind, the words that tell them apart were nearly others.

    Args:
        chat: the model that said it.
        tokens: of the answer.
        states: (n, D) as ``chat`` reads logits from them; row i stands before token i.
        segment_id: the token ``[SEG]``.

    Returns:
        The mean of the three smallest differences of the two highest logits at tokens up to the last
        ``[SEG]``, to two decimals; None without one.
    """
    if segment_id not in tokens:
        return None
    stop = len(tokens) - tokens[::-1].index(segment_id)
    logits = chat.logits(states[max(0, stop - _LAST_WORDS) : stop]).float()
    first, second = logits.topk(2, dim=-1).values.unbind(dim=-1)
    return round(float((first - second).sort().values[:3].mean()), 2)


def likely_phrases(tokenizer: Any, words: Sequence[int]) -> Phrases:
    """Says what an answer will probably be made of.

    Args:
        tokenizer: of the chat model.
        words: tokens of the user's question, which answers may repeat.
    """
    answers, closings = (
        [tokenizer.encode(text, add_special_tokens=False) for text in texts] for texts in (ANSWERS, CLOSINGS)
    )
    return Phrases(answers, [words, *closings, *answers])
