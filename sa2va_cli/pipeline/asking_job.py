"""What ``sa2va ask`` is asked to do, and what it comes back with.

Knows nothing about files or networks; importing it is instant.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from sa2va_cli.conversation import MAX_NEW_TOKENS, Generation, Reply
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import ANSWERING, LOOKING, Option, check_fields, declared, expanded
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.search import Search
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
    from sa2va_cli.datatypes import FoundObject, Prompt

_SEARCH: Mapping[str, Any] = {row.name: row.setting for row in declared(Search)}
"""How ``segment`` declares what both commands have."""


@dataclass(frozen=True)
class Viewing:
    """Which frames of an input are looked at.

    Attributes:
        frames: how many frames of a video the model sees.
        sampling: spread over the clip, or the first ones.
        start: see ``Search``.
        end: see ``Search``.
        every: see ``Search``.
        max_frames: see ``Search``.
        threshold: see ``Search``.
        stream: see ``Search``.
        deinterlace: see ``Search``.
    """

    frames: Annotated[int, Option("How many frames of a video the model sees.", LOOKING, "N", least=1)] = 8
    sampling: Annotated[str, _SEARCH["sampling"]] = "uniform"
    start: Annotated[str | float | None, _SEARCH["start"]] = None
    end: Annotated[str | float | None, _SEARCH["end"]] = None
    every: Annotated[int, _SEARCH["every"]] = 1
    max_frames: Annotated[int | None, _SEARCH["max_frames"]] = None
    threshold: Annotated[float, _SEARCH["threshold"]] = 0.5
    stream: Annotated[int | None, _SEARCH["stream"]] = None
    deinterlace: Annotated[bool, _SEARCH["deinterlace"]] = False

    def __post_init__(self) -> None:
        check_fields(self)

    def search(self, question: str) -> Search:
        """The same for a run that writes what an answer to a question has found."""
        return Search(
            numbered([_prompt(question)]),
            sampling=self.sampling,
            keyframes=self.frames,
            threshold=self.threshold,
            start=self.start,
            end=self.end,
            every=self.every,
            max_frames=self.max_frames,
            verbatim=True,
            stream=self.stream,
            deinterlace=self.deinterlace,
        )


@dataclass(frozen=True)
class Answering:
    """How answers are generated; see ``conversation.Generation``."""

    max_new_tokens: Annotated[int, Option("Cut an answer off after N tokens.", ANSWERING, "N", least=1)] = (
        MAX_NEW_TOKENS
    )
    temperature: Annotated[
        float, Option("0 for the likeliest words (greedy); above, words are drawn at random.", ANSWERING, "T")
    ] = 0.0
    top_p: Annotated[
        float,
        Option("Draw from the likeliest tokens that together have this probability.", ANSWERING, "P"),
    ] = 1.0
    seed: Annotated[
        int, Option("Of what is drawn: the same seed, the same answer.", ANSWERING, "N", least=0)
    ] = 0
    system: Annotated[
        str | None,
        Option("What the system turn says.", ANSWERING, "TEXT", shown="what the model's own template says"),
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        self.generation()  # says what is wrong with the rest

    def generation(self) -> Generation:
        """The same as a value of conversations."""
        return Generation(self.max_new_tokens, self.temperature, self.top_p, self.seed, self.system)


@dataclass(frozen=True)
class Regions:
    """What questions call region1, region2 and so on: pointed at on the one still image.

    Attributes:
        points: points on regions, or beside them.
        boxes: boxes around them.
        masks: their masks.
    """

    points: Annotated[
        tuple[PointPrompt, ...],
        Option(
            "A point on a region of an image (,+) or beside it (,-), in pixels or per cent, which questions "
            "call region1, the next one region2. What has one NAME: is one region. Points come first, then "
            "boxes, then masks; region1:, region2: put them in order. Can be repeated.",
            LOOKING,
            "[NAME:]X,Y[,+|-]",
            names=("--point",),
            read=each(read_point),
        ),
    ] = ()
    boxes: Annotated[
        tuple[BoxPrompt, ...],
        Option(
            "A box around a region, by two corners; else like --point.",
            LOOKING,
            "[NAME:]X1,Y1,X2,Y2",
            names=("--box",),
            read=each(read_box),
        ),
    ] = ()
    masks: Annotated[
        tuple[MaskPrompt, ...],
        Option(
            "The mask of a region: a black and white picture of the image's size; else like --point.",
            LOOKING,
            "[NAME:]FILE",
            names=("--mask",),
            read=each(read_mask),
        ),
    ] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if timed := next((one for one in self.visual if one.at is not None), None):
            raise UsageError(f"{timed} has a time, and regions are those of an image; leave @{timed.at} out")

    @property
    def visual(self) -> tuple[VisualPrompt, ...]:
        """Points, then boxes, then masks."""
        return (*self.points, *self.boxes, *self.masks)


@dataclass(frozen=True)
class AskJob:
    """One run of ``sa2va ask``.

    Attributes:
        inputs: each a video, an image, a folder or pattern of frames, an address, or ``-``; none for a
            question about nothing.
        question: what is asked.
        viewing: which frames are looked at.
        answering: how the answer is generated.
        model: which model, and how it runs.
        saving: what is made of an answer that finds something; None for nothing.
        drawing: how that is drawn.
        delivery: how that is stored.
        masks: whether masks of the frames that the model saw are wanted in the result.
        regions: what the question calls region1, region2 and so on.
    """

    inputs: tuple[str, ...]
    question: str
    viewing: Viewing = field(default_factory=Viewing)
    answering: Answering = field(default_factory=Answering)
    model: ModelChoice = field(default_factory=ModelChoice)
    saving: Saving | None = None
    drawing: Drawing = field(default_factory=Drawing)
    delivery: Delivery = field(default_factory=Delivery)
    masks: bool = False
    regions: Regions = field(default_factory=Regions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(expanded(one) for one in self.inputs))
        if (times := self.inputs.count("-")) > 1:
            raise UsageError(f"standard input (-) is given {times} times, and is read once; give it once")
        if not self.question.strip():
            raise UsageError('the question is empty; ask something, such as "What is on the table?"')
        if self.saving is not None and len(self.inputs) != 1:
            raise UsageError(
                f"--save makes files of one input, and there are {len(self.inputs)}; ask about each by itself"
            )

    @property
    def loaded(self) -> ModelChoice:
        """The model as it is loaded: with a follower only where files are made, for which it follows."""
        return self.model.without_follower if self.saving is None else self.model


@dataclass(frozen=True)
class SeenFrames:
    """What the model saw of an input.

    Attributes:
        source: the input as it was given.
        kind: see ``asking.Viewed``.
        numbers: of the frames, in the source.
        seconds: of the same; empty for an image.
    """

    source: str
    kind: str
    numbers: tuple[int, ...]
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Unread:
    """A picture or video that could not be read, and was left out.

    Attributes:
        source: as it was given; of a folder, the file.
        error: why.
    """

    source: str
    error: str


@dataclass(frozen=True, eq=False)
class FoundMask:
    """A mask on a frame that the model saw.

    Attributes:
        source: the input, by its place among all, from 0.
        object: the object's number.
        number: of the frame in its source.
        segmentation: COCO run lengths.
        score: probability that the object is visible there.
    """

    source: int
    object: int
    number: int
    segmentation: Mapping[str, Any] = field(repr=False)
    score: float


@dataclass(frozen=True, eq=False)
class AskResult:
    """What a question came to.

    Attributes:
        inputs: what was looked at.
        question: what was asked.
        reply: what was answered.
        model: the model's name.
        device: where it ran.
        dtype: the precision it ran in.
        objects: what the answer finds; mentions stand in ``reply`` in the same order.
        masks: on the frames that the model saw, if they were wanted.
        saved: the run that wrote files, if there was one.
        unread: what else there was to look at, and could not be read.
    """

    inputs: tuple[SeenFrames, ...]
    question: str
    reply: Reply
    model: str
    device: str
    dtype: str
    objects: "tuple[FoundObject, ...]" = ()
    masks: tuple[FoundMask, ...] = ()
    saved: SegmentResult | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that was written."""
        return self.saved.files if self.saved else ()


def reply_facts(reply: Reply) -> dict[str, Any]:
    """Describes an answer."""
    from sa2va_cli.model.prompt_text import spoken

    return {
        "text": reply.text,
        "answer": spoken(reply.marked),
        "stop": reply.stop,
        "tokens": {
            "prompt": reply.prompt_tokens,
            "read": reply.read_tokens,
            "generated": len(reply.token_ids),
        },
        "token_ids": list(reply.token_ids),
        "timing": {"first_token": round(reply.seconds_to_first, 4), "total": round(reply.seconds, 4)},
    }


_REQUESTS = (
    re.compile(
        r"(?:please |can you |could you )+(?:find and )?segment (?P<thing>.+?)"
        r"(?: in (?:the|this) (?:image|video|picture|clip))?[.?!]*",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?P<thing>.+?)[?.!]* +please (?:respond|answer) with (?:a |the )?(?:interleaved )?"
        r"(?:segmentation )?masks?[.!]*",
        re.IGNORECASE,
    ),
    re.compile(r"请?(?:在.*?中)?分割出?(?P<thing>.+?)[。？]*"),
)
"""How the official demos ask for masks, English and Chinese; what is found is called after the thing."""


def _prompt(question: str) -> "Prompt":
    """A question as the prompt of a run, with a short label."""
    from sa2va_cli.datatypes import Prompt

    words = question.strip()
    found = next((match for one in _REQUESTS if (match := one.fullmatch(words))), None)
    return Prompt(1, words, found["thing"].strip() if found else words)
