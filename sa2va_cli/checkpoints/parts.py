"""Which part of a network a tensor belongs to, by its name, published or native.

Parts can be distinguished, counted and given a precision of their own before anything is read. Names of chat
models come from the families; those of what all share are here. Imports no torch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sa2va_cli.checkpoints.families.family import LANGUAGE_MODEL, PROJECTOR, VISION
from sa2va_cli.checkpoints.families.sam2 import NATIVE_DECODERS, PUBLISHED_DECODERS
from sa2va_cli.checkpoints.families.table import FAMILIES
from sa2va_cli.checkpoints.files import TensorHeader

QUERIES = "[SEG] projection"
SEGMENTER = "SAM 2"
SECOND_DECODER = "SAM 2, second decoder"
OTHER = "other"

LM, VIT, SAM2 = "lm", "vit", "sam2"

GROUPS: dict[str, str] = {
    VISION: VIT,
    PROJECTOR: VIT,
    LANGUAGE_MODEL: LM,
    QUERIES: SAM2,
    SEGMENTER: SAM2,
    SECOND_DECODER: SAM2,
    OTHER: LM,
}
"""The parts of a network in the order in which data goes through them, and the group of each. A group has one
precision: all that makes visual tokens, all that reads and writes words, all that makes masks of ``[SEG]``
states."""

_PREFIXES: dict[str, str] = {
    "chat.vision_model.": VISION,
    "chat.projector.": PROJECTOR,
    "chat.": LANGUAGE_MODEL,
    "text_hidden_fcs.": QUERIES,
    # What transformers' own chat models have beside names of the families.
    **{
        f"{model}{name}": part
        for model in ("", "model.")
        for name, part in (
            ("vision_tower.", VISION),
            ("visual.", VISION),
            ("multi_modal_projector.", PROJECTOR),
            ("image_newline", PROJECTOR),
        )
    },
    "lm_head.": LANGUAGE_MODEL,
    "grounding_encoder.": SEGMENTER,
    "sam2.": SEGMENTER,
    PUBLISHED_DECODERS[1]: SECOND_DECODER,
    NATIVE_DECODERS[1]: SECOND_DECODER,
}
"""What the names of all networks, and the published ones of what all families share, begin with."""

_NATIVE_ENDS = (".embed_tokens.weight", ".lm_head.weight")
"""What transformers calls embedding and output layer."""


@cache
def prefixes() -> dict[str, str]:
    """The part for each beginning of a name, longest first."""
    published = {
        prefix: part
        for family in FAMILIES.values()
        for part, beginnings in family.prefixes.items()
        for prefix in beginnings
    }
    found = published | _PREFIXES
    return {prefix: found[prefix] for prefix in sorted(found, key=len, reverse=True)}


@cache
def _embeddings() -> frozenset[str]:
    """Published names of the embeddings and output layers of all families."""
    return frozenset(name for f in FAMILIES.values() for name in (f.embedding, f.output_layer))


def part_of(name: str) -> str:
    """The part that a tensor belongs to: a key of ``GROUPS``."""
    return next((part for prefix, part in prefixes().items() if name.startswith(prefix)), OTHER)


def group_of(name: str) -> str:
    """The group that a tensor belongs to, which decides its precision: ``lm``, ``vit`` or ``sam2``."""
    return GROUPS[part_of(name)]


def is_quantisable(name: str, shape: Sequence[int]) -> bool:
    """Whether a tensor is the weight of a linear layer between embedding and output of a language model."""
    if len(shape) != 2 or name in _embeddings() or f".{name}".endswith(_NATIVE_ENDS):
        return False
    return group_of(name) == LM


@dataclass(frozen=True)
class Counts:
    """How many parameters a network has.

    Attributes:
        lm: in the language model.
        vit: in the vision encoder and the projector.
        sam2: in all that makes masks.
        quantisable: how many of ``lm`` are weights that can be quantised.
    """

    lm: int
    vit: int
    sam2: int
    quantisable: int

    @property
    def groups(self) -> dict[str, int]:
        """By group."""
        return {LM: self.lm, VIT: self.vit, SAM2: self.sam2}

    @property
    def total(self) -> int:
        """All of them."""
        return self.lm + self.vit + self.sam2


def count(headers: Iterable[TensorHeader]) -> Counts:
    """Counts the parameters of a checkpoint, from the headers of its files."""
    groups, quantisable = dict.fromkeys((LM, VIT, SAM2), 0), 0
    for header in headers:
        groups[group_of(header.name)] += header.parameters
        quantisable += header.parameters * is_quantisable(header.name, header.shape)
    return Counts(**groups, quantisable=quantisable)
