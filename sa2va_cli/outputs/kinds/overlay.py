"""The source with a tint, a contour and a name plate for each object."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import TINTING, Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.pictures import DrawingSink, overlay_drawer

    draw = overlay_drawer(clip, objects)
    return DrawingSink(path, clip, lambda found: draw(clip.canvas(found.frame), found.masks), "h264")


KIND = OutputKind("tint, contour and label.", _make, content="colour", options=TINTING)
