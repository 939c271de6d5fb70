"""What an effect is: a function from a frame, and what is known of it, to a layer that is laid over it.

Effects know nothing about files, commands, prompts or time ranges: ``drawing`` shows them frames and lays
what they give over the picture, in one place, so that what no layer covers keeps the source's own numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Remark
from sa2va_cli.render.crop import Box, mask_box, padded

Pixels = NDArray[Any]
"""(H, W, 3) RGB, uint8 or uint16; the largest value of the type is full."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Shown:
    """One object on one frame.

    Attributes:
        label: its name.
        alpha: (H, W) float32, 0..1.
    """

    label: str
    alpha: Floats = field(repr=False)


@dataclass(frozen=True, eq=False)
class Part:
    """One object of an effect's target on one frame.

    Attributes:
        alpha: (H, W) float32, 0..1.
        confidence: how far its mask can be trusted, 0..1; 1 where nobody knows.
    """

    alpha: Floats = field(repr=False)
    confidence: float = 1.0


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame as an effect sees it.

    Attributes:
        index: ordinal of the frame among those of the run.
        seconds: its time.
        picture: (H, W, 3) as decoded or, in a chain, as the effects before have left it; of neighbours, as
            decoded.
        alpha: (H, W) float32, 0..1, of the effect's target: refined, and 0 exactly where nothing may change.
        objects: every object of the run, the target or not.
        confidence: how far the target's masks can be trusted on this frame, 0..1; 1 where nobody knows.
        fps: frames per second of the clip.
        transfer: number of the transfer function in ITU-T H.273, 2 for ordinary video.
        wide_gamut: whether the primaries are those of BT.2020.
        reference: (H, W) float32, 0..1, of the object whose colour is matched; None where none is.
        parts: the objects of the target, the same ones on every frame; none where it is not made of objects.
        around: the frame's neighbours in order, itself left out; as many as ``Effect.reach`` asks for.
    """

    index: int
    seconds: float
    picture: Pixels = field(repr=False)
    alpha: Floats = field(repr=False)
    objects: tuple[Shown, ...] = ()
    confidence: float = 1.0
    fps: float = 25.0
    transfer: int = 2
    wide_gamut: bool = False
    reference: Floats | None = field(default=None, repr=False)
    parts: tuple[Part, ...] = field(default=(), repr=False)
    around: "tuple[Moment, ...]" = field(default=(), repr=False)

    @cached_property
    def box(self) -> Box | None:
        """Around all of the target; None where there is none of it."""
        return mask_box(self.alpha > 0)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.alpha.shape[1], self.alpha.shape[0]

    @property
    def top(self) -> int:
        """The largest value of the picture's type."""
        return int(np.iinfo(self.picture.dtype).max)

    def near(self, margin: int = 0) -> Box | None:
        """The box of the target with a margin of pixels around it, within the picture."""
        return None if self.box is None else padded(self.box, self.size, 0.0, even=False, least=margin)


@dataclass(frozen=True, eq=False)
class Layer:
    """What is laid over a part of a picture.

    Attributes:
        colours: (h, w, 3) of the picture's type.
        share: (h, w) float32, 0..1: how much of them shows; where it is 0 the picture stays as it is.
        box: where that is in the picture.
    """

    colours: Pixels = field(repr=False)
    share: Floats = field(repr=False)
    box: Box


class Effect(Protocol):
    """One effect with its parameters, for one clip.

    Attributes:
        reach: how many frames before and after each it needs.
        surveys: whether it must have seen the whole clip before it draws anything.
    """

    @property
    def reach(self) -> int:
        """How many frames before and after each it needs, in ``Moment.around``."""
        return 0

    @property
    def surveys(self) -> bool:
        """Whether ``survey`` must be shown every frame before the first ``apply``."""
        return False

    def survey(self, moment: Moment) -> None:
        """Is shown every frame in order, without neighbours; only where ``surveys``."""
        del moment  # most have no need of it

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame; frames come in order.

        Returns:
            What is laid over the picture, None for nothing. An effect whose row has the area ``inside`` shows
            nothing where ``moment.alpha`` is 0.
        """
        ...

    @property
    def remarks(self) -> Sequence[Remark]:
        """What a person should look at, so far."""
        return ()
