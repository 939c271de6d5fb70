"""White on black: where the objects are."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.outputs.kind import Clip, Objects, OutputKind
from sa2va_cli.outputs.pictures import DrawingSink
from sa2va_cli.render.matte import draw_mask


def _make(path: Path, clip: Clip, _: Objects) -> Sink:
    return DrawingSink(path, clip, lambda found: draw_mask(found.masks), "gray")


KIND = OutputKind("white on black.", _make, image=(".png",))
