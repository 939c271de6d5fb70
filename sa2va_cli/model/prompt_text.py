"""Prompts as text in which a template and a person's words stay apart, their tokens, and plain answers.

A template speaks to the network in control tokens: where pictures go, who speaks, when a turn ends. A person
speaks in words, and ``<|im_end|>`` or ``[SEG]`` among them are words as well. Knows nothing about families.
"""

import re
from collections.abc import Iterator
from typing import Any, Self

from tokenizers import Encoding, Tokenizer

IMAGE_TAG = "<image>"
"""Where the pictures go in a question."""

SEGMENT = "[SEG]"
"""What an answer says where it has a mask."""

CLOSING_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|end|>", "</s>")
"""What ends a turn, or a text, in the families' chat templates and tokenizers; they also pad with it."""
_CLOSING = re.compile(rf"(?:\s*(?:{'|'.join(map(re.escape, CLOSING_TOKENS))}))+\s*\Z")

Span = tuple[int, int]


class PromptText(str):
    """Text that knows which parts of it are a person's words; in all else it is a string.

    Joining with ``+`` and ``fill`` keep that knowledge. All other operations of ``str`` return a ``str``,
    which is a template from end to end: what a person typed goes through ``literal`` and is then joined.

    Args:
        text: of the prompt; one that is a ``PromptText`` already keeps its spans.
        spans: begin and end of each part that is a person's words, in order; None for those of ``text``.
    """

    spans: tuple[Span, ...]

    def __new__(cls, text: str = "", spans: tuple[Span, ...] | None = None) -> Self:
        """Marks parts of a text."""
        made = super().__new__(cls, text)
        made.spans = spans if spans is not None else getattr(text, "spans", ())
        return made

    @classmethod
    def literal(cls, words: str) -> Self:
        """A person's words: no part of them is a control token."""
        return cls(words, ((0, len(words)),))

    def __add__(self, other: str, /) -> "PromptText":
        """Joins two texts."""
        moved = tuple((begin + len(self), end + len(self)) for begin, end in getattr(other, "spans", ()))
        return PromptText(str(self) + str(other), self.spans + moved)

    def __radd__(self, other: str, /) -> "PromptText":
        """Joins a template and this."""
        return PromptText(other) + self

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Yields the text part by part, and whether each is a person's words."""
        done = 0
        for begin, end in self.spans:
            yield self[done:begin], False
            yield self[begin:end], True
            done = end
        yield self[done:], False

    def fill(self, tag: str, value: str) -> "PromptText":
        """Replaces a tag wherever a template has it; in a person's words it stays."""
        filled = PromptText()
        for text, literal in self.pieces():
            filled += PromptText.literal(text) if literal else text.replace(tag, value)
        return filled

    def has(self, tag: str) -> bool:
        """Whether a template has this tag."""
        return any(tag in text for text, literal in self.pieces() if not literal)


def encode(tokenizer: Any, text: str) -> list[int]:
    """Turns a prompt into tokens; a plain ``str`` is a template from end to end.

    Between control tokens, template and words are encoded together, so that where no word looks like a
    control token the result is that of the whole text. All tokens that were added to a tokenizer's
    vocabulary count as control tokens, whether or not they are flagged as special: ``<think>`` is not.

    Args:
        tokenizer: a fast tokenizer of transformers.
        text: the prompt.
    """
    if not getattr(text, "spans", ()):
        ids: list[int] = tokenizer(text)["input_ids"]
        return ids
    return list(encoding(tokenizer, PromptText(text)).ids)


def encoding(tokenizer: Any, text: PromptText) -> Encoding:
    """The tokens of a prompt, with the places of their characters in it; see ``encode``.

    Args:
        tokenizer: a fast tokenizer of transformers.
        text: the prompt.
    """
    if not text.spans:
        whole: Encoding = tokenizer(text).encodings[0]
        return whole
    backend = tokenizer.backend_tokenizer
    plain = Tokenizer(backend.model)  # shares the vocabulary, and has no added tokens
    plain.normalizer, plain.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    encoded = [
        (backend if control else plain).encode(part, add_special_tokens=False)
        for part, control in _parts(text, tokenizer.get_added_vocab())
    ]
    return backend.post_process(Encoding.merge(encoded, growing_offsets=True))


def _parts(text: PromptText, control_tokens: dict[str, int]) -> Iterator[tuple[str, bool]]:
    """Yields what to encode together, and whether it consists of control tokens; nothing is empty."""
    longest_first = map(re.escape, sorted(control_tokens, key=len, reverse=True))
    run = re.compile(f"((?:{'|'.join([*longest_first, '(?!)'])})+)")  # (?!) matches nothing
    waiting = ""
    for piece, literal in text.pieces():
        # Split at a group, parts at odd places are what it matched.
        for place, part in enumerate([piece] if literal else run.split(piece)):
            if place % 2 == 0:
                waiting += part
                continue
            if waiting:
                yield waiting, False
            yield part, True
            waiting = ""
    if waiting:
        yield waiting, False


def spoken(answer: str) -> str:
    """An answer as people read it: without the tokens that end it or fill it up; ``[SEG]`` stays."""
    return _CLOSING.sub("", answer)
