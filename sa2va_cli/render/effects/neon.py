"""Neon: glowing tubes along the edges, in the dark; light is added as light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats
from sa2va_cli.render.effects.light import light_of, pixels_of
from sa2va_cli.render.effects.painting import Canvas, Painting, abstracted, smoothstep
from sa2va_cli.render.palette import Colour
from sa2va_cli.render.repeatable import magnitude

_DARK = 0.035
"""What is left of the thing's light."""

_VIVID = 0.12
"""The least value of a tube's weakest colour, so that its core is nearly white."""


@dataclass
class Neon(Painting):
    """Neon tubes.

    Attributes:
        colour: of the tubes; the thing's own, made vivid, for None.
    """

    colour: Colour | None = None

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Tubes and their glow."""
        tubes = canvas.blur(np.maximum(_edges(canvas), 0.9 * _ring(canvas)), 0.6)
        hue = self._hue(canvas)
        light = np.float32(_DARK) * light_of(canvas.pixels, 2)
        for units, amount in ((1.5, 0.45), (3.5, 0.22), (10.0, 0.12)):
            light = light + np.float32(amount) * canvas.blur(tubes, units)[..., None] * hue
        core = np.power(tubes, np.float32(1.5))[..., None]
        light = light + core * (0.4 * hue + 0.35)
        return pixels_of(np.asarray(light, np.float32), np.uint8, 2)

    def _hue(self, canvas: Canvas) -> Floats:
        """(h, w, 3) or (3,) light of the tubes."""
        if self.colour is not None:
            light = light_of(np.array(self.colour, np.uint8), 2)
            return np.asarray(light / max(float(light.max()), 0.05), np.float32)
        soft = cv2.GaussianBlur(canvas.pixels, (0, 0), max(1.0, 6 * canvas.unit))
        hsv = cv2.cvtColor(soft.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
        own = hsv[..., 1]  # the hue of what has nearly none flickers
        hsv[..., 1] = np.clip(0.45 * smoothstep(own, 0.04, 0.25) + 1.3 * own, 0, 1)
        hsv[..., 2] = 1
        vivid = light_of(cv2.convertScaleAbs(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), alpha=255.0), 2)
        return np.asarray(np.maximum(vivid, np.float32(_VIVID * 0.3)), np.float32)


def _edges(canvas: Canvas) -> Floats:
    """0..1 along edges of the picture, whichever side is darker."""
    grey = cv2.cvtColor(abstracted(canvas.pixels, canvas.unit, 30), cv2.COLOR_RGB2GRAY)
    smooth = canvas.blur(grey.astype(np.float32) / 255, 2.2)
    slope = magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    slope = slope * np.float32(canvas.unit)
    return np.asarray(np.clip(np.tanh(2.7 * np.maximum(slope - 0.05, 0)) * 1.15, 0, 1), np.float32)


def _ring(canvas: Canvas) -> Floats:
    """A tube just inside of the edge; of a blurred alpha, as distances jump by whole pixels."""
    at = (canvas.blur(canvas.alpha, 2.2) - np.float32(0.76)) / np.float32(0.14)
    return np.asarray(np.exp(-np.square(at)) * canvas.alpha, np.float32)
