"""The objects cut out, with straight alpha."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FrameMasks, Sink
from sa2va_cli.outputs.kind import Clip, Objects, OutputKind
from sa2va_cli.outputs.pictures import DrawingSink
from sa2va_cli.render.matte import draw_matte


def _make(path: Path, clip: Clip, _: Objects) -> Sink:
    return DrawingSink(path, clip, _draw, "prores4444")


def _draw(found: FrameMasks) -> NDArray[np.uint16]:
    """The source's own numbers, at their depth, and no more opaque than it is."""
    frame = found.frame
    colours = frame.image if frame.deep is None else frame.deep
    return draw_matte(colours, found.alphas, found.threshold, frame.alpha)


KIND = OutputKind("cut out with alpha (ProRes 4444 or PNG).", _make, video=(".mov", ".mkv"), image=(".png",))
