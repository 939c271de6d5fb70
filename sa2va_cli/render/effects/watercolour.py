"""Watercolour: clear washes on white paper, with edges where pigment gathered, and grain where it settled."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats
from sa2va_cli.render.effects.painting import Canvas, Painting, as_pixels, smoothstep
from sa2va_cli.render.effects.strokes import patches
from sa2va_cli.render.effects.textures import noise, paper

_SHEET = np.array([0.985, 0.98, 0.965], np.float32)


@dataclass
class Watercolour(Painting):
    """Watercolour, after Bousseau et al., "Interactive Watercolor Rendering" (2006).

    The density of pigment is changed by turbulence, by gathering at edges and by paper.
    """

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Washes."""
        dark, bright = self.tones(canvas)
        flat = patches(_wandering(canvas, canvas.pixels), 4.5 * canvas.unit) / 255
        lifted = (flat - np.float32(dark)) / np.float32(bright - dark)
        clear = np.power(np.clip(0.06 + 0.98 * lifted, 0.01, 1), np.float32(0.68))
        mean = clear.mean(axis=2, keepdims=True)
        clear = np.asarray(np.clip(mean + 1.2 * (clear - mean), 0.02, 1), np.float32)
        luma = cv2.cvtColor(clear, cv2.COLOR_RGB2GRAY)
        tooth = canvas.texture(paper(), 0.8)
        density = 1 + 0.5 * canvas.texture(noise(22, 41), 1.0) + 0.3 * canvas.texture(noise(6, 42), 1.0)
        density = density + 0.3 * tooth * smoothstep(1 - luma, 0.05, 0.6)
        gathered = np.abs(canvas.blur(luma, 0.8) - canvas.blur(luma, 2.2))
        density = density + np.clip(8 * gathered, 0, 0.9)
        density = density + 0.9 * canvas.contour(1.3) - 0.45 * canvas.contour(5.0)
        sheet = _SHEET * (1 + 0.02 * tooth)[..., None]
        return as_pixels(sheet * _thicker(clear, density))


def _thicker(colour: Floats, density: Floats) -> Floats:
    """What a wash looks like when there is more pigment of it: C' = C - (C - C^2)(d - 1)."""
    amount = np.clip(density, 0.2, 2.2)[..., None] - np.float32(1)
    return np.asarray(np.clip(colour * (1 - (1 - colour) * amount), 0, 1), np.float32)


def _wandering(canvas: Canvas, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Edges that wander with the hand and the water."""
    width, height = canvas.size
    reach = np.float32(1.3 * canvas.unit)
    across, down = canvas.texture(noise(5, 43), 1.0), canvas.texture(noise(5, 44), 1.0)
    columns = np.arange(width, dtype=np.float32)[None] + reach * across
    rows = np.arange(height, dtype=np.float32)[:, None] + reach * down
    return np.asarray(cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
