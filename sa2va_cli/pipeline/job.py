"""What a run is asked to do, what it tells on its way, and what it comes back with.

Knows nothing about files or networks; importing it is instant.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sa2va_cli.errors import UsageError

Sampling = Literal["uniform", "first"]
SAMPLINGS: tuple[str, ...] = ("uniform", "first")
Existing = Literal["refuse", "overwrite", "skip"]


def is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8; arguments in another encoding become what cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


@dataclass(frozen=True)
class Search:
    """What is looked for, and on which frames.

    Attributes:
        prompts: what each prompt finds becomes objects of its own; repeated prompts count once.
        sampling: which frames the language model sees: spread over the clip, or the first ones.
        keyframes: how many frames the language model sees.
        threshold: probability above which a pixel belongs to a mask.
        start: seconds, ``HH:MM:SS.mmm`` or ``123f``; None for the beginning.
        end: likewise, not itself included; None for the end.
        every: every how many-th frame is taken.
        max_frames: after how many frames to stop; None for all.
        verbatim: send the prompts as they are.
    """

    prompts: tuple[str, ...]
    sampling: str = "uniform"
    keyframes: int = 5
    threshold: float = 0.5
    start: str | float | None = None
    end: str | float | None = None
    every: int = 1
    max_frames: int | None = None
    verbatim: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", tuple(dict.fromkeys(text.strip() for text in self.prompts)))
        if not self.prompts or not all(self.prompts):
            raise UsageError('a prompt is empty; say what to look for, such as "girl in red dress"')
        for prompt in self.prompts:
            if not is_unicode(prompt):
                raise UsageError(f"the prompt {prompt!r} is not valid Unicode; is the terminal set to UTF-8?")
        if self.sampling not in SAMPLINGS:
            raise UsageError(f"unknown --sampling {self.sampling!r}; choose one of {', '.join(SAMPLINGS)}")
        if not (math.isfinite(self.threshold) and 0 < self.threshold < 1):
            raise UsageError(f"--threshold must lie between 0 and 1, got {self.threshold:g}")
        for name, count in (
            ("keyframes", self.keyframes),
            ("every", self.every),
            ("max-frames", self.max_frames),
        ):
            if count is not None and count < 1:
                raise UsageError(f"--{name} must be at least 1, got {count}")


@dataclass(frozen=True)
class SegmentJob:
    """One run of ``sa2va segment``.

    Attributes:
        source: a video, an image, a folder or glob of frames, or ``-`` for standard input.
        search: what is looked for.
        model: alias, folder or hub id; None for the default.
        save: names of the kinds of output, see ``outputs.KINDS``.
        output: file, folder or template; None for the current folder.
        existing: what to do about outputs that exist.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto``, ``bf16``, ``fp16`` or ``fp32``.
        allow_empty: where nothing matches, write empty masks instead of failing.
    """

    source: str
    search: Search
    model: str | None = None
    save: tuple[str, ...] = ("mask", "overlay")
    output: str | None = None
    existing: Existing = "refuse"
    device: str = "auto"
    dtype: str = "auto"
    allow_empty: bool = False


@dataclass(frozen=True)
class ObjectSummary:
    """One object over the whole clip.

    Attributes:
        id: its number in this run, from 1.
        prompt: the words that found it.
        label: what is drawn beside it.
        share: part of the picture it covers, 0..1, the mean over the frames where it is visible.
        frames_visible: on how many frames it has a mask.
        score: mean probability that it is visible, over all frames.
    """

    id: int
    prompt: str
    label: str
    share: float
    frames_visible: int
    score: float


@dataclass(frozen=True)
class SegmentResult:
    """What a run came to.

    Attributes:
        source: the input as it was given.
        model: the model's name.
        device: where it ran.
        dtype: the precision it ran in.
        objects: everything that was found.
        answers: what the language model said to each prompt.
        frames: how many frames were written.
        seconds: from the first decoded frame to the last finished file, without loading the model.
        files: everything that was written, folders as one entry.
        skipped: what existed already and was left alone.
        warnings: what was odd about the input or the run.
    """

    source: str
    model: str | None = None
    device: str | None = None
    dtype: str | None = None
    objects: tuple[ObjectSummary, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    frames: int = 0
    seconds: float = 0.0
    files: tuple[Path, ...] = ()
    skipped: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        """Frames per second, end to end."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: what is being done, as a person would say it.
        done: frames done in this stage; 0 while a stage has no count.
        total: frames there will be, or 0 where that is not known.
    """

    stage: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Notice:
    """Something a person should know.

    Attributes:
        text: one line.
        level: ``detail`` is shown on request only; ``warning`` also goes into the result.
    """

    text: str
    level: Literal["detail", "info", "warning"] = "info"


@dataclass(frozen=True)
class Saved:
    """An output got its final name.

    Attributes:
        path: the file or folder.
    """

    path: Path


Event = Progress | Notice | Saved
Report = Callable[[Event], None]
"""The only way up out of a running job."""


def no_report(_: Event) -> None:
    """Reports to nobody."""
