"""What is made of an input, decided before any work is done: names, what exists already, names of frames.

Knows nothing about how it is made.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from sa2va_cli.datatypes import FoundObject, Prompt
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.existing import choose_outputs
from sa2va_cli.outputs.naming import PlannedOutput, check_frame_names, plan_outputs
from sa2va_cli.outputs.saving import Saving


class Making(Protocol):
    """What every job says that makes outputs."""

    @property
    def saving(self) -> Saving:
        """What is made."""

    @property
    def drawing(self) -> Drawing:
        """How it is drawn."""

    @property
    def delivery(self) -> Delivery:
        """How it is stored."""


def decided_outputs(
    job: Making,
    prompts: Sequence[Prompt],
    reader: Reader,
    stem: str,
    read: Iterable[Path],
    objects: Sequence[FoundObject] | None = None,
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Says which outputs are made, and which exist and are left alone.

    Args:
        job: what is to be made.
        prompts: what is looked for.
        reader: the open input.
        stem: what names are derived from.
        read: files that are read, none of which may be replaced.
        objects: what was found; None while that is not known.

    Raises:
        OutputError: one exists, or cannot be written.
        UsageError: what is to be made cannot be meant.
    """
    outputs, skipped = choose_outputs(named_outputs(job, prompts, reader, stem, objects), job.saving, read)
    check_frame_names(outputs, reader.names)
    return outputs, skipped


def named_outputs(
    job: Making,
    prompts: Sequence[Prompt],
    reader: Reader,
    stem: str,
    objects: Sequence[FoundObject] | None = None,
) -> tuple[PlannedOutput, ...]:
    """Names the outputs, those of single objects once these are known; see ``decided_outputs``."""
    return plan_outputs(
        job.saving,
        prompts,
        reader.info.kind,
        stem,
        drawing=job.drawing,
        delivery=job.delivery,
        source=reader.info.path,
        objects=objects,
    )
