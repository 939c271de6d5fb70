"""Large pixels and printers' dots, in a grid that lies on the thing."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats
from sa2va_cli.render.effects.painting import Canvas, Painting, as_pixels, smoothstep

_CELL = 7.0
"""Units along the side of a large pixel."""

_SHADES = 14
"""Steps of each colour of large pixels."""

_PITCH = 5.2
"""Units between dots."""

_FINEST = 13.0
"""Pixels between dots at least: finer ones would flicker as they move by parts of a pixel."""

_ANGLE = np.pi / 4
_SHEET = np.array([0.975, 0.965, 0.93], np.float32)
_INK = np.array([0.08, 0.075, 0.09], np.float32)


@dataclass
class Pixelate(Painting):
    """Large square pixels."""

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """The mean of each cell, in a few shades."""
        side = max(2, round(_CELL * canvas.unit))
        width, height = canvas.size
        left, top = (int(np.floor(-one)) % side for one in _origin(canvas))
        across, down = -(-(width + side - left) // side), -(-(height + side - top) // side)
        sides = (
            side - top,
            down * side - height - side + top,
            side - left,
            across * side - width - side + left,
        )
        wide = cv2.copyMakeBorder(canvas.pixels, *sides, cv2.BORDER_REPLICATE)
        small = cv2.resize(wide, (across, down), interpolation=cv2.INTER_AREA).astype(np.float32)
        mean = small.mean(axis=2, keepdims=True)
        shades = np.float32(255 / _SHADES)
        vivid = np.clip(np.rint((mean + 1.15 * (small - mean)) / shades) * shades, 0, 255).astype(np.uint8)
        large = cv2.resize(vivid, (across * side, down * side), interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(large[sides[0] : sides[0] + height, sides[2] : sides[2] + width])


def _origin(canvas: Canvas) -> NDArray[np.float64]:
    """Where the thing's own origin is in the canvas."""
    linear = canvas.place[:, :2]
    return np.asarray(np.linalg.solve(linear, canvas.place[:, 2]))


@dataclass
class Halftone(Painting):
    """Dots whose size tells how dark it is.

    Attributes:
        colour: how much of the colours stays, under the dots.
    """

    colour: float = 1.0

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Dots on paper or on flat colours."""
        dark, bright = self.tones(canvas)
        soft = canvas.blur(canvas.luma, 0.45 * _PITCH)
        light = 0.88 * soft + 0.12 * canvas.blur(canvas.luma, 1.2)
        tone = np.clip((bright - light) / np.float32(bright - dark), 0, 1)
        waves = _waves(canvas)
        level = 1 - 2 * np.sqrt(np.float32(0.7) * np.power(tone, np.float32(1.4)))
        dots = smoothstep(np.asarray(waves - level, np.float32), -0.65, 0.65)
        flat = cv2.GaussianBlur(canvas.pixels, (0, 0), max(0.5, 1.8 * canvas.unit)).astype(np.float32) / 255
        bright_flat = flat / np.maximum(flat.max(axis=2, keepdims=True), 0.05) * 0.96
        sheet = _SHEET + np.float32(self.colour) * (bright_flat * 0.92 + 0.06 - _SHEET)
        return as_pixels(sheet + dots[..., None] * np.float32(0.68) * (_INK - sheet))


def _waves(canvas: Canvas) -> Floats:
    """-1..1, highest in the middle of each dot."""
    width, height = canvas.size
    pitch = max(_FINEST, _PITCH * canvas.unit)
    turn = 2 * np.pi / pitch * np.array([[np.cos(_ANGLE), np.sin(_ANGLE)], [-np.sin(_ANGLE), np.cos(_ANGLE)]])
    both = turn @ canvas.place
    columns, rows = np.arange(width)[None], np.arange(height)[:, None]
    first, second = (np.cos(both[k, 0] * columns + both[k, 1] * rows + both[k, 2]) for k in (0, 1))
    return np.asarray(0.5 * (first + second), np.float32)
