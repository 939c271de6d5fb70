"""Everything else darker, as if one lamp shone on the target."""

from dataclasses import dataclass

import cv2
import numpy as np

from sa2va_cli.render.effects.compositing import whole
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment
from sa2va_cli.render.effects.light import light_of, pixels_of

_FEATHER_SHARE = 0.06
"""Of the picture's short side: softness of the lamp's edge where none is given."""

_STEP = 4
"""The lamp's light is so soft that every fourth pixel of it is enough."""


@dataclass
class Spotlight(Effect):
    """A lamp.

    Attributes:
        darkness: how much light is taken from the rest.
        feather: pixels, softness of the lamp's edge; below 0 for what suits.
    """

    darkness: float
    feather: float

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame; what is all the target's stays as it is."""
        feather = self.feather if self.feather >= 0 else _FEATHER_SHARE * min(moment.size)
        lit = np.maximum(_lamp(moment.alpha, feather), moment.alpha)
        kept = (1 - np.float32(self.darkness) * (1 - lit))[..., None]
        light = light_of(moment.picture, moment.transfer) * kept
        share = np.where(moment.alpha < 1, np.float32(1), np.float32(0))
        return Layer(pixels_of(light, moment.picture.dtype, moment.transfer), share, whole(share.shape))


def _lamp(alpha: Floats, feather: float) -> Floats:
    """A soft light around the target."""
    if feather <= 0:
        return alpha
    height, width = alpha.shape
    small = max(1, width // _STEP), max(1, height // _STEP)
    coarse = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA).reshape(small[::-1])
    sigma = max(0.5, feather / _STEP)
    side = 2 * round(sigma) + 1
    wide = cv2.dilate(coarse, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    soft = cv2.GaussianBlur(wide, (0, 0), sigma)
    return np.asarray(np.clip(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1))
