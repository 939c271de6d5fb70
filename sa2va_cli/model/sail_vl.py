"""SAIL-VL: an InternVL with a prompt of its own, and without ``[SEG]`` (reference set, section 9).

Knows nothing about files.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sa2va_cli.errors import UsageError
from sa2va_cli.model.chat import Turn
from sa2va_cli.model.internvl import SAIL_VL, TEMPLATES, InternVL, InternVLSizes
from sa2va_cli.model.prompt_text import IMAGE_TAG, PromptText

SYSTEM = "你是由抖音内容理解组开发的多模态大模型，英文名叫UniVL, 是一个有用无害的人工智能助手。"
"""The system turn, which is always there (reference set, section 9.2)."""

_END = "<|im_end|>"


class SailVL(InternVL):
    """A SAIL-VL.

    ``<image>`` in a question says where a picture goes if it stands there as often as pictures came with the
    question; this is the model's own convention. Else they come first, and ``<image>`` is a word.
    """

    knows_regions = False

    def __init__(self, sizes: InternVLSizes, tokenizer: Any) -> None:
        super().__init__(sizes, tokenizer)
        self.segment_id = -1  # which no token has
        self._end: int = tokenizer.convert_tokens_to_ids(_END)

    def write(self, turns: Sequence[Turn], system: str | None = None) -> PromptText:
        """Writes the prompt of a conversation; see ``ChatModel``."""
        template = TEMPLATES[SAIL_VL]
        (before, after), (begin, end) = template.turn.split("{}"), template.system.split("{}")
        text = begin + PromptText.literal(SYSTEM if system is None else system) + end
        for turn in turns:
            text = text + before + self._question(turn) + after
            if turn.answer is not None:
                text = text + turn.answer + _END
        return text

    def _question(self, turn: Turn) -> PromptText:
        blocks, labels = [], []
        for seen in turn.pictures:
            tiles = [1] * len(seen.tokens) if seen.video else [len(seen.tokens)]
            blocks += [self._block(count, video=False) for count in tiles]
            labels += ["Frame" if seen.video else "Image-"] * len(tiles)
        parts = turn.words.split(IMAGE_TAG)
        if blocks and len(parts) == len(blocks) + 1:
            text = PromptText.literal(parts[0])
            for block, part in zip(blocks, parts[1:], strict=True):
                text = text + block + PromptText.literal(part)
            return text
        if labels == ["Image-"]:
            return PromptText(f"{blocks[0]}\n") + turn.words
        # As the cards of SAIL-VL and InternVL2 number images and frames.
        numbers = dict.fromkeys(labels, 0)
        front = ""
        for label, block in zip(labels, blocks, strict=True):
            numbers[label] += 1
            front += f"{label}{numbers[label]}: {block}\n"
        return PromptText(front) + turn.words

    def shown_with(self, questions: Sequence[PromptText]) -> int:
        """The first question with ``<image>``, or the first of all."""
        return next((place for place, words in enumerate(questions) if IMAGE_TAG in words), 0)

    def regions_of(self, masks: np.ndarray) -> Any:  # noqa: ARG002 (the name is the protocol's)
        """Refuses regions, of which this model knows nothing."""
        raise UsageError("SAIL-VL knows no regions; leave boxes, points and masks out, or ask a Sa2VA")

    def ends(self, tokens: list[int]) -> bool:
        """One token ends an answer, not text that looks like it (reference set, section 9.4)."""
        return tokens[-1] == self._end
