"""Another background behind the target, whose own colours are kept free of the old one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.colour_words import named_colour
from sa2va_cli.render.effects.compositing import whole
from sa2va_cli.render.effects.effect import Effect, Floats, Layer, Moment, Pixels
from sa2va_cli.render.effects.light import coded, shown_colour
from sa2va_cli.render.effects.plates import OpenPlate, Plate
from sa2va_cli.render.effects.redact import blurred
from sa2va_cli.render.effects.tones import LUMA
from sa2va_cli.render.palette import Colour
from sa2va_cli.render.refine.foreground import edge_colours

_BLUR_SHARE = 0.03
"""Standard deviation of a blurred background where none is given, of the picture's short side."""

_TOP = 255.0

Behind = Callable[[Moment], Pixels]
"""Gives what lies behind the target, (H, W, 3) of the picture's type."""


@dataclass
class Background(Effect):
    """Another background.

    Attributes:
        plate: a colour, ``blur``, ``blur=PIXELS``, ``grey``, ``transparent``, or a file.
        fit: ``cover``, ``contain`` or ``stretch``.
        end: ``loop`` or ``hold``.
        open_plate: opens files.

    Raises:
        InputError: the file cannot be read.
        UsageError: the blur is no number.
    """

    plate: str
    fit: str
    end: str
    open_plate: OpenPlate = field(repr=False)
    _begin: float | None = None

    def __post_init__(self) -> None:
        self._behind = self._chosen()

    def _chosen(self) -> Behind | None:
        word = self.plate.strip().lower()
        if word == "transparent":
            return None
        if word in ("grey", "gray"):
            return _in_grey
        if word == "blur" or word.startswith("blur="):
            return _Blurred(word)
        colour = named_colour(word)
        if colour is not None:
            return lambda moment: _plain(moment, colour)
        plate = self.open_plate(self.plate.strip())
        return lambda moment: self._shown(moment, plate)

    def _shown(self, moment: Moment, plate: Plate) -> Pixels:
        if self._begin is None:
            self._begin = moment.seconds
        picture = plate(moment.seconds - self._begin, loop=self.end == "loop")
        fitted = _fitted(picture, moment.size, self.fit)
        if moment.transfer == 2 and moment.picture.dtype == np.uint8:
            return fitted
        return coded(_signals(fitted, moment), moment.picture.dtype)

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame; what is all the target's stays as it is."""
        if self._behind is None:
            return None
        colours = np.array(self._behind(moment), order="C")
        alpha = moment.alpha
        soft = (alpha > 0) & (alpha < 1)
        if soft.any():
            under, share = colours[soft].astype(np.float32), alpha[soft][:, None]
            laid = under + share * (edge_colours(moment.picture, alpha) - under)
            colours[soft] = np.rint(laid).astype(colours.dtype)
        outside = np.less(alpha, 1).astype(np.float32)
        return Layer(colours, outside, whole(outside.shape))


class _Blurred:
    """The source out of focus; the target's colours do not flow into it."""

    def __init__(self, word: str) -> None:
        self._radius: float | None = None
        given = word.removeprefix("blur").removeprefix("=").removesuffix("px").strip()
        if not given:
            return
        try:
            self._radius = float(given)
        except ValueError:
            self._radius = -1
        if not 0 < self._radius < 1000:
            raise UsageError(
                f"effect background: blur must be a number of pixels above 0, up to 1000, got {given!r}"
            )

    def __call__(self, moment: Moment) -> Pixels:
        radius = self._radius or max(1.0, _BLUR_SHARE * min(moment.size))
        return blurred(moment.picture, np.where(moment.alpha > 0, np.float32(0), np.float32(1)), radius)


def _in_grey(moment: Moment) -> Pixels:
    return np.asarray(cv2.transform(moment.picture, np.tile(LUMA, (3, 1))))


def _plain(moment: Moment, colour: Colour) -> Pixels:
    one = coded(shown_colour(colour, moment)[None, None], moment.picture.dtype)
    return np.tile(one, (*moment.alpha.shape, 1))


def _signals(picture: Pixels, moment: Moment) -> Floats:
    """A plate's colours as signals of the clip, 0..1."""
    from sa2va_cli.colour import in_high_range

    shown = in_high_range(picture, moment.transfer, wide_gamut=moment.wide_gamut)
    return np.asarray(shown / _TOP, np.float32)


def _fitted(picture: Pixels, size: tuple[int, int], fit: str) -> Pixels:
    """A plate at the picture's size: cut, with black beside it, or out of shape."""
    width, height = picture.shape[1], picture.shape[0]
    if (width, height) == size:
        return picture
    across, down = size[0] / width, size[1] / height
    if fit == "stretch":
        sides = size
    else:
        scale = max(across, down) if fit == "cover" else min(across, down)
        sides = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if sides[0] < width else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(picture, sides, interpolation=method))
    left, top = (sides[0] - size[0]) // 2, (sides[1] - size[1]) // 2
    if fit == "contain":
        laid = np.zeros((size[1], size[0], 3), picture.dtype)
        laid[-top : sides[1] - top, -left : sides[0] - left] = scaled
        return laid
    top, left = max(0, min(top, sides[1] - size[1])), max(0, min(left, sides[0] - size[0]))
    return np.ascontiguousarray(scaled[top : top + size[1], left : left + size[0]])
