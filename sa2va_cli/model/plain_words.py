"""A tokenizer for processors of transformers that takes control tokens in a person's words for words.

A chat template is given marks in place of such words, and the words themselves come in when tokens are made.
Where no word looks like a control token, nothing is marked and the tokenizer is not used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tokenizers import Encoding

from sa2va_cli.model.prompt_text import PromptText, encoding

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

    def __call__(self, texts: list[str], *, add_special_tokens: bool = True, **_: Any) -> "_Prompts":
        """Token ids and attention mask of prompts, padded on the left."""
        rows = [self._encoded(text, add_special_tokens=add_special_tokens) for text in texts]
        longest = max(len(row.ids) for row in rows)
        rows = [replace(row, padding=longest - len(row.ids)) for row in rows]
        pad = self._tokenizer.pad_token_id
        return _Prompts(
            rows,
            input_ids=torch.tensor([[pad] * row.padding + row.ids for row in rows]),
            attention_mask=torch.tensor([[0] * row.padding + [1] * len(row.ids) for row in rows]),
        )

    def _encoded(self, text: str, *, add_special_tokens: bool) -> "_Row":
        prompt, done, longer = PromptText(), 0, []
        for mark in _MARK.finditer(text):
            words = self.words[int(mark[1])]
            prompt = prompt + text[done : mark.start()] + PromptText.literal(words)
            done = mark.end()
            longer.append((done, len(words) - len(mark[0])))
        encoded = encoding(self._tokenizer, prompt + text[done:])
        begin = self._tokenizer.bos_token_id
        # A template that writes <s> itself has it twice then.
        cut = int(not add_special_tokens and encoded.ids[:2] == [begin, begin])
        return _Row(list(encoded.ids[cut:]), encoded, cut, tuple(longer))

    def __getattr__(self, name: str) -> Any:
        """Whatever else processors ask of a tokenizer."""
        return getattr(self._tokenizer, name)


@dataclass(frozen=True, eq=False)
class _Row:
    """One prompt as tokens.

    Attributes:
        ids: of the tokens.
        encoding: knows which character of the prompt each token is of.
        cut: how many of its tokens were left out at the beginning.
        longer: where each mark ends in the text that a processor has, and by how many characters the words
            that came in its place are longer.
        padding: how many tokens stand before these.
    """

    ids: list[int]
    encoding: Encoding
    cut: int
    longer: tuple[tuple[int, int], ...]
    padding: int = 0

    def token_at(self, place: int) -> int | None:
        """The token that a character of the text became, as transformers counts them."""
        token = self.encoding.char_to_token(place + sum(more for end, more in self.longer if end <= place))
        return None if token is None else int(token) - self.cut + self.padding


class _Prompts(dict[str, Any]):
    """What processors take from a tokenizer: a ``BatchEncoding`` as far as they look at it.

    Args:
        rows: the prompts.
        tensors: by the names that models know.
    """

    def __init__(self, rows: Sequence[_Row], **tensors: Any) -> None:
        super().__init__(tensors)
        self._rows = rows

    def char_to_token(self, row: int, place: int) -> int | None:
        """The token that a character of a prompt became (``Idefics3Processor`` asks)."""
        return self._rows[row].token_at(place)
