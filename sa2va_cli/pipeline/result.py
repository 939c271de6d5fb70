"""What a run comes back with.

Knows nothing about how it was made; importing it is instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Prompt, Remark
    from sa2va_cli.media.source import SourceInfo
    from sa2va_cli.tracks.review import DoubtfulRange


@dataclass(frozen=True)
class ObjectSummary:
    """One object over the whole clip.

    Attributes:
        id: its number in this run, from 1.
        prompt: the words that found it.
        prompt_id: the prompt's place among all, from 1.
        label: what is drawn beside it.
        share: part of the picture it covers, 0..1, the mean over the frames where it is visible.
        frames_visible: on how many frames it has a mask.
        ranges: where, as first and last frame of the source, from 0.
        score: mean probability that it is visible, over all frames.
        confidence: how far its masks can be trusted, 0..1, the mean over all frames.
    """

    id: int
    prompt: str
    prompt_id: int
    label: str
    share: float
    frames_visible: int
    ranges: tuple[tuple[int, int], ...]
    score: float
    confidence: float = 0.0


@dataclass(frozen=True)
class ShotSummary:
    """A stretch of frames for which the language model looked again.

    Attributes:
        first_frame: of the source, from 0.
        last_frame: likewise.
        answers: what it said, by the id of the prompt.
        objects: the ids of those that were found.
    """

    first_frame: int
    last_frame: int
    answers: Mapping[int, str]
    objects: tuple[int, ...]


@dataclass(frozen=True)
class SegmentResult:
    """What a run came to.

    Attributes:
        source: the input as it was given.
        info: what was found out about it; None where nothing was to be done.
        model: the model's name.
        device: where it ran.
        dtype: the precision it ran in.
        prompts: what was looked for.
        objects: everything that was found.
        answers: what the language model said, by the id of the prompt.
        frames: how many frames were written.
        seconds: from the first decoded frame to the last finished file, without loading the model.
        files: everything that was written, folders as one entry.
        skipped: what existed already and was left alone.
        warnings: what was odd about the input or the run.
        look_at: where masks may be wrong, by the beginning.
        remarks: what a person should look at in an edit.
        shots: where the language model looked again; none where it looked once.
    """

    source: str
    info: "SourceInfo | None" = None
    model: str | None = None
    device: str | None = None
    dtype: str | None = None
    prompts: "tuple[Prompt, ...]" = ()
    objects: tuple[ObjectSummary, ...] = ()
    answers: Mapping[int, str] = field(default_factory=dict)
    frames: int = 0
    seconds: float = 0.0
    files: tuple[Path, ...] = ()
    skipped: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    look_at: "tuple[DoubtfulRange, ...]" = ()
    remarks: "tuple[Remark, ...]" = ()
    shots: tuple[ShotSummary, ...] = ()

    @property
    def answers_by_label(self) -> dict[str, str]:
        """What the language model said, by the label of the prompt."""
        return {one.label: self.answers[one.id] for one in self.prompts if one.id in self.answers}

    @property
    def fps(self) -> float:
        """Frames per second, end to end."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0
