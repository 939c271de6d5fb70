"""What a running job tells on its way: the only way up out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOOKING_FOR_CUTS, LOOKING_IN_SHOTS = "looking for cuts", "looking for it in each shot"
"""Stages in which frames are looked at before any is followed."""

DRAWING_AGAIN, FINISHING = "drawing what needs the whole clip", "finishing the files"
"""Stages behind the last frame that is followed."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: what is being done, as a person would say it.
        done: frames done in this stage; 0 while a stage has no count.
        total: frames there will be, or 0 where that is not known.
        unit: what is counted, where it is not frames.
    """

    stage: str
    done: int = 0
    total: int = 0
    unit: str = "frames"

    @property
    def looks_ahead(self) -> bool:
        """Whether frames are only looked at, before any is followed."""
        return self.stage in (LOOKING_FOR_CUTS, LOOKING_IN_SHOTS)

    @property
    def finishes(self) -> bool:
        """Whether all frames have been followed."""
        return self.stage in (DRAWING_AGAIN, FINISHING)


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
