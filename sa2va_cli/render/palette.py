"""Colours that tell objects apart, for the common kinds of colour blindness too.

Knows nothing about pictures or masks.
"""

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
