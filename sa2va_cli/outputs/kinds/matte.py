"""The objects cut out, with straight alpha."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.outputs.kind import Clip, Objects, OutputKind
from sa2va_cli.outputs.pictures import DrawingSink
from sa2va_cli.render.matte import draw_matte


def _make(path: Path, clip: Clip, _: Objects) -> Sink:
    return DrawingSink(
        path, clip, lambda found: draw_matte(found.frame.image, found.alphas, found.threshold), "prores4444"
    )


KIND = OutputKind("cut out with alpha (ProRes 4444 or PNG).", _make, video=(".mov", ".mkv"), image=(".png",))
