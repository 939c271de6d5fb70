"""White on black: where the objects are."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.sinks import DrawingSink
    from sa2va_cli.render.matte import draw_mask, draw_soft_mask

    if clip.drawing.soft or clip.drawing.feather:
        return DrawingSink(path, clip, lambda found: draw_soft_mask(found.alphas), "gray")
    return DrawingSink(path, clip, lambda found: draw_mask(found.masks), "gray")


KIND = OutputKind(
    "white on black.", _make, image=(".png",), finish="joined", content="mask", options=("soft",)
)
