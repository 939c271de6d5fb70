"""The text of an answer as it grows token by token, without special tokens, and what is named in it.

A token may be a part of a letter: text is given out when its letters are whole. What may be the beginning of
a text that ends answers waits until that is clear. Knows nothing about networks.
"""

from collections.abc import Sequence
from typing import Any

from sa2va_cli.conversation import Mention

_BROKEN = "\ufffd"
"""What a decoder puts where bytes are not, or not yet, a letter."""

PHRASE_BEGINS, PHRASE_ENDS = "<p>", "</p>"
"""Around the words that the next ``[SEG]`` is called by (grounded conversation generation, GLaMM)."""


class StreamedText:
    """Takes tokens, gives text.

    Args:
        tokenizer: a fast tokenizer.
        segment_id: its token for a mask.
        stops: texts that end an answer; those that are tokens of their own are never text.
    """

    def __init__(self, tokenizer: Any, segment_id: int, stops: Sequence[str] = ()) -> None:
        added = tokenizer.get_added_vocab()
        self._tokenizer = tokenizer
        self._special = {*added.values(), *tokenizer.all_special_ids}
        self._marks = {added.get(PHRASE_BEGINS): "begin", added.get(PHRASE_ENDS): "end", segment_id: "mask"}
        self._stops = tuple(stop for stop in stops if stop not in added)
        self._ids: list[int] = []
        self._window = self._given = 0
        self._text = ""
        self._waiting = ""
        self._began: int | None = None
        self._phrase: Mention | None = None
        self.mentions: list[Mention | None] = []

    @property
    def text(self) -> str:
        """All that was given out."""
        return self._text

    def add(self, token: int) -> str:
        """Takes a token; returns the text that is certain now."""
        if token in self._special:
            piece = self._flush() + self._release()
            self._mark(self._marks.get(token))
            return piece
        self._ids.append(token)
        fresh = self._fresh()
        if not fresh or fresh.endswith(_BROKEN):
            return ""
        self._window, self._given = self._given, len(self._ids)
        return self._give(fresh)

    def end(self) -> str:
        """Returns the rest, but for a text that ends answers."""
        piece = self._flush()
        if self._waiting in self._stops:
            self._waiting = ""
        return piece + self._release()

    def _fresh(self) -> str:
        """What the tokens say that were not given out; decoded after a few others, for the spaces."""
        known, whole = (
            self._tokenizer.decode(
                self._ids[self._window : end], skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
            for end in (self._given, len(self._ids))
        )
        return str(whole[len(known) :])

    def _flush(self) -> str:
        fresh = self._fresh() if self._given < len(self._ids) else ""
        self._window, self._given = self._given, len(self._ids)
        return self._give(fresh)

    def _give(self, fresh: str) -> str:
        """Adds text, and holds back what may become one that ends answers."""
        fresh = self._waiting + fresh
        if not self._text:
            fresh = fresh.lstrip()
        kept = max(
            (n for stop in self._stops for n in range(1, len(stop) + 1) if fresh.endswith(stop[:n])),
            default=0,
        )
        piece, self._waiting = fresh[: len(fresh) - kept], fresh[len(fresh) - kept :]
        self._text += piece
        return piece

    def _release(self) -> str:
        """Gives out what was held back."""
        piece, self._waiting = self._waiting, ""
        self._text += piece
        return piece

    def _mark(self, mark: str | None) -> None:
        """Notes where phrases begin and end, and which mask has which."""
        if mark == "begin":
            self._began = len(self._text)
        elif mark == "end" and self._began is not None:
            begin, end = self._began, len(self._text)
            words = self._text[begin:end]
            begin += len(words) - len(words.lstrip())
            self._phrase = (
                Mention(words.strip(), begin, begin + len(words.strip())) if words.strip() else None
            )
            self._began = None
        elif mark == "mask":
            self.mentions.append(self._phrase)
