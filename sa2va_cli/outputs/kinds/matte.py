"""The objects cut out, with straight alpha."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import ALPHA_VIDEO_ENDINGS, Objects, OutputKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sa2va_cli.datatypes import FrameMasks, Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.pictures import DrawingSink

    return DrawingSink(path, clip, drawer(clip), "prores4444")


def drawer(clip: "Clip") -> "Callable[[FrameMasks], NDArray[np.uint16]]":
    """What cuts the objects out of a frame.

    Colours are the source's own numbers, at their depth, and nothing is more opaque than it is there.
    """
    from sa2va_cli.render.matte import draw_matte
    from sa2va_cli.render.refine.matte import draw_refined_matte

    def draw_plain(found: "FrameMasks") -> "NDArray[np.uint16]":
        return draw_matte(found.frame.finest, found.alphas, found.threshold, found.frame.alpha)

    def draw_refined(found: "FrameMasks") -> "NDArray[np.uint16]":
        alpha = found.alphas.max(axis=0, initial=0)
        return draw_refined_matte(found.frame.finest, alpha, found.frame.alpha)

    drawing = clip.drawing
    return draw_plain if drawing.refinement("alpha") == "none" and not drawing.feather else draw_refined


KIND = OutputKind(
    "cut out with alpha (ProRes 4444 or PNG).",
    _make,
    video=ALPHA_VIDEO_ENDINGS,
    image=(".png",),
    finish="alpha",
)
