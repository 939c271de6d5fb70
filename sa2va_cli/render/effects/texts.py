"""Text that goes along with a target, or stands below while it is seen; drawn as in the overlay."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import UsageError
from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.effect import Effect, Layer, Moment
from sa2va_cli.render.effects.light import coded
from sa2va_cli.render.labels import can_write, letter_size, place, plate, widest_plate
from sa2va_cli.render.palette import Colour

_CAPTION_SIZE = 1.5
"""Letters of a caption, in those of a label."""

_CAPTION_HEIGHT = 0.06
"""Room below a caption, in heights of the picture (EBU R 95: graphics keep 5 % of the picture free)."""

_DARK: Colour = (24, 24, 24)


def _check_letters(effect: str, text: str | None, font: str | None) -> None:
    if font is not None and not Path(font).is_file():
        raise UsageError(f"effect {effect}: font must be a font file, got {font!r}")
    if text is not None and not can_write(text, font):
        raise UsageError(
            f"effect {effect}: no font here has the letters of {text!r}; name one that has them: font=FILE"
        )


def _laid(plate_: NDArray[np.uint8], spot: Box, moment: Moment) -> Layer:
    """A name plate, (h, w, 4) uint8, as a layer; what hangs over the picture's edge is cut."""
    width, height = moment.size
    x0, y0 = max(0, spot.x0), max(0, spot.y0)
    box = Box(x0, y0, max(x0, min(spot.x1, width)), max(y0, min(spot.y1, height)))
    part = plate_[y0 - spot.y0 :, x0 - spot.x0 :][: box.size[1], : box.size[0]]
    share = np.asarray(part[..., 3] / 255, np.float32)
    if moment.transfer == 2:
        colours = coded(part[..., :3].astype(np.float32) / 255, moment.picture.dtype)
    else:
        from sa2va_cli.colour import in_high_range

        shown = in_high_range(part[..., :3], moment.transfer, wide_gamut=moment.wide_gamut)
        colours = coded(np.asarray(shown / 255, np.float32), moment.picture.dtype)
    return Layer(np.ascontiguousarray(colours), share, box)


@dataclass
class Label(Effect):
    """A name plate beside the target.

    Attributes:
        text: what it says; the names of the objects that are seen for None.
        colour: of the plate.
        font: file of the font; None for one of this computer.

    Raises:
        UsageError: no font has the letters.
    """

    text: str | None
    colour: Colour
    font: str | None = None

    def __post_init__(self) -> None:
        _check_letters("label", self.text, self.font)

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame."""
        box = moment.box
        if box is None:
            return None
        width, height = moment.size
        letters = letter_size(width, height)
        widest = widest_plate(width, letters)
        name = plate(self.text or _names(moment), 1, self.colour, letters, widest, self.font)
        return _laid(name, place((name.shape[1], name.shape[0]), box, (width, height), []), moment)


def _names(moment: Moment) -> str:
    """The names of those objects that the target is made of."""
    seen = [one.label for one in moment.objects if np.any((one.alpha > 0.5) & (moment.alpha > 0.5))]
    return ", ".join(dict.fromkeys(seen)) or "?"


@dataclass
class Caption(Effect):
    """A line of text at the bottom of the picture.

    Attributes:
        text: what it says.
        colour: of the letters.
        font: file of the font; None for one of this computer.

    Raises:
        UsageError: no font has the letters.
    """

    text: str
    colour: Colour
    font: str | None = None

    def __post_init__(self) -> None:
        _check_letters("caption", self.text, self.font)

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame, where the target is seen."""
        if moment.box is None:
            return None
        width, height = moment.size
        letters = max(8, round(_CAPTION_SIZE * letter_size(width, height)))
        band = np.array(plate(self.text, 1, _DARK, letters, round(0.9 * width), self.font))
        band = _recoloured(band, self.colour)
        tall, wide = band.shape[:2]
        x, y = (width - wide) // 2, height - round(_CAPTION_HEIGHT * height) - tall
        return _laid(band, Box(max(0, x), max(0, y), max(0, x) + wide, max(0, y) + tall), moment)


def _recoloured(band: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    """White letters on a dark plate in another colour."""
    share = (band[..., :3].astype(np.float32) - _DARK[0]) / (255 - _DARK[0])
    mixed = _DARK[0] + share * (np.array(colour, np.float32) - _DARK[0])
    return np.dstack([np.clip(np.rint(mixed), 0, 255).astype(np.uint8), band[..., 3]])
