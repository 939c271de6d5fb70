"""The overlay, cut to the box that all objects of the whole clip lie in."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.pictures import CroppingSink, labels_and_colours
    from sa2va_cli.render.overlay import draw_overlay

    labels, colours = labels_and_colours(objects)
    return CroppingSink(path, clip, lambda image, masks: draw_overlay(image, masks, labels, colours), "h264")


KIND = OutputKind("the overlay around the objects.", _make)
