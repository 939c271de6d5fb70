"""The source with a tint, a contour and a name plate for each object."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import TINTING, Objects, OutputKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip
    from sa2va_cli.outputs.pictures import Picture


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.sinks import DrawingSink

    draw = overlay_drawer(clip, objects)
    return DrawingSink(path, clip, lambda found: draw(clip.canvas(found.frame), found.masks), "h264")


def overlay_drawer(clip: "Clip", objects: Objects) -> "Callable[[Picture, NDArray[np.bool_]], Picture]":
    """What shows objects on a picture, as the options ask for; warns where a name cannot be written."""
    from sa2va_cli.render.labels import can_write
    from sa2va_cli.render.overlay import Style, draw_overlay
    from sa2va_cli.render.palette import colour

    drawing = clip.drawing
    chosen = drawing.object_colours
    colours = [chosen[(one.id - 1) % len(chosen)] if chosen else colour(one.id - 1) for one in objects]
    labels = ["" if drawing.no_labels else one.label for one in objects]
    for place, label in enumerate(labels, 1):
        if label and not can_write(label, drawing.font):
            clip.reader.warn(
                f"no font here has the letters of {label!r}, which is drawn as #{place}; "
                "name one that has them with --font FILE"
            )
    style = Style(drawing.opacity, drawing.contour_width, drawing.font)
    return lambda picture, masks: draw_overlay(picture, masks, labels, colours, style)


KIND = OutputKind("tint, contour and label.", _make, content="colour", options=TINTING)
