"""Oil painting: patches of thick paint, whose bristles run along the forms and catch the light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.painting import Canvas, Painting
from sa2va_cli.render.effects.strokes import combed, directions, patches
from sa2va_cli.render.effects.textures import noise

_RELIEF = 17.0
"""Levels of 255 by which bristles are lit from above left."""


@dataclass
class Oil(Painting):
    """Oil paint."""

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Patches with relief."""
        unit = canvas.unit
        flat = patches(canvas.pixels, 5.5 * unit)
        flat = patches(cv2.convertScaleAbs(flat), 3.5 * unit)
        luma = cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY)
        across, down, clear = directions(canvas.blur(luma, 0.8), max(1.0, 4 * unit))
        sway = canvas.texture(noise(30, 31), 1.0) * np.float32(1.2)  # where forms do not say, the wrist does
        share = np.clip(clear * 2.5, 0, 1)
        across = share * across + (1 - share) * np.cos(sway)
        down = share * down + (1 - share) * np.sin(sway)
        length = np.maximum(np.hypot(across, down), np.float32(0.2))
        height = combed(canvas.texture(noise(0.9, 32), 0.8), across / length, down / length, 11 * unit)
        height = height / max(1e-3, 2 * float(height.std()))
        lit = cv2.Sobel(height, cv2.CV_32F, 1, 0) + cv2.Sobel(height, cv2.CV_32F, 0, 1)
        lit = np.tanh(lit * np.float32(0.55 * max(1.0, unit)))
        painted = 1.06 * (flat - 128) + 128
        painted = (
            painted
            + _RELIEF * (lit * 0.7 + 0.3 * np.tanh(height))[..., None] * (0.35 + luma / 255)[..., None]
        )
        mean = painted.mean(axis=2, keepdims=True)
        return np.asarray(cv2.convertScaleAbs(np.clip(mean + 1.18 * (painted - mean), 0, 255)))
