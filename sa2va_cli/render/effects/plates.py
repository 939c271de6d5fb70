"""What a plate is: pictures that lie behind something, given by whoever reads files; instant to import."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sa2va_cli.datatypes import RGB


class Plate(Protocol):
    """A picture, or a video, by time."""

    def __call__(self, seconds: float, *, loop: bool) -> "RGB":
        """The picture that is shown at a time since the plate began.

        Args:
            seconds: since then; never less than the last time.
            loop: whether it begins again after its end; else its last picture stays.

        Returns:
            (h, w, 3) uint8 in sRGB.
        """
        ...


OpenPlate = Callable[[str], Plate]
"""Opens a file as a plate; raises InputError where it cannot be read."""
