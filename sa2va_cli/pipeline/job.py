"""What a run is asked to do, what it tells on its way, and what it comes back with.

Knows nothing about files or networks; importing it is instant.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.outputs.delivery import Delivery, delivered
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import LOOKING, SAVING, Argument, Option, check_fields, expanded
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.visual_prompts import (
    BoxPrompt,
    MaskPrompt,
    PointPrompt,
    VisualPrompt,
    each,
    read_box,
    read_mask,
    read_point,
)

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Prompt, Remark
    from sa2va_cli.media.source import SourceInfo
    from sa2va_cli.tracks.review import DoubtfulRange

Sampling = Literal["uniform", "first"]
SAMPLINGS: tuple[str, ...] = ("uniform", "first")

_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)(s|f|m)")


_EVERY = re.compile(r"every:(\d+(?:\.\d+)?)")

Points = Annotated[
    tuple[PointPrompt, ...],
    Option(
        "A point on a thing (,+) or beside it (,-), in pixels or per cent (50%,40%), at a time as for "
        "--start; follows it both ways, or corrects what words have found. NAME: says which thing. "
        "Can be repeated.",
        LOOKING,
        "[NAME:]X,Y[,+|-][@TIME]",
        names=("--point",),
        read=each(read_point),
    ),
]
Boxes = Annotated[
    tuple[BoxPrompt, ...],
    Option(
        "A box around a thing, by two corners; else like --point.",
        LOOKING,
        "[NAME:]X1,Y1,X2,Y2[@TIME]",
        names=("--box",),
        read=each(read_box),
    ),
]
Masks = Annotated[
    tuple[MaskPrompt, ...],
    Option(
        "The mask of a thing: a black and white picture of the video's size; else like --point.",
        LOOKING,
        "[NAME:]FILE[@TIME]",
        names=("--mask",),
        read=each(read_mask),
    ),
]


@dataclass(frozen=True)
class Search:
    """What is looked for, and on which frames.

    Attributes:
        prompts: what each prompt finds becomes objects of its own; they are numbered in order.
        sampling: which frames the language model sees: spread over the clip, or the first ones.
        keyframes: how many frames the language model sees.
        threshold: probability above which a pixel belongs to a mask.
        start: seconds, ``HH:MM:SS.mmm``, ``123f`` or timecode ``HH:MM:SS:FF``; None for the beginning.
        end: the same, not itself included; None for the end.
        every: every how many-th frame is taken.
        max_frames: after how many frames to stop; None for all.
        verbatim: send the prompts as they are.
        stream: number of the video stream in the file; None for the main one.
        deinterlace: whether interlaced frames are made whole.
        points: points on things; they, boxes and masks become part of the prompts they name, or new ones.
        boxes: boxes around things.
        masks: masks of things.
        when: what happens while anything is looked for; the model is asked for that time first.
        reground: when the language model looks again: ``scenes`` for at cuts, ``every:N`` for after each N
            seconds, ``off`` for never; None for at the cuts of a video, unless ``sampling`` is ``first`` or
            nothing is said in words.
        follow_every: every how many-th frame is followed; masks of those between are moved by optical flow.
    """

    prompts: Annotated[
        "tuple[Prompt, ...]",
        Argument(
            "What to look for, in words; each prompt finds objects of its own. Not needed where something is "
            "pointed at.",
            "PROMPT",
            several=True,
            optional=True,
        ),
    ] = ()
    sampling: Annotated[
        str,
        Option(
            "Which frames the language model sees: uniform (spread over the clip) or first.",
            LOOKING,
            "HOW",
            choices=SAMPLINGS,
        ),
    ] = "uniform"
    keyframes: Annotated[int, Option("How many frames the language model sees.", LOOKING, "N", least=1)] = 5
    threshold: Annotated[
        float,
        Option(
            "Probability, between 0 and 1, above which a pixel belongs to a mask.",
            LOOKING,
            "P",
            between=(0, 1),
        ),
    ] = 0.5
    start: Annotated[
        str | float | None,
        Option(
            "Begin here: seconds, HH:MM:SS.mmm, frame 123f, or timecode HH:MM:SS:FF (;FF with dropped "
            "numbers), counted from the file's own where it has one.",
            LOOKING,
            "TIME",
        ),
    ] = None
    end: Annotated[
        str | float | None,
        Option("Stop before this: seconds, HH:MM:SS.mmm, 123f or HH:MM:SS:FF.", LOOKING, "TIME"),
    ] = None
    every: Annotated[int, Option("Take every N-th frame; time stamps are kept.", LOOKING, "N", least=1)] = 1
    max_frames: Annotated[int | None, Option("Stop after N frames.", LOOKING, "N", least=1)] = None
    verbatim: Annotated[
        bool, Option('Send prompts as they are, not as "Please segment PROMPT."', LOOKING)
    ] = False
    stream: Annotated[
        int | None,
        Option(
            "Take this stream of the file, numbered as sa2va probe shows it.",
            LOOKING,
            "N",
            least=0,
            shown="the main video",
        ),
    ] = None
    deinterlace: Annotated[
        bool, Option("Make interlaced frames whole (yadif, one frame for each).", LOOKING)
    ] = False
    points: Points = ()
    boxes: Boxes = ()
    masks: Masks = ()

    when: Annotated[
        str | None,
        Option(
            'Only while this happens: "the dog runs"; the model is asked for the time first.',
            LOOKING,
            "WORDS",
        ),
    ] = None

    reground: Annotated[
        str | None,
        Option(
            "When the language model looks again, so that nothing is dragged along: scenes (at cuts), "
            "every:N (seconds) or off.",
            LOOKING,
            "WHEN",
            shown="scenes; off with --sampling first, for frames, and without words",
        ),
    ] = None

    follow_every: Annotated[
        int,
        Option(
            "Follow every N-th frame only; masks of those between are moved there by optical flow, which is "
            "faster and coarser.",
            LOOKING,
            "N",
            least=1,
        ),
    ] = 1

    def __post_init__(self) -> None:
        prompts = numbered(with_visual(self.prompts, (*self.points, *self.boxes, *self.masks)))
        object.__setattr__(self, "prompts", prompts)
        for name in ("points", "boxes", "masks"):  # they are the prompts' now
            object.__setattr__(self, name, ())
        if self.when is not None and not self.when.strip():
            raise UsageError(
                f'{parameter("when", option="--when")} is empty; say what happens, as in "the dog runs"'
            )
        if not self.prompts:
            raise UsageError(
                'there is no prompt; say what to look for, such as "girl in red dress", or point at it with '
                f"{parameter('points', option='--point')}, {parameter('boxes', option='--box')} or "
                f"{parameter('masks', option='--mask')}"
            )
        check_fields(self)
        check_reground(self.reground)
        if self.follow_every > 1 and any(prompt.visual for prompt in self.prompts):
            raise UsageError(
                f"{parameter('follow_every', self.follow_every)} is for what is found by words; what is "
                "pointed at is followed on every frame"
            )

    @property
    def has_words(self) -> bool:
        """Whether the language model is asked for anything."""
        return any(prompt.text for prompt in self.prompts)

    @property
    def tracks_keyframes(self) -> bool:
        """Whether keyframes are tracked as all other frames; the official way shows them as first decoded.

        Among tracked frames, a keyframe that is shown as decoded stands out for a moment.
        """
        return self.sampling != "first"


def check_reground(given: str | None) -> None:
    """Makes sure that it can be meant.

    Raises:
        UsageError: it cannot.
    """
    if given in (None, "scenes", "off"):
        return
    found = _EVERY.fullmatch(given)
    if found is None or float(found[1]) <= 0:
        raise UsageError(
            f"{parameter('reground', given)} is not understood; choose scenes, off, or every:N with seconds, "
            "as in every:10"
        )


LOOKING_FOR_CUTS, LOOKING_IN_SHOTS = "looking for cuts", "looking for it in each shot"
"""What is done before anything is followed, in progress."""


class Stopped(BaseException):
    """Somebody asked a run to end, and a checkpoint is kept; not an ``Exception``, as it is no failure."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Resuming:
    """Whether and how often a run keeps checkpoints.

    Attributes:
        resume: whether checkpoints are kept, and a killed run is gone on with.
        checkpoint: how often: ``10s`` or ``2m`` of work, or ``100f`` frames.
        stop: asked after every few frames; once it says yes, a checkpoint is kept and ``Stopped`` is raised.

    Raises:
        UsageError: the interval cannot be meant.
    """

    resume: Annotated[
        bool,
        Option("Keep checkpoints, and go on from the last one of a run that was killed.", SAVING),
    ] = False
    checkpoint: Annotated[
        str, Option("How often: 10s or 2m of work, or 100f frames.", SAVING, "INTERVAL")
    ] = "10s"
    stop: Callable[[], bool] = field(default=_never, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = _INTERVAL.fullmatch(self.checkpoint)
        if found is None or float(found[1]) <= 0:
            raise UsageError(
                f"{parameter('checkpoint', self.checkpoint)} is no interval; "
                "give seconds (10s), minutes (2m) or frames (100f)"
            )

    @property
    def interval(self) -> tuple[float, str]:
        """The number, and ``s`` for seconds or ``f`` for frames."""
        found = _INTERVAL.fullmatch(self.checkpoint)
        assert found is not None  # noqa: S101  (checked when made)
        return (60 * float(found[1]), "s") if found[2] == "m" else (float(found[1]), found[2])


NEVER_RESUMED = Resuming()


@dataclass(frozen=True)
class FirstLook:
    """Whether a run is only looked at first.

    Attributes:
        preview: show what is found on the keyframes, and follow nothing.
    """

    preview: Annotated[
        bool,
        Option(
            "Only a first look: a contact sheet (PNG) of what is found on the frames that the language model "
            "sees. The same command without it need not ask again.",
            LOOKING,
        ),
    ] = False


@dataclass(frozen=True)
class SegmentJob:
    """One run of ``sa2va segment``.

    Attributes:
        source: a video, an image, a folder or glob of frames, or ``-`` for standard input.
        search: what is looked for.
        model: which model, and how it runs.
        saving: what is made of it.
        drawing: how that is drawn.
        delivery: how that is stored.
    """

    source: Annotated[
        str,
        Argument("A video, an image, a folder or pattern of frames, or - for standard input.", "INPUT"),
    ]
    search: Search
    model: ModelChoice = field(default_factory=ModelChoice)
    saving: Saving = field(default_factory=Saving)
    drawing: Drawing = field(default_factory=Drawing)
    delivery: Delivery = field(default_factory=Delivery)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", expanded(self.source))
        object.__setattr__(self, "saving", delivered(self.saving, self.delivery))


ONLY = "object"
"""What the one thing is called that was pointed at without a name, and without words."""


def with_visual(
    prompts: "Sequence[Prompt | str]", visual: Sequence[VisualPrompt]
) -> "tuple[Prompt | str, ...]":
    """Gives points, boxes and masks to the prompts that they name; those that name none become new ones.

    Raises:
        UsageError: one without a name could mean several.
    """
    from sa2va_cli.datatypes import Prompt

    if not visual:
        return tuple(prompts)
    worded = numbered(prompts)
    hints: dict[str, list[VisualPrompt]] = {}
    for one in visual:
        if not one.name and len(worded) > 1:
            names = ", ".join(f"{prompt.label}:" for prompt in worded)
            raise UsageError(f"{one} could belong to several prompts; put the name of one in front ({names})")
        name = one.name or (worded[0].label if worded else ONLY)
        label = next((prompt.label for prompt in worded if _is_of(prompt, name)), name)
        hints.setdefault(label, []).append(one)
    known = (replace(prompt, visual=(*prompt.visual, *hints.pop(prompt.label, ()))) for prompt in worded)
    found = tuple(known)
    return (*found, *(Prompt(1, "", label, tuple(said)) for label, said in hints.items()))


def _is_of(prompt: "Prompt", name: str) -> bool:
    """Whether a name is that of one of a prompt's objects."""
    rest = name.removeprefix(prompt.label).strip()
    return name == prompt.label or (rest.isdecimal() and object_label(prompt, int(rest)) == name)


def numbered(prompts: Sequence["Prompt | str"]) -> "tuple[Prompt, ...]":
    """Gives each prompt an id, its place from 1, and a label that no other has.

    The same words twice are two prompts; the label of the second one ends in ``#2``.

    Raises:
        UsageError: one of them cannot be meant.
    """
    from sa2va_cli.datatypes import Prompt

    made: list[Prompt] = []
    labels: set[str] = set()
    for number, given in enumerate(prompts, 1):
        prompt = Prompt(number, given.strip()) if isinstance(given, str) else replace(given, id=number)
        names = chain([prompt.label], (f"{prompt.label} #{k}" for k in count(2)))
        label = next(name for name in names if name not in labels)
        labels.add(label)
        made.append(replace(prompt, label=label))
    return tuple(made)


def object_label(prompt: "Prompt", number: int) -> str:
    """What an object is called: like its prompt, and from the second one of a prompt on with its number."""
    return prompt.label if number == 1 else f"{prompt.label} {number}"


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
