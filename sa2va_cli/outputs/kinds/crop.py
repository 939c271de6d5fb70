"""The overlay or the clean picture, cut to a box around the objects."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import TINTING, Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.kinds.overlay import overlay_drawer
    from sa2va_cli.outputs.sinks import CroppingSink

    if clip.drawing.crop_clean:
        return CroppingSink(path, clip, lambda picture, _: picture, "h264")
    return CroppingSink(path, clip, overlay_drawer(clip, objects), "h264")


KIND = OutputKind(
    "the overlay, or the clean picture, around the objects.",
    _make,
    content="colour",
    options=(*TINTING, "crop_mode", "crop_padding", "crop_aspect", "crop_clean"),
)
