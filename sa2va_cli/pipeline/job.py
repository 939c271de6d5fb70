"""What a run is asked to do, and how it may be interrupted.

Knows nothing about files or networks; importing it is instant.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.outputs.delivery import Delivery, delivered
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import LOOKING, SAVING, Argument, Option, expanded
from sa2va_cli.pipeline.search import Search
from sa2va_cli.runtime.choice import ModelChoice

_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)(s|f|m)")


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
