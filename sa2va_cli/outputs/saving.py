"""What a run is to save, and where."""

from dataclasses import dataclass
from typing import Literal

Existing = Literal["refuse", "overwrite", "skip"]


@dataclass(frozen=True)
class Saving:
    """What is saved.

    Attributes:
        kinds: names in ``kinds.KINDS``.
        output: file, folder or template; None for the current folder.
        existing: what to do about outputs that exist.
        allow_empty: where nothing matches, write empty masks instead of failing.
    """

    kinds: tuple[str, ...] = ("mask", "overlay")
    output: str | None = None
    existing: Existing = "refuse"
    allow_empty: bool = False
