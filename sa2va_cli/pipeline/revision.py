"""What somebody says is wrong with a result; importing it is instant."""

from dataclasses import dataclass
from typing import Annotated

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.parameters import LOOKING, Option, check_fields
from sa2va_cli.pipeline.search import Boxes, Masks, Points
from sa2va_cli.visual_prompts import VisualPrompt


@dataclass(frozen=True)
class Revision:
    """What is wrong with a result, and how far that goes.

    Attributes:
        object: name or number of the object that is meant where none is named; None for the only one.
        points: points on objects; ``NAME:`` is an object's name or number, or the name of a new one.
        boxes: boxes around them.
        masks: their masks.
        drop_ranges: ``A-B``: from when to when it has no mask, as ``start`` accepts times; both included.
        within: for how many seconds before and after a correction it counts; None for up to the next one.
    """

    object: Annotated[
        str | None,
        Option("Which object is meant where nothing names it: its name or number.", LOOKING, "NAME"),
    ] = None
    points: Points = ()
    boxes: Boxes = ()
    masks: Masks = ()
    drop_ranges: Annotated[
        tuple[str, ...],
        Option(
            "The object has no mask from A to B (times as for --start). Can be repeated.",
            LOOKING,
            "A-B",
            names=("--drop-range",),
            read=tuple,
        ),
    ] = ()
    within: Annotated[
        float | None,
        Option(
            "For how many seconds before and after it a correction counts.",
            LOOKING,
            "SECONDS",
            shown="up to the next correction, or the end",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        if not (self.visual or self.drop_ranges):
            raise UsageError(
                "nothing is corrected; give "
                f"{parameter('points', option='--point')}, {parameter('boxes', option='--box')}, "
                f"{parameter('masks', option='--mask')} or {parameter('drop_ranges', option='--drop-range')}"
            )
        if self.within is not None and not self.within >= 0:
            raise UsageError(f"{parameter('within', self.within)} is no length of time; give 0 or more")

    @property
    def visual(self) -> tuple[VisualPrompt, ...]:
        """Points, boxes and masks."""
        return (*self.points, *self.boxes, *self.masks)
