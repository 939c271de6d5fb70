"""Ink wash painting (水墨): rice paper, washes that bleed and dry with dark rims, strokes of a dry brush."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.painting import Canvas, Painting, abstracted, as_pixels, smoothstep, stepped
from sa2va_cli.render.effects.textures import noise, paper, streaks

_PAPER = np.array([0.965, 0.95, 0.915], np.float32)
_INK = np.array([0.085, 0.09, 0.105], np.float32)
"""Pine soot is a little blue."""


@dataclass
class Ink(Painting):
    """Ink wash.

    Attributes:
        colour: how much of the thing's colours is laid over the ink as thin washes.
    """

    colour: float = 0.0

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Washes, strokes, and the paper that shows through."""
        dark, bright = self.tones(canvas)
        smooth = abstracted(canvas.pixels, canvas.unit)
        blotches = canvas.texture(noise(16, 3), 1.0)
        wash = self._wash(canvas, smooth, (dark, bright), blotches)
        strokes = _strokes(canvas, blotches)
        ink = 1 - (1 - wash) * (1 - strokes)
        sheet = _PAPER * (1 + 0.022 * canvas.texture(paper(), 0.9))[..., None]
        painted = sheet + ink[..., None] * (_INK - sheet)
        if self.colour:
            tint = cv2.GaussianBlur(smooth, (0, 0), max(0.5, 2 * canvas.unit)).astype(np.float32) / 255
            tint = tint / np.maximum(tint.max(axis=2, keepdims=True), 1e-3)
            painted = painted * (1 + np.float32(0.9 * self.colour) * (tint - 1))
        return as_pixels(painted)

    def _wash(
        self,
        canvas: Canvas,
        smooth: NDArray[np.uint8],
        tones: tuple[float, float],
        blotches: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """How much ink the washes leave, 0..1: hardly any in the lights, and never all."""
        luma = cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        dark, bright = tones
        tone = np.clip((bright - luma) / np.float32(bright - dark), 0, 1)
        tone = _bled(canvas, canvas.blur(tone, 1.2))
        layered = 0.35 * tone + 0.65 * stepped(tone, 4, 0.5)
        rims = np.clip(layered - canvas.blur(layered, 3.0), 0, 1)
        pooled = layered + 0.5 * rims + 0.10 * blotches * np.sqrt(np.maximum(tone, 0))
        thin = 0.06 * smoothstep(canvas.depth, 0, 6 * canvas.unit)  # water takes the ink to the edge
        grain = 0.05 * canvas.texture(paper(), 0.9)
        wash = 0.86 * np.power(np.clip(pooled - thin, 0, 1), 1.55)
        return np.asarray(np.clip(wash * (1 + grain + 0.25 * blotches), 0, 0.92), np.float32)


def _bled(canvas: Canvas, tone: NDArray[np.float32]) -> NDArray[np.float32]:
    """A wash that has run along the fibres: its edges wander."""
    width, height = canvas.size
    reach = np.float32(2.2 * canvas.unit)
    across = canvas.texture(noise(5, 5), 1.0) + 0.5 * canvas.texture(noise(2, 6), 1.0)
    down = canvas.texture(noise(5, 7), 1.0) + 0.5 * canvas.texture(noise(2, 8), 1.0)
    columns = np.arange(width, dtype=np.float32)[None] + reach * across
    rows = np.arange(height, dtype=np.float32)[:, None] + reach * down
    return np.asarray(cv2.remap(tone, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _strokes(canvas: Canvas, blotches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Dark lines along creases and around the thing: thick and thin, and broken where the brush runs dry."""
    press = 0.5 + 0.5 * np.clip(blotches, -1, 1)
    fine, broad = canvas.lines(0.7, 30, 0.01), canvas.lines(1.5, 30, 0.014)
    lines = fine * (1 - press) * 0.9 + broad * press
    around = canvas.contour(0.5 + 1.5 * press)
    strokes = np.maximum(lines, 0.85 * around)
    bristles = canvas.texture(streaks(4, 10), 0.7, turn=0.6)
    dry = smoothstep(np.asarray(bristles + 2.2 * press - 0.15, np.float32), -0.35, 0.25)
    return np.asarray(0.9 * strokes * (0.35 + 0.65 * dry), np.float32)
