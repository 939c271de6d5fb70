"""Files that are laid behind things: an image, or a video that is read along and begins again after its end.

Knows nothing about how a plate is made to fit.
"""

from pathlib import Path

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.media.reader import Reader, Selection, open_source
from sa2va_cli.render.effects.plates import Plate


class MovingPlate:
    """A video, read along; no more than two of its pictures are kept.

    Args:
        reader: open; what it selects is the plate.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._length = self._shown_seconds()
        self._rounds = 0
        self._restart()

    def _shown_seconds(self) -> float:
        """How long one round of it lasts."""
        stamps = list(self._reader.stamps())
        unit = self._reader.info.time_base
        return float((stamps[-1] - stamps[0]) * unit + 1 / self._reader.rate) if stamps else 0.0

    def _restart(self) -> None:
        self._frames = iter(self._reader)
        self._now = next(self._frames)
        self._next = next(self._frames, None)
        self._begin = self._now.seconds

    def __call__(self, seconds: float, *, loop: bool) -> RGB:
        """The picture that is shown at a time since the plate began."""
        while loop and self._length and seconds >= (self._rounds + 1) * self._length:
            self._rounds += 1
            self._restart()
        at = seconds - self._rounds * self._length
        while self._next is not None and self._next.seconds - self._begin <= at + _TOLERANCE:
            self._now, self._next = self._next, next(self._frames, None)
        return self._now.image


_TOLERANCE = 1e-4
"""Seconds by which a picture's time may lie behind the one that is asked for: clocks are rounded."""


def open_plate(name: str) -> Plate:
    """Opens an image, a video or a folder of frames.

    Raises:
        InputError: it cannot be read.
        UsageError: it is no file, and no colour or word either.
    """
    if not Path(name).expanduser().exists():
        raise UsageError(
            f"effect background: {name!r} is no file and no colour; give a colour, an image, a video, "
            "blur, blur=PIXELS, grey or transparent"
        )
    reader = open_source(Path(name).expanduser(), Selection())
    if reader.info.kind == "image":
        with reader:
            still = next(iter(reader)).image
        return lambda _, *, loop: still  # noqa: ARG005
    try:
        return MovingPlate(reader)
    except StopIteration:
        raise InputError(f"{name}: no picture of it can be read") from None
