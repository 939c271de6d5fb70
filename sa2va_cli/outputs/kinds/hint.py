"""A coarse matte for keyers that refine one: eroded and blurred, never wider than the objects."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.sinks import DrawingSink
    from sa2va_cli.render.hint import draw_hint

    return DrawingSink(path, clip, lambda found: draw_hint(found.masks), "gray")


KIND = OutputKind(
    "eroded and blurred mask, for keyers.", _make, image=(".png",), finish="joined", content="mask"
)
