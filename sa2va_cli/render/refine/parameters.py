"""What the stages are told, as one table that ``--help`` reads; what they do is in ``stages``.

Importing it is instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """What a stage is told.

    Attributes:
        kind: ``int`` or ``float``.
        unit: what the number counts.
        least: the smallest value that is allowed; a stage with a value of 0 changes nothing.
        help: one line for people.
    """

    kind: type[int] | type[float]
    unit: str
    least: float
    help: str


PARAMETERS: Mapping[str, Parameter] = {
    "fill-holes": Parameter(int, "px", 0, "fill holes of up to this many pixels"),
    "min-area": Parameter(int, "px", 0, "drop parts of fewer pixels"),
    "smooth": Parameter(
        int, "frames", 0, "steady the mask over this many frames before and after, along the motion"
    ),
    "grow": Parameter(float, "px", 0, "move the edge outwards"),
    "shrink": Parameter(float, "px", 0, "move the edge inwards"),
    "feather": Parameter(float, "px", 0, "soften the edge to this far on either side"),
}
"""By the names of the stages."""

REFINEMENT_NAMES = ("none", "guided", "closed-form", "vitmatte")
"""What finds the edge again in the picture."""
