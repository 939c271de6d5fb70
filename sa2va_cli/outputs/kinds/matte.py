"""The objects cut out, with straight alpha."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sa2va_cli.datatypes import FrameMasks, Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.pictures import DrawingSink

    return DrawingSink(path, clip, _draw, "prores4444")


def _draw(found: "FrameMasks") -> "NDArray[np.uint16]":
    """The source's own numbers, at their depth, and no more opaque than it is."""
    from sa2va_cli.render.matte import draw_matte

    frame = found.frame
    colours = frame.image if frame.deep is None else frame.deep
    return draw_matte(colours, found.alphas, found.threshold, frame.alpha)


KIND = OutputKind("cut out with alpha (ProRes 4444 or PNG).", _make, video=(".mov", ".mkv"), image=(".png",))
