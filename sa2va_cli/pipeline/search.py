"""What is looked for in a clip, and on which frames.

Knows nothing about files or networks; importing it is instant.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.parameters import LOOKING, Argument, Option, check_fields
from sa2va_cli.pipeline.labels import numbered, with_visual
from sa2va_cli.visual_prompts import (
    BoxPrompt,
    MaskPrompt,
    PointPrompt,
    each,
    read_box,
    read_mask,
    read_point,
)

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Prompt


Sampling = Literal["uniform", "first"]

SAMPLINGS: tuple[str, ...] = ("uniform", "first")

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
