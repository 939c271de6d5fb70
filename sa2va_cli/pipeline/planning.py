"""Everything that is decided about a run before the model is loaded.

Knows nothing about networks: a plan is made, shown and refused without one.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.events import Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.kinds import check_kinds
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.pipeline.deciding import decided_outputs
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.keyframes import keyframe_indices
from sa2va_cli.pipeline.opening import STANDARD_INPUT, files_read, opened, stem_of
from sa2va_cli.pipeline.pointing import placements, with_masks
from sa2va_cli.pipeline.provenance import settings_of
from sa2va_cli.pipeline.selection import check_when
from sa2va_cli.pipeline.shots import regrounding
from sa2va_cli.runtime.device import Placement


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the model is loaded; what ``--dry-run`` shows.

    Attributes:
        job: what was asked for.
        reader: the open input.
        stem: what names of outputs are derived from.
        frames: how many frames will be looked at.
        keyframes: which of them the language model sees.
        model: the model's name.
        placement: where it runs.
        outputs: what will be made.
        skipped: what exists already and is left alone.
    """

    job: SegmentJob
    reader: Reader
    stem: str
    frames: int
    keyframes: tuple[int, ...]
    model: str
    placement: Placement
    outputs: tuple[PlannedOutput, ...]
    skipped: tuple[Path, ...]

    @property
    def reground(self) -> str:
        """When the language model looks again: ``scenes``, ``off``, or after so many seconds."""
        return regrounding(self.job.search, self.reader.info.kind)

    @property
    def has_usual_keyframes(self) -> bool:
        """Whether the keyframes are those that follow from the search; others were chosen by somebody."""
        return self.keyframes == tuple(keyframe_indices(self.frames, self.job.search))

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting that changes a mask or chooses a frame, for the header of a log."""
        chosen = {} if self.has_usual_keyframes else {"keyframe_indices": list(self.keyframes)}
        return settings_of(self.job.search, self.job.model) | chosen


@contextmanager
def planned(job: SegmentJob, report: Report = no_report) -> Generator[Plan, None, None]:
    """Opens the input and decides everything that can go wrong early, before any work is done."""
    check_kinds(job.saving.kinds)
    job.drawing.check_needs()
    job = replace(job, search=with_masks(job.search))
    if job.search.when is not None and job.source == STANDARD_INPUT:
        raise UsageError(f"{parameter('when')} needs an input that can be read twice, not standard input")
    with opened(job.source, job.search, report) as reader:
        check_when(job.search, reader.info)
        placements(job.search.prompts, reader)  # what is pointed at must lie in the clip
        stem = stem_of(job.source)
        outputs, skipped = decided_outputs(job, job.search.prompts, reader, stem, files_read(job, reader))
        placement = job.model.placed()
        frames = reader.count_selected()
        keyframes = tuple(keyframe_indices(frames, job.search)) if job.search.has_words else ()
        model = job.model.name_on(placement)
        yield Plan(job, reader, stem, frames, keyframes, model, placement, outputs, skipped)
