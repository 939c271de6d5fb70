"""What surrounds a target: a line, light that shines from it, the shadow it throws."""

from dataclasses import dataclass

import cv2
import numpy as np

from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment
from sa2va_cli.render.effects.light import coded, light_of, pixels_of, shown_colour, to_light
from sa2va_cli.render.palette import Colour

_LINE_SHARE, _THINNEST = 0.006, 2.0
_GLOW_SHARE = 0.05
_FARTHEST = 3.0
"""Standard deviations at which a blur ends."""


def _around(moment: Moment, margin: float) -> tuple[Box, Floats, tuple[slice, slice]] | None:
    box = moment.near(int(np.ceil(margin)) + 1)
    if box is None:
        return None
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    return box, np.ascontiguousarray(moment.alpha[part]), part


@dataclass
class Outline(Effect):
    """A line around the target, smooth where its mask has stairs.

    Attributes:
        colour: of the line.
        width: pixels; 0 for what suits the picture.
    """

    colour: Colour
    width: float

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        width = self.width or max(_THINNEST, _LINE_SHARE * min(moment.size))
        found = _around(moment, width + 2)
        if found is None:
            return None
        box, alpha, _ = found
        smooth = cv2.GaussianBlur(alpha, (0, 0), max(0.7, 0.3 * width))
        away = cv2.distanceTransform((smooth < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
        line = np.clip(width + 0.5 - away, 0, 1) * (1 - alpha)
        plain = coded(shown_colour(self.colour, moment)[None, None], moment.picture.dtype)
        return Layer(np.tile(plain, (*alpha.shape, 1)), np.asarray(line, np.float32), box)


@dataclass
class Glow(Effect):
    """Light around the target, added as light.

    Attributes:
        colour: of the light.
        radius: pixels, how far it shines; 0 for what suits the picture.
        amount: how bright it is.
    """

    colour: Colour
    radius: float
    amount: float

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame; the light lies behind the target."""
        radius = self.radius or _GLOW_SHARE * min(moment.size)
        found = _around(moment, _FARTHEST * radius)
        if found is None or not self.amount:
            return None
        box, alpha, part = found
        shine = _shine(alpha, radius) * (1 - alpha)
        colour = to_light(shown_colour(self.colour, moment), moment.transfer).astype(np.float32)
        light = light_of(moment.picture[part], moment.transfer)
        light = light + np.float32(self.amount) * shine[..., None] * colour
        share = np.where((shine > _FAINT) & (alpha < 1), np.float32(1), np.float32(0))
        return Layer(pixels_of(light, moment.picture.dtype, moment.transfer), share, box)


_FAINT = 1 / 4096
"""Of white: light that no picture shows."""


def _shine(alpha: Floats, radius: float) -> Floats:
    """How much light reaches a pixel: near the target much, and a little far away."""
    step = max(1, int(radius / 8))
    size = alpha.shape[1], alpha.shape[0]
    small = max(1, size[0] // step), max(1, size[1] // step)
    coarse = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA).reshape(small[::-1])
    total = np.zeros_like(coarse)
    for share, amount in ((0.18, 0.8), (0.45, 0.55), (1.0, 0.45)):
        total += amount * cv2.GaussianBlur(coarse, (0, 0), max(0.5, share * radius / step))
    return np.asarray(cv2.resize(total, size, interpolation=cv2.INTER_CUBIC).clip(0), np.float32)


@dataclass
class Shadow(Effect):
    """A shadow behind the target, as on a wall.

    Attributes:
        darkness: how much light it takes.
        right: how far to the right, in heights of the picture.
        down: how far down, likewise.
        softness: of its edge, likewise.
    """

    darkness: float
    right: float
    down: float
    softness: float

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        height = moment.size[1]
        right, down = self.right * height, self.down * height
        sigma = max(0.3, self.softness * height)
        found = _around(moment, max(abs(right), abs(down)) + _FARTHEST * sigma)
        if found is None:
            return None
        box, alpha, part = found
        moved = cv2.warpAffine(alpha, np.array([[1, 0, right], [0, 1, down]]), box.size)
        dark = np.float32(self.darkness) * cv2.GaussianBlur(moved, (0, 0), sigma) * (1 - alpha)
        light = light_of(moment.picture[part], moment.transfer) * (1 - dark)[..., None]
        share = np.where(dark > _FAINT, np.float32(1), np.float32(0))
        return Layer(pixels_of(light, moment.picture.dtype, moment.transfer), share, box)
