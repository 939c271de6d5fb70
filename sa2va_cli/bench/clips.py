"""A clip to work on: the little park, filmed with a grainy camera."""

from fractions import Fraction
from pathlib import Path

from sa2va_cli.bench.pictures import FPS, GRAIN, park_pictures
from sa2va_cli.media.writer import VideoWriter


def write_park(path: Path, frames: int, size: tuple[int, int], grain: float = GRAIN) -> None:
    """Writes a clip of the park as H.264 with 24 frames per second, the same one every time.

    Args:
        path: the file to make.
        frames: how many.
        size: (width, height).
        grain: see ``GRAIN``.
    """
    time_base = Fraction(1, FPS)
    with VideoWriter(path, size=size, rate=Fraction(FPS), time_base=time_base) as writer:
        for number, picture in enumerate(park_pictures(frames, size, grain)):
            writer.write(picture, number, time_base)
