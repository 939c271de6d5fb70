"""Grey, sepia, brightness, contrast, saturation and temperature, pixel by pixel; and sharpening."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment, Pixels
from sa2va_cli.render.effects.light import looked_up, to_light, to_signal

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""What red, green and blue count in luma (ITU-R BT.709)."""

_SEPIA = np.array([1.0, 0.84, 0.66])
"""What is left of red, green and blue in the print's middle tones: that of a silver sulphide toner."""

_WARMEST = 0.35
"""How much light red gains and blue loses at a temperature of 1: from daylight to some 3800 K."""


def inside(moment: Moment, change: Callable[[Pixels], Pixels]) -> Layer | None:
    """The layer of what changes the target's pixels one by one."""
    box = moment.box
    if box is None:
        return None
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    return Layer(change(np.ascontiguousarray(moment.picture[part])), moment.alpha[part], box)


@dataclass(frozen=True)
class Mixing(Effect):
    """What makes each colour of a sum of channels."""

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) from RGB to RGB."""
        raise NotImplementedError

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        return inside(moment, lambda pixels: np.asarray(cv2.transform(pixels, self.matrix)))


@dataclass(frozen=True)
class Saturation(Mixing):
    """More or less colourful, luma kept.

    Attributes:
        amount: 0 for grey, 1 for as it is.
    """

    amount: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) from RGB to RGB."""
        return self.amount * np.eye(3) + (1 - self.amount) * np.tile(LUMA, (3, 1))


@dataclass(frozen=True)
class Grey(Mixing):
    """Black and white.

    Attributes:
        strength: how much of it.
    """

    strength: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) from RGB to RGB."""
        return (1 - self.strength) * np.eye(3) + self.strength * np.tile(LUMA, (3, 1))


@dataclass(frozen=True)
class Sepia(Effect):
    """The brown of old photographs: white and black stay, middle tones are toned.

    Attributes:
        strength: how much of it.
    """

    strength: float

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        return inside(moment, self._toned)

    def _toned(self, pixels: Pixels) -> Pixels:
        luma = np.asarray(cv2.transform(pixels, np.tile(LUMA, (3, 1))))
        toned = looked_up(luma, _sepia_table(pixels.dtype))
        if self.strength >= 1:
            return toned
        return np.asarray(cv2.addWeighted(toned, self.strength, pixels, 1 - self.strength, 0))


def _sepia_table(dtype: Any) -> NDArray[Any]:
    """(n, 3) what each luma becomes: paper a little warm, faded blacks."""
    top = np.iinfo(dtype).max
    luma = np.arange(top + 1) / top
    powers = 1 - np.log(_SEPIA) / np.log(2)  # at a luma of one half each channel is as ``_SEPIA`` says
    faded = 0.06 + 0.92 * luma
    toned = np.stack([faded**power for power in powers], axis=1)
    codes = np.rint(np.clip(toned * np.array([1.02, 1.0, 0.97]), 0, 1) * top)
    return np.asarray(codes, dtype)


@dataclass
class Curve(Effect):
    """What changes each channel by a curve.

    Attributes:
        amount: how much.
    """

    amount: float
    _tables: dict[tuple[Any, int], NDArray[Any]] = field(default_factory=dict, repr=False)

    def curve(self, share: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
        """(n, 3) signals of (n,) signals, 0..1."""
        raise NotImplementedError

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        key = moment.picture.dtype, moment.transfer
        if key not in self._tables:
            top = moment.top
            signals = self.curve(np.arange(top + 1) / top, moment.transfer)
            self._tables[key] = np.rint(np.clip(signals, 0, 1) * top).astype(moment.picture.dtype)
        return inside(moment, lambda pixels: looked_up(pixels, self._tables[key]))


class Brightness(Curve):
    """More or less light.

    Attributes:
        amount: what light is multiplied by.
    """

    def curve(self, share: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
        """Multiplies light; what comes near white goes there along a shoulder, not into a wall."""
        light = self.amount * to_light(share, transfer)
        if self.amount > 1 and transfer == 2:
            light = np.where(light < _KNEE, light, _KNEE + _shoulder(light - _KNEE, self.amount - _KNEE))
        return np.repeat(to_signal(light, transfer)[:, None], 3, axis=1)


_KNEE = 0.7
"""Of white: up to here light is multiplied, above it is squeezed."""


def _shoulder(above: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Squeezes 0..most into 0..1 - ``_KNEE``, beginning with a slope of one."""
    room = 1 - _KNEE
    bend = 1 - room / most
    return np.asarray(above / (1 + bend * above / room))


class Contrast(Curve):
    """More or less contrast.

    Attributes:
        amount: the slope at middle grey.
    """

    def curve(self, share: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
        """Turns the signal around its middle; black and white stay where they are for more than 1."""
        del transfer
        around = share - _MIDDLE
        if self.amount <= 1:
            signals = _MIDDLE + self.amount * around
        else:
            room = np.where(around < 0, _MIDDLE, 1 - _MIDDLE)
            far = np.abs(around) / room
            signals = _MIDDLE + np.sign(around) * room * (1 - (1 - far) ** self.amount)
        return np.repeat(signals[:, None], 3, axis=1)


_MIDDLE = 0.46
"""Signal of a grey card of 18 % in sRGB."""


class Temperature(Curve):
    """Warmer or colder light.

    Attributes:
        amount: above 0 for warmer.
    """

    @cached_property
    def gains(self) -> Floats:
        """What red, green and blue light is multiplied by, luma kept."""
        gains = np.array([1 + _WARMEST * self.amount, 1.0, 1 - _WARMEST * self.amount])
        return np.asarray(gains / (LUMA @ gains), np.float32)

    def curve(self, share: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
        """Multiplies the light of each channel."""
        return to_signal(to_light(share, transfer)[:, None] * self.gains, transfer)


@dataclass(frozen=True)
class Sharpen(Effect):
    """Crisper details: what differs from its surroundings differs more.

    Attributes:
        amount: by how much more.
        radius: pixels, standard deviation of the surroundings.
    """

    amount: float
    radius: float

    _REACH: ClassVar[int] = 3

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame; only luma changes, so that edges get no coloured fringe."""
        wide, box = moment.near(int(np.ceil(self._REACH * self.radius))), moment.box
        if wide is None or box is None:
            return None
        pixels = np.ascontiguousarray(moment.picture[wide.y0 : wide.y1, wide.x0 : wide.x1])
        luma = np.asarray(cv2.transform(pixels, LUMA[None])).astype(np.float32)
        detail = luma - cv2.GaussianBlur(luma, (0, 0), self.radius)
        limit = np.float32(0.12 * moment.top)  # no halo is brighter than that
        detail = limit * np.tanh(self.amount * detail / limit)
        sharp = np.clip(np.rint(pixels + detail[..., None]), 0, moment.top).astype(pixels.dtype)
        part = slice(box.y0 - wide.y0, box.y1 - wide.y0), slice(box.x0 - wide.x0, box.x1 - wide.x0)
        return Layer(sharp[part], moment.alpha[box.y0 : box.y1, box.x0 : box.x1], box)
