"""What all painted styles share: a canvas cut out around the thing, its textures, strokes, and steadiness."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment
from sa2va_cli.render.effects.light import eight, like
from sa2va_cli.render.effects.motion import Motion
from sa2va_cli.render.effects.redact import blurred
from sa2va_cli.render.effects.textures import sampled

_DESIGNED_FOR = 420.0
"""Pixels of the picture's short side for which strokes are one unit wide."""

_FINEST = 0.9
"""Pixels for one of a texture's: finer ones would flicker as they move by parts of a pixel."""

_MARGIN = 8
"""Units around the thing that are painted too, so that no edge of the canvas is seen."""

_LAG = 0.9
"""How much the last frame counts in what is known of the whole thing."""

_FEW = 8
"""Pixels of a thing that say nothing about its tones."""

Grey = Floats
"""(h, w) float32, 0..1."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A part of a picture, to be painted.

    Attributes:
        pixels: (h, w, 3) uint8; outside of the thing its own colours go on.
        alpha: (h, w) float32.
        unit: pixels of a stroke's width.
        place: (2, 3) from pixels of this part to the thing's own coordinates.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    alpha: Floats = field(repr=False)
    unit: float
    place: NDArray[np.float64] = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.alpha.shape[1], self.alpha.shape[0]

    @cached_property
    def luma(self) -> Grey:
        """Luma, 0..1."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255)

    @cached_property
    def depth(self) -> Floats:
        """Pixels from the thing's edge, 0 outside."""
        inside = (self.alpha > 0.5).astype(np.uint8)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        return np.asarray(np.minimum(depth, sum(self.size)), np.float32)  # without any edge it is infinite

    def texture(self, tile: Floats, scale: float = 1.0, turn: float = 0.0) -> Floats:
        """A texture that lies on the thing; ``scale`` in units for a pixel of the tile."""
        return sampled(tile, self.place, self.size, max(_FINEST, scale * self.unit), turn=turn)

    def blur(self, values: Floats, units: float) -> Floats:
        """A Gaussian blur of a standard deviation in units."""
        return np.asarray(cv2.GaussianBlur(values, (0, 0), max(0.3, units * self.unit)))

    def lines(self, units: float = 0.8, sharpness: float = 24.0, level: float = 0.012) -> Grey:
        """How dark a line is drawn at each pixel, 0..1, along dark edges and creases.

        An extended difference of Gaussians (Winnemöller, Kyprianidis and Olsen, "XDoG", 2012).
        """
        near, far = self.blur(self.luma, units), self.blur(self.luma, 1.6 * units)
        return np.asarray(np.clip(np.tanh(sharpness * (far - near - level)), 0, 1))

    def contour(self, units: Floats | float) -> Grey:
        """A line just inside of the thing's edge, of a width in units."""
        width = np.maximum(np.asarray(units, np.float32) * np.float32(self.unit), 0.8)
        return np.asarray(np.where(self.depth > 0, np.exp(-np.square(self.depth / width)), 1), np.float32)


@dataclass
class Painting(Effect):
    """A style.

    Attributes:
        strength: how much of it is mixed in.
        scale: size of strokes; 1 for what suits the picture.
    """

    strength: float = 1.0
    scale: float = 1.0
    _motion: Motion = field(default_factory=Motion, repr=False)
    _range: NDArray[np.float64] | None = field(default=None, repr=False)

    def apply(self, moment: Moment) -> Layer | None:
        """Paints one frame."""
        unit = max(0.25, self.scale * min(moment.size) / _DESIGNED_FOR)
        box = moment.near(round(_MARGIN * unit) + 2)
        if box is None:
            return None
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        picture = eight(moment.picture)
        self._motion.follow(moment.index, picture, moment.alpha, box)
        painted = self.paint(self._canvas(picture[part], moment.alpha[part], box, unit))
        steady = self._motion.steadied(painted)
        colours = like(steady, moment.picture.dtype)
        return Layer(colours, np.asarray(moment.alpha[part] * np.float32(self.strength)), box)

    def paint(self, canvas: Canvas) -> NDArray[np.uint8]:
        """(h, w, 3) uint8, the canvas painted."""
        raise NotImplementedError

    def _canvas(self, pixels: NDArray[np.uint8], alpha: Floats, box: Box, unit: float) -> Canvas:
        around = blurred(pixels, np.maximum(alpha, np.float32(1e-4)), max(3.0, 6 * unit))
        own = cv2.blendLinear(np.ascontiguousarray(pixels), around, alpha, 1 - alpha)
        shift = self._motion.place
        place = np.column_stack([shift[:, :2], shift[:, :2] @ np.array([box.x0, box.y0]) + shift[:, 2]])
        return Canvas(np.asarray(own), np.ascontiguousarray(alpha), unit, place)

    def tones(self, canvas: Canvas, low: float = 2, high: float = 98) -> tuple[float, float]:
        """The luma of the thing's darkest and brightest parts, steady over time."""
        sure = canvas.luma[canvas.alpha > 0.5]
        now = np.array([0.0, 1.0])
        if sure.size > _FEW:
            now = np.asarray(np.percentile(sure[::3], [low, high]), np.float64)
        before = now if self._range is None else self._range
        self._range = steady = _LAG * before + (1 - _LAG) * now
        dark, bright = float(steady[0]), float(steady[1])
        return dark, max(bright, dark + 0.15)


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, and a smooth way between."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def stepped(values: Floats, levels: int, softness: float = 0.3) -> Floats:
    """Values 0..1 in steps with soft edges, so that a little noise does not make them flicker."""
    fine = values * np.float32(levels)
    floor = np.floor(fine)
    half = softness / 2
    return np.asarray((floor + smoothstep(fine - floor, 0.5 - half, 0.5 + half)) / levels, np.float32)


def abstracted(
    pixels: NDArray[np.uint8], unit: float, colour: float = 28.0, rounds: int = 2
) -> NDArray[np.uint8]:
    """A picture without its small details, edges kept: bilateral filters at a size where they are quick."""
    height, width = pixels.shape[:2]
    step = max(1.0, 1.2 * unit)
    small = max(4, round(width / step)), max(4, round(height / step))
    image = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    for _ in range(rounds):
        image = cv2.bilateralFilter(image, 7, colour, 3.0)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC))


def as_pixels(values: Floats) -> NDArray[np.uint8]:
    """(h, w, 3) 0..1 as 8 bits."""
    return np.asarray(cv2.convertScaleAbs(np.clip(values, 0, 1), alpha=255.0))
