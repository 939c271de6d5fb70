"""Which part of a network a tensor belongs to, by its name, published or native.

Parts can be told apart, counted and given a precision of their own before anything is read. Knows nothing
about torch.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sa2va_cli.checkpoints.files import TensorHeader

# What a part is called -> the names of its tensors, published or native; the first that matches counts.
PARTS: dict[str, re.Pattern[str]] = {
    "SAM 2, second decoder": re.compile(r"\.sam_mask_decoder_modified\.|^sam2\.language_decoder\."),
    "SAM 2": re.compile(r"^(grounding_encoder|sam2)\."),
    "[SEG] projection": re.compile(r"^text_hidden_fcs\."),
    "vision": re.compile(r"^(chat\.)?vision_model\.|^model\.model\.visual\."),
    "projector": re.compile(r"^(mlp1|chat\.projector)\."),
    "language model": re.compile(r"^(chat|model|language_model)\."),
}
OTHER = "other"

LM, VIT, SAM2 = "lm", "vit", "sam2"

GROUPS: dict[str, str] = {
    "vision": VIT,
    "projector": VIT,
    "language model": LM,
    "[SEG] projection": SAM2,
    "SAM 2": SAM2,
    "SAM 2, second decoder": SAM2,
    OTHER: LM,
}
"""The group of each part. A group has one precision: all that makes visual tokens, all that reads and writes
words, all that makes masks of ``[SEG]`` states."""

_NOT_QUANTISED = re.compile(r"\.(embed_tokens|tok_embeddings|lm_head|output)\.weight$")


def part_of(name: str) -> str:
    """The part that a tensor belongs to: a key of ``PARTS``, or ``OTHER``."""
    return next((title for title, names in PARTS.items() if names.search(name)), OTHER)


def group_of(name: str) -> str:
    """The group that a tensor belongs to, which decides its precision: ``lm``, ``vit`` or ``sam2``."""
    return GROUPS[part_of(name)]


def is_quantisable(name: str, shape: Sequence[int]) -> bool:
    """Whether a tensor is the weight of a linear layer between embedding and output of a language model."""
    return group_of(name) == LM and len(shape) == 2 and not _NOT_QUANTISED.search(name)


@dataclass(frozen=True)
class Counts:
    """How many parameters a network has.

    Attributes:
        groups: by ``lm``, ``vit`` and ``sam2``.
        quantisable: how many of ``lm`` are weights that can be quantised.
    """

    groups: dict[str, int]
    quantisable: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.groups.values())


def count(headers: Iterable[TensorHeader]) -> Counts:
    """Counts the parameters of a checkpoint by what its files say."""
    groups, quantisable = dict.fromkeys((LM, VIT, SAM2), 0), 0
    for header in headers:
        groups[group_of(header.name)] += header.parameters
        quantisable += header.parameters * is_quantisable(header.name, header.shape)
    return Counts(groups, quantisable)
