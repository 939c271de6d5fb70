"""The source with a tint, a contour and a name plate for each object."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.pictures import DrawingSink, labels_and_colours
    from sa2va_cli.render.overlay import draw_overlay

    labels, colours = labels_and_colours(objects)
    return DrawingSink(
        path, clip, lambda found: draw_overlay(found.frame.picture, found.masks, labels, colours), "h264"
    )


KIND = OutputKind("tint, contour and label.", _make)
