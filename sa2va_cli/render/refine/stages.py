"""What can be done to soft masks before they are drawn, as one table.

To add a stage, add a row to ``STAGES``. A stage takes the window of frames it asks for and gives the mask of
the one in the middle; whoever runs it keeps the window. Heavy packages are imported when a stage is first
used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.render.refine.closed_form import closed_form
from sa2va_cli.render.refine.feather import feather
from sa2va_cli.render.refine.grow import grow
from sa2va_cli.render.refine.guided import guided
from sa2va_cli.render.refine.holes import fill_holes
from sa2va_cli.render.refine.parameters import PARAMETERS, Parameter
from sa2va_cli.render.refine.parts import drop_parts
from sa2va_cli.render.refine.smooth import Moment, smooth

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Stage:
    """A stage that is told one number.

    Attributes:
        name: of the option, without dashes.
        parameter: the number.
        reach: from the number to how many frames before and after are needed.
        apply: from the window, the middle's place in it and the number to the middle's soft mask, (H, W)
            float32.
    """

    name: str
    parameter: Parameter
    reach: Callable[[float], int]
    apply: Callable[[Sequence[Moment], int, float], Floats]


Refinement = Callable[[RGB, Floats, Floats | None], Floats]
"""From a picture, its soft mask and the last frame's alpha, if there is one, to alpha."""


def _single(change: Callable[[Floats, float], Floats]) -> Callable[[Sequence[Moment], int, float], Floats]:
    """A stage that sees one frame's mask only."""
    return lambda window, middle, value: change(window[middle][1], value)


def _no_frames(_: float) -> int:
    return 0


BEFORE = (
    Stage(
        "fill-holes",
        PARAMETERS["fill-holes"],
        _no_frames,
        _single(lambda soft, value: fill_holes(soft, int(value))),
    ),
    Stage(
        "min-area",
        PARAMETERS["min-area"],
        _no_frames,
        _single(lambda soft, value: drop_parts(soft, int(value))),
    ),
    Stage(
        "smooth",
        PARAMETERS["smooth"],
        int,
        lambda window, middle, value: smooth(window, middle) if value else window[middle][1],
    ),
)
"""What mends a mask, before its edge is refined; in this order."""

AFTER = (
    Stage(
        "grow",
        PARAMETERS["grow"],
        _no_frames,
        _single(grow),
    ),
    Stage(
        "shrink",
        PARAMETERS["shrink"],
        _no_frames,
        _single(lambda soft, value: grow(soft, -value)),
    ),
    Stage(
        "feather",
        PARAMETERS["feather"],
        _no_frames,
        _single(feather),
    ),
)
"""What is done to the refined edge, in this order: before, a refinement would undo it."""

STAGES = (*BEFORE, *AFTER)


def _vitmatte() -> Refinement:
    from sa2va_cli.render.refine.vitmatte import VitMatte

    network = VitMatte.load()
    return lambda image, soft, _: network(image, soft)


REFINEMENTS: Mapping[str, Callable[[], Refinement]] = {
    "none": lambda: lambda _, soft, __: soft,
    "guided": lambda: lambda image, soft, _: guided(image, soft),
    "closed-form": lambda: closed_form,
    "vitmatte": _vitmatte,
}
"""What finds the edge again in the picture, between ``BEFORE`` and ``AFTER``; each is made once for a run."""
