"""Name plates: a text on its object's colour, put where it hides nothing it need not hide."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont

from sa2va_cli.render.crop import Box
from sa2va_cli.render.fonts import font_for
from sa2va_cli.render.palette import Colour

_SMALLEST_LETTERS = 12
_LETTERS_SHARE = 0.03
_OVERSAMPLING = 4


def letter_size(width: int, height: int) -> int:
    """Returns the size of a label's letters in pixels for a picture of this size."""
    short = min(width, height)
    return max(6, min(max(_SMALLEST_LETTERS, round(_LETTERS_SHARE * short)), short // 6))


def widest_plate(width: int, letters: int) -> int:
    """Returns how wide a plate may be on a picture ``width`` pixels wide."""
    return max(1, round(min(0.92 * width, max(0.6 * width, 16 * letters))))


@lru_cache(maxsize=256)
def plate(
    text: str, number: int, colour: Colour, letters: int, widest: int, font_file: str | None = None
) -> NDArray[np.uint8]:
    """Draws a name plate.

    Args:
        text: what it says; shortened with dots where it would be too wide.
        number: what it says as ``#number`` when no font of this machine can write ``text``.
        colour: the plate's colour; the letters are dark or light, whichever reads better.
        letters: size of the letters in pixels.
        widest: the greatest width of the plate in pixels.
        font_file: the font that is tried first; None for those of this machine.

    Returns:
        (h, w, 4) uint8 straight RGBA, read-only because it is kept for the next frame.

    Raises:
        RuntimeError: Pillow cannot draw letters at all.
    """
    text, font = _writable(text, number, letters, font_file)
    inset = round(0.45 * letters)
    text = _shortened(text, font, widest - 2 * inset)
    size = (int(np.ceil(font.getlength(text))) + 2 * inset, round(1.5 * letters))
    picture = Image.new("RGBA", size, (*colour, 0))
    picture.putalpha(_rounded(size, 0.35 * letters))
    ink = (20, 20, 20) if _luminance(colour) > 0.3 else (255, 255, 255)
    top, bottom = font.getbbox("H")[1], font.getbbox("H")[3]
    baseline = (size[1] + (bottom - top)) / 2
    letters_alpha = Image.new("L", size, 0)
    ImageDraw.Draw(letters_alpha).text((inset, baseline), text, fill=255, font=font, anchor="ls")
    picture.paste(Image.new("RGB", size, ink), mask=letters_alpha)
    pixels = np.array(picture)
    pixels.flags.writeable = False
    return pixels


def can_write(text: str, font_file: str | None = None) -> bool:
    """Whether a font has all letters of a text."""
    return font_for(" ".join(text.split()), _SMALLEST_LETTERS, font_file) is not None


def _writable(text: str, number: int, letters: int, font_file: str | None) -> tuple[str, FreeTypeFont]:
    """Returns ``text`` on one line, or else ``#number``, with a font that can write it."""
    for words in (" ".join(text.split()), f"#{number}"):
        font = font_for(words, letters, font_file)
        if words and font is not None:
            return words, font
    raise RuntimeError("Pillow was built without FreeType, so no label can be drawn; install its wheel")


def place(size: tuple[int, int], box: Box, picture: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Finds where a plate goes: above its object, within the picture, clear of the other plates.

    Args:
        size: width and height of the plate.
        box: the box of its object.
        picture: width and height of the picture.
        taken: where other plates are.

    Returns:
        The plate's box. Where every place is taken, the one with the least overlap.
    """
    width, height = size
    edge = max(0, min(height // 5, (picture[0] - width) // 2))
    best, least = Box(0, 0, width, height), float("inf")
    for x, y in _candidates(size, box):
        if y < 0 or y + height > picture[1]:
            continue
        left = max(edge, min(x, picture[0] - edge - width))
        here = Box(left, y, left + width, y + height)
        overlap = sum(here.shared_area(other) for other in taken)
        if overlap < least:
            best, least = here, overlap
        if overlap == 0:
            break
    return best


def _candidates(size: tuple[int, int], box: Box) -> Iterator[tuple[int, int]]:
    """Yields corners for a plate, the best first: above, inside where there is room, below, beside, away."""
    width, height = size
    gap = max(2, height // 5)
    above, below = box.y0 - gap - height, box.y1 + gap
    inside = (box.y0 + gap, box.y1 - gap - height)
    roomy = box.size[1] >= 3 * height
    middle = (box.x0 + box.x1 - width) // 2
    for y in (above, *inside, below) if roomy else (above, below):
        for x in (middle, box.x0, box.x1 - width):
            yield x, y
    centre = (box.y0 + box.y1 - height) // 2
    yield box.x1 + gap, centre
    yield box.x0 - gap - width, centre
    for row in range(1, 6):
        step = row * (height + gap)
        yield middle, above - step
        yield middle, below + step
    for y in inside:
        yield middle, y


def _shortened(text: str, font: FreeTypeFont, widest: int) -> str:
    """Cuts the end of ``text`` off, so that it and three dots fit into ``widest`` pixels."""
    if len(text) <= widest and font.getlength(text) <= widest:
        return text
    # Found by halving, and no letter is narrower than a pixel: prompts may be as long as a page.
    ends = range(1, min(len(text), max(widest, 0)) + 1)
    room: float = widest
    kept = bisect_right(ends, room, key=lambda end: font.getlength(text[:end].rstrip() + "..."))
    return text[:kept].rstrip() + "..." if kept else ""


def _rounded(size: tuple[int, int], radius: float) -> Image.Image:
    """Draws a rectangle with smooth round corners as a grey picture."""
    large = Image.new("L", (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING), 0)
    corner = (large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, *corner), radius * _OVERSAMPLING, fill=235)
    return large.resize(size, Image.Resampling.BOX)


def _luminance(colour: Colour) -> float:
    """Relative luminance, 0..1 (WCAG 2.2, with a plain 2.2 gamma)."""
    red, green, blue = ((part / 255) ** 2.2 for part in colour)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
