"""Another hue and chroma in CIE Lab; lightness stays, so do folds, shadows and highlights."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from sa2va_cli.errors import NothingFoundError
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment, Pixels
from sa2va_cli.render.effects.light import coded, unit
from sa2va_cli.render.effects.parameters import Match
from sa2va_cli.render.effects.tones import inside
from sa2va_cli.render.palette import Colour
from sa2va_cli.render.repeatable import magnitude

_DARK, _BRIGHT = 14.0, 88.0
"""Lightness, of 100, below and above which colours fade into neutral black and white."""

_COLOURLESS = 10.0
"""Chroma below which a thing has no colour of its own: then all of it is dyed alike."""

_LIGHTENED = 0.8
"""How far lightness goes to that of white, grey or black."""

_NEUTRAL = 0.18
"""How much of the colour a neutral part of a coloured thing takes: a highlight, a button, an eye."""

_SURE = 0.5
"""Alpha above which a pixel is the object's own."""

_LAG = 0.85
"""How much the last frame counts in what is known of the whole thing, so that it does not flicker."""

_COLOURFUL = 60.0
"""Percent of another object's pixels that are less colourful than those whose colour is matched."""


@dataclass
class Recolour(Effect):
    """Dyes a thing.

    Attributes:
        colour: the new colour, or whose colour it is.
        strength: how much of it.
        lightness: how far the mean lightness goes to that of the colour; below 0 for what suits: not at
            all, but for white, grey, black and what another object has, which are not told by hue alone.
    """

    colour: Colour | Match
    strength: float = 1.0
    lightness: float = -1.0
    _mean: Floats | None = None
    _references: list[Floats] = field(default_factory=list, repr=False)

    @property
    def surveys(self) -> bool:
        """Whether another object's colour must be known first."""
        return isinstance(self.colour, Match)

    def survey(self, moment: Moment) -> None:
        """Takes the colour of the other object on one frame."""
        sure = None if moment.reference is None else moment.reference > _SURE
        if sure is not None and sure.any():
            self._references.append(_typical(moment.picture[sure]))

    @cached_property
    def _target(self) -> Floats:
        """Lightness, a and b.

        Raises:
            NothingFoundError: the object that has the colour was not seen.
        """
        if isinstance(self.colour, Match):
            if not self._references:
                raise NothingFoundError(
                    f"recolour: {self.colour.words!r} was found on no frame, so there is no colour to match"
                )
            return np.asarray(np.median(self._references, axis=0), np.float32)
        pixel = np.array([[self.colour]], np.float32) / 255
        return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_RGB2Lab)[0, 0])

    @cached_property
    def _most(self) -> Floats:
        """(101,) the largest chroma of the new hue at each lightness that sRGB holds."""
        chroma = np.arange(0, 140, 0.5, dtype=np.float32)
        lightness = np.arange(101, dtype=np.float32)
        hue = self._hue
        lab = np.empty((101, len(chroma), 3), np.float32)
        lab[..., 0] = lightness[:, None]
        lab[..., 1:] = chroma[None, :, None] * hue
        back = cv2.cvtColor(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB).clip(0, 1), cv2.COLOR_RGB2Lab)
        holds = np.abs(back - lab).max(axis=2) < 1.0
        count = np.where(holds.all(axis=1), len(chroma), holds.argmin(axis=1))
        return np.asarray(chroma[np.maximum(count - 1, 0)])

    @property
    def _lightness(self) -> float:
        if self.lightness >= 0:
            return self.lightness
        if self.surveys:
            return 1.0
        return _LIGHTENED if float(np.hypot(*self._target[1:])) < _COLOURLESS else 0.0

    @cached_property
    def _hue(self) -> Floats:
        a, b = self._target[1:]
        length = float(np.hypot(a, b))
        return np.asarray(self._target[1:] / length if length > 1 else np.zeros(2), np.float32)

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        box = moment.box
        if box is None:
            return None
        alpha = moment.alpha[box.y0 : box.y1, box.x0 : box.x1]
        return inside(moment, lambda pixels: self._dyed(pixels, alpha))

    def _dyed(self, pixels: Pixels, alpha: Floats) -> Pixels:
        lab = cv2.cvtColor(unit(pixels), cv2.COLOR_RGB2Lab)
        lightness, a, b = cv2.split(lab)
        chroma = magnitude(a, b)
        mean_lightness, own = self._whole(lightness, chroma, alpha)
        if self._lightness:
            lightness = _moved(lightness, mean_lightness, float(self._target[0]), self._lightness)
        wanted = float(np.hypot(*self._target[1:]))
        share = np.minimum(chroma / max(own, 1e-3), 1.25) if own > _COLOURLESS else np.float32(1)
        new = wanted * (_NEUTRAL + (1 - _NEUTRAL) * share) * _window(lightness)
        steps = np.clip(lightness, 0, 100)
        most = np.interp(steps, np.arange(101), self._most).astype(np.float32)
        new = np.minimum(new, most)
        keep = 1 - np.float32(self.strength)
        dyed = cv2.merge(
            [
                np.asarray(lightness, np.float32),
                np.asarray(keep * a + self.strength * new * self._hue[0], np.float32),
                np.asarray(keep * b + self.strength * new * self._hue[1], np.float32),
            ]
        )
        return coded(np.clip(cv2.cvtColor(dyed, cv2.COLOR_Lab2RGB), 0, 1), pixels.dtype)

    def _whole(self, lightness: Floats, chroma: Floats, alpha: Floats) -> tuple[float, float]:
        """Mean lightness of the thing, and the chroma that most of its colour has."""
        sure = alpha > _SURE
        if not sure.any():
            sure = alpha > 0
        now = np.array([lightness[sure].mean(), np.percentile(chroma[sure][::4], 70)], np.float32)
        self._mean = now if self._mean is None else _LAG * self._mean + (1 - _LAG) * now
        return float(self._mean[0]), float(self._mean[1])


def _typical(pixels: Pixels) -> Floats:
    """Lightness, a and b that (n, 3) pixels of an object have, by the more colourful of them."""
    lab = cv2.cvtColor(unit(pixels[:: max(1, len(pixels) // _COUNTED)])[None], cv2.COLOR_RGB2Lab)[0]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return np.asarray(np.median(lab[chroma >= np.percentile(chroma, _COLOURFUL)], axis=0), np.float32)


_COUNTED = 4000
"""Pixels of an object that are looked at for its colour."""


def _window(lightness: Floats) -> Floats:
    """How much colour there is at a lightness: all in the middle, none in black and white."""
    low = np.clip(lightness / _DARK, 0, 1)
    high = np.clip((100 - lightness) / (100 - _BRIGHT), 0, 1)
    return np.asarray(np.minimum(low, high), np.float32)


def _moved(lightness: Floats, mean: float, goal: float, share: float) -> Floats:
    """Lightness bent so that the mean comes nearer to a goal; black and white stay."""
    mean, middle = min(max(mean, 5), 95), min(max(mean + share * (goal - mean), 5), 95)
    power = np.log(middle / 100) / np.log(mean / 100)
    return np.asarray(100 * np.power(np.clip(lightness, 0, 100) / 100, np.float32(power)), np.float32)
