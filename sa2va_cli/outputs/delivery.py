"""How outputs are stored, and for whom; importing it is instant.

What a receiver wants is a row of ``presets.PRESETS``; each option given overrides it. What comes of both for
one output is a ``forms.Form``.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Annotated

from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.presets import PRESETS
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import SAVING, Option, Switch, Switches, check_fields, named, one_of

CODECS = ("h264", "prores", "ffv1", "vp9", "qtrle", "png")
RANGES = ("limited", "full")
FOLDERS = ("png", "tiff", "exr")
"""Containers that are a folder of one picture for each frame."""
STREAMS = ("nut", "matroska", "y4m", "rawvideo")
"""Containers that standard output can carry."""
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", *STREAMS, *FOLDERS)

_ROUNDED = {"23.976": 24, "23.98": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}
_NTSC = {Fraction(text): Fraction(1000 * whole, 1001) for text, whole in _ROUNDED.items()}
"""Rates that people round, and what they mean."""


def read_rate(text: str | float | Fraction) -> Fraction:
    """A rate as people write it: ``25``, ``30000/1001``, ``29.97``.

    Raises:
        UsageError: it is none.
    """
    try:
        rate = Fraction(str(text))
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"{named(Delivery, 'fps')} must be a rate such as 25, 29.97 or 30000/1001, got {text!r}"
        ) from error
    if not 0 < rate <= 1000:
        raise UsageError(f"{named(Delivery, 'fps')} must lie between 0 and 1000, got {text!r}")
    return _NTSC.get(rate, rate)


@dataclass(frozen=True)
class Delivery:
    """How outputs are stored.

    Attributes:
        receiver: a name in ``PRESETS``; None for nobody in particular.
        codec: of videos.
        crf: constant rate factor of codecs that have one; smaller is better.
        container: of videos; or what a folder of frames is made of.
        fps: frames per second of a video that is made of images, which have no time.
        value_range: of masks in videos: ``limited`` (16..235) or ``full``.
        start_number: of the first file where each frame is a file.
        alpha: whether colours are multiplied by alpha.
        stacking: where the matte of ``stacked`` lies.
        defaulted: names of those of them that are a default of the user's, and count where they can.

    Raises:
        UsageError: something is not allowed.
    """

    receiver: Annotated[
        str | None,
        Option(
            "Who it is for: picks kinds, container, codec, alpha, range and names; options given override"
            f" it. One of {', '.join(PRESETS)}.",
            SAVING,
            "RECEIVER",
            names=("--for",),
            choices=tuple(PRESETS),
        ),
    ] = None
    codec: Annotated[
        str | None, Option(f"Video codec: {one_of(CODECS)}.", SAVING, "CODEC", choices=CODECS)
    ] = None
    crf: Annotated[
        float | None,
        Option("Constant rate factor of h264 and vp9; smaller is better.", SAVING, "N", within=(0, 63)),
    ] = None
    container: Annotated[
        str | None,
        Option(
            "mp4, mov, mkv, webm, avi or nut; png, tiff or exr for a folder of frames; with -o - one of "
            f"{one_of(STREAMS)}.",
            SAVING,
            "FORMAT",
            choices=CONTAINERS,
        ),
    ] = None
    fps: Annotated[
        str | Fraction | None,
        Option(
            "Frames per second of a video made of images: 25, 29.97, 30000/1001.",
            SAVING,
            "RATE",
            read=read_rate,
            shown="24",
        ),
    ] = None
    value_range: Annotated[
        str | None,
        Option(
            "Values of masks in videos: limited (16 to 235) or full (0 to 255).",
            SAVING,
            "RANGE",
            names=("--range",),
            choices=RANGES,
        ),
    ] = None
    start_number: Annotated[
        int | None,
        Option(
            "Number of the first file of frames; without it that of the input's files, or 0.",
            SAVING,
            "N",
            least=0,
        ),
    ] = None
    alpha: Annotated[
        str | None,
        Switches(
            SAVING,
            (
                Switch("--premultiply", "premultiplied", "Multiply a matte's colours by its alpha."),
                Switch("--straight", "straight", "Leave a matte's colours as they are."),
            ),
        ),
    ] = None
    stacking: Annotated[
        str,
        Option(
            "Where the matte of stacked lies: below or beside the picture.",
            SAVING,
            "WHERE",
            choices=("below", "beside"),
        ),
    ] = "below"
    defaulted: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @property
    def rate(self) -> Fraction | None:
        """``fps`` as a number."""
        return None if self.fps is None else read_rate(self.fps)

    def __post_init__(self) -> None:
        if self.fps is not None:
            object.__setattr__(self, "fps", read_rate(self.fps))
        check_fields(self)
        if self.crf is not None and float(self.crf).is_integer():
            object.__setattr__(self, "crf", int(self.crf))  # as people write it, in messages


def delivered(saving: Saving, delivery: Delivery) -> Saving:
    """What is saved: the receiver's kinds, where nobody chose others."""
    if delivery.receiver is None or saving.kinds_given:
        return saving
    return replace(saving, kinds=PRESETS[delivery.receiver].kinds)
