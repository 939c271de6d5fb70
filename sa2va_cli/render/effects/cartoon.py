"""A cartoon: flat colours in a few steps of lightness, and dark outlines."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.painting import Canvas, Painting, abstracted, as_pixels, stepped

_LINE = np.array([0.07, 0.055, 0.08], np.float32)
_VIVID = 1.3
"""By how much chroma is raised."""


@dataclass
class Cartoon(Painting):
    """A cartoon.

    Attributes:
        levels: steps of lightness.
    """

    levels: int = 6

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Flat colours under lines."""
        smooth = abstracted(canvas.pixels, canvas.unit, 34, rounds=4)
        lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        lightness, a, b = cv2.split(lab)
        flat = 100 * stepped(np.asarray(canvas.blur(lightness, 0.6) / 100, np.float32), self.levels, 0.22)
        flat = np.asarray(0.85 * flat + 0.15 * lightness, np.float32)
        colours = cv2.cvtColor(cv2.merge([flat, _VIVID * a, _VIVID * b]), cv2.COLOR_Lab2RGB)
        lines = np.maximum(canvas.lines(0.85, 60, 0.014), canvas.contour(1.1))
        return as_pixels(np.clip(colours, 0, 1) * (1 - lines[..., None]) + _LINE * lines[..., None])
