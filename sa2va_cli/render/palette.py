"""Colours that tell objects apart, for the common kinds of colour blindness too.

Knows nothing about pictures or masks.
"""

import re
from collections.abc import Mapping

Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255."""

_COLOURS: tuple[Colour, ...] = (
    (0, 158, 255),  # azure
    (255, 138, 0),  # orange
    (230, 60, 180),  # magenta
    (240, 228, 66),  # yellow
    (0, 190, 140),  # bluish green
    (140, 90, 255),  # violet
    (225, 50, 40),  # vermilion
    (130, 225, 255),  # pale blue
    (165, 215, 60),  # lime
    (255, 165, 205),  # pink
    (0, 95, 190),  # deep blue
    (160, 105, 50),  # brown
)
"""In the spirit of Okabe and Ito's set (*Color Universal Design*, 2008), brighter so that they carry as a
tint. Neighbours differ in lightness or along blue-yellow, which red-green blindness leaves intact."""


def colour(object_index: int) -> Colour:
    """Returns the colour of an object; the set repeats after its end.

    Args:
        object_index: place of the object among those of the run, from 0.

    Returns:
        (red, green, blue), each 0..255.
    """
    return _COLOURS[object_index % len(_COLOURS)]


NAMED_COLOURS: Mapping[str, Colour] = {
    "azure": _COLOURS[0],
    "orange": _COLOURS[1],
    "magenta": _COLOURS[2],
    "yellow": _COLOURS[3],
    "violet": _COLOURS[5],
    "red": (255, 0, 0),
    "green": (0, 177, 64),
    "blue": (0, 71, 187),
    "cyan": (0, 255, 255),
    "lime": (0, 255, 0),
    "pink": _COLOURS[9],
    "brown": _COLOURS[11],
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "black": (0, 0, 0),
}
"""Colours that people can name; green and blue are those of studios' screens."""


def colour_of(text: str) -> Colour | None:
    """Reads a colour: a name of ``NAMED_COLOURS``, ``#rrggbb`` or ``#rgb``; None for what is none."""
    text = text.strip().lower()
    if text in NAMED_COLOURS:
        return NAMED_COLOURS[text]
    digits = text.removeprefix("#")
    if digits == text or re.fullmatch(r"[0-9a-f]{3}|[0-9a-f]{6}", digits) is None:
        return None
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue
