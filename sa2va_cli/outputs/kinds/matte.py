"""The objects cut out, with straight alpha."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import ALPHA_VIDEO_ENDINGS, Objects, OutputKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from sa2va_cli.datatypes import Frame, FrameMasks, Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.sinks import DrawingSink

    return DrawingSink(path, clip, drawer(clip), "prores4444", layered=True)


def finest(frame: "Frame") -> "NDArray[np.uint8] | NDArray[np.uint16]":
    """The source's own numbers, at their depth."""
    return frame.finest


def tone_mapped(frame: "Frame") -> "NDArray[np.uint8]":
    """High dynamic range as it is seen on a usual display."""
    return frame.image


def _must_be_plain(clip: "Clip") -> bool:
    """Whether high dynamic range has to be tone-mapped, as the output cannot say what its numbers mean."""
    colour, form = clip.info.colour, clip.form
    if form is None or colour is None or not colour.high_range:
        return False
    return form.codec != "prores4444" and not form.is_exr


def drawer(
    clip: "Clip", colours: "Callable[[Frame], NDArray[np.uint8] | NDArray[np.uint16]] | None" = None
) -> "Callable[[FrameMasks], NDArray[np.uint16]]":
    """What cuts the objects out of a frame, no more opaque than the source is by itself.

    Args:
        clip: the input, and how it is drawn.
        colours: gives the numbers of a frame, (H, W, 3); None for the finest that the output can hold.
    """
    from sa2va_cli.render.matte import draw_matte
    from sa2va_cli.render.refine.matte import draw_refined_matte

    numbers = colours or (tone_mapped if _must_be_plain(clip) else finest)

    def draw_plain(found: "FrameMasks") -> "NDArray[np.uint16]":
        return draw_matte(numbers(found.frame), found.alphas, found.threshold, found.frame.alpha)

    def draw_refined(found: "FrameMasks") -> "NDArray[np.uint16]":
        alpha = found.alphas.max(axis=0, initial=0)
        return draw_refined_matte(numbers(found.frame), alpha, found.frame.alpha)

    drawing = clip.drawing
    return draw_plain if drawing.refinement("alpha") == "none" and not drawing.feather else draw_refined


KIND = OutputKind(
    "cut out with alpha.",
    _make,
    video=ALPHA_VIDEO_ENDINGS,
    image=(".png",),
    finish="alpha",
    content="alpha",
)
