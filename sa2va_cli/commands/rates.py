"""Rates of video, as people and programs read them."""

from fractions import Fraction

_NTSC = 1001
"""Denominator of the rates that analogue television left behind: 30000/1001 and its like (SMPTE ST 12-1)."""


def rate_text(rate: Fraction) -> str:
    """Writes frames per second for people.

    Args:
        rate: exact.

    Returns:
        ``24 fps``, ``30000/1001 (29.97) fps``; where the exact one says nothing, as the mean of an uneven
        clip does, ``29.942 fps``.
    """
    decimal = f"{float(rate):.3f}".rstrip("0").rstrip(".")
    if rate.denominator == _NTSC:
        return f"{rate} ({decimal}) fps"
    return f"{decimal} fps"
