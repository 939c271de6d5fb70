"""A drawing in graphite: outlines, and shading by layers of hatching on rough paper."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats
from sa2va_cli.render.effects.painting import Canvas, Painting, as_pixels, smoothstep
from sa2va_cli.render.effects.textures import paper, streaks

_PAPER = np.array([0.965, 0.96, 0.945], np.float32)
_GRAPHITE = np.array([0.19, 0.19, 0.205], np.float32)
_HATCHING = ((0.75, 0.10, 0.42), (2.0, 0.40, 0.42), (0.45, 0.62, 0.5))
"""Layers: angle in radians, darkness from which on there is one, and how dark it is."""

_SMUDGE = 0.62
"""How dark the side of the lead leaves the darkest parts, before any hatching."""


@dataclass
class Pencil(Painting):
    """Graphite.

    Attributes:
        colour: how much of the thing's colours there is, as of coloured pencils.
    """

    colour: float = 0.0

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """Lines and hatching, broken by the tooth of the paper."""
        dark, bright = self.tones(canvas)
        tone = np.clip((bright - canvas.blur(canvas.luma, 1.2)) / np.float32(bright - dark), 0, 1)
        tooth = canvas.texture(paper(), 1.3)
        shade = _hatched(canvas, np.asarray(tone, np.float32), tooth)
        lines = np.maximum(canvas.lines(0.8, 26, 0.01), 0.8 * canvas.contour(0.9))
        lines = lines * (0.75 + 0.25 * smoothstep(-tooth, -1.0, 0.2))
        graphite = 1 - (1 - 0.95 * lines) * (1 - shade)
        sheet = _PAPER * (1 + 0.015 * tooth)[..., None]
        lead = _GRAPHITE
        if self.colour:
            own = cv2.GaussianBlur(canvas.pixels, (0, 0), max(0.5, canvas.unit)).astype(np.float32) / 255
            lead = _GRAPHITE + np.float32(self.colour) * (0.85 * own - _GRAPHITE)
            graphite = np.maximum(graphite, np.float32(0.55 * self.colour) * smoothstep(tooth, -1.2, 0.9))
        return as_pixels(sheet + graphite[..., None] * (lead - sheet))


def _hatched(canvas: Canvas, tone: Floats, tooth: Floats) -> Floats:
    """How much graphite the shading leaves: a layer more where it is darker."""
    grain = 0.72 + 0.42 * smoothstep(tooth, -0.9, 0.9)
    left = 1 - _SMUDGE * np.power(tone, np.float32(1.5)) * grain
    for seed, (angle, begin, darkness) in enumerate(_HATCHING):
        bristles = canvas.texture(streaks(20 + seed, 22), 1.5, turn=angle)
        amount = smoothstep(tone, begin - 0.1, begin + 0.35)
        marks = smoothstep(bristles + 0.2 * tooth, -0.75, 1.05)
        left = left * (1 - darkness * amount * marks)
    return np.asarray(1 - left, np.float32)
