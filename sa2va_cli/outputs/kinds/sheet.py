"""A contact sheet: the overlay on a dozen frames spread over the clip, as one picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import TINTING, Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.sheet import SheetSink

    return SheetSink(path, clip, objects)


KIND = OutputKind(
    "a contact sheet of overlays (PNG).",
    _make,
    video=(".png",),
    image=(".png",),
    frames=(".png",),
    options=TINTING,
)
