"""A tokenizer for processors of transformers that takes control tokens in a person's words for words.

A chat template is given marks in place of such words, and the words themselves come in when tokens are made.
Where no word looks like a control token, nothing is marked and the tokenizer is not used.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch

from sa2va_cli.model.prompt_text import PromptText, encode

_MARK = re.compile("\ue000([0-9]+)\ue001")
"""Of the private use area of Unicode: no template has it."""


class PlainWords:
    """Words that are hidden from a chat template, and the tokenizer that knows them.

    Args:
        tokenizer: a fast tokenizer of transformers.
        tags: what stands for pictures in prompts; None for what a processor has not.
    """

    def __init__(self, tokenizer: Any, tags: Sequence[str | None]) -> None:
        self._tokenizer = tokenizer
        self._control = [*tokenizer.get_added_vocab(), *(tag for tag in tags if tag)]
        self.words: list[str] = []

    def hide(self, text: str) -> str:
        """Gives the text, or a mark for it if part of it looks like a control token or a mark."""
        if not _MARK.search(text) and not any(token in text for token in self._control):
            return text
        self.words.append(text)
        return f"\ue000{len(self.words) - 1}\ue001"

    def __call__(self, texts: list[str], *, add_special_tokens: bool = True, **_: Any) -> dict[str, Any]:
        """Token ids and attention mask of prompts, padded on the left."""
        rows = [self._encoded(text, add_special_tokens=add_special_tokens) for text in texts]
        longest = max(map(len, rows))
        pad = self._tokenizer.pad_token_id
        return {
            "input_ids": torch.tensor([[pad] * (longest - len(row)) + row for row in rows]),
            "attention_mask": torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows]),
        }

    def _encoded(self, text: str, *, add_special_tokens: bool) -> list[int]:
        prompt, done = PromptText(), 0
        for mark in _MARK.finditer(text):
            prompt = prompt + text[done : mark.start()] + PromptText.literal(self.words[int(mark[1])])
            done = mark.end()
        ids = encode(self._tokenizer, prompt + text[done:])
        begin = self._tokenizer.bos_token_id
        # A template that writes <s> itself has it twice then.
        return ids[1:] if not add_special_tokens and ids[:2] == [begin, begin] else ids

    def __getattr__(self, name: str) -> Any:
        """Whatever else processors ask of a tokenizer."""
        return getattr(self._tokenizer, name)
