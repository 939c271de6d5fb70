"""The objects on a colour, the blurred source, another picture, or nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sa2va_cli.datatypes import RGB, Frame, FrameMasks, Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.kinds.matte import drawer
    from sa2va_cli.outputs.sinks import DrawingSink
    from sa2va_cli.render.cutout import laid_over

    if clip.drawing.is_transparent:
        return DrawingSink(path, clip, drawer(clip), "prores4444", layered=True)
    cut, ground = drawer(clip, _eight_bits), _ground(clip)

    def draw(found: "FrameMasks") -> "RGB":
        matte = cut(found)
        return laid_over(matte, ground(found.frame, matte[..., 3]))

    return DrawingSink(path, clip, draw, "h264")


def _eight_bits(frame: "Frame") -> "RGB":
    """The source's own numbers where it has others than what is seen; pictures keep their profile."""
    import numpy as np

    return frame.image if frame.deep is None else ((frame.deep + 128.0) // 257).astype(np.uint8)


def _ground(clip: "Clip") -> "Callable[..., RGB]":
    """What makes the ground of a frame, given it and the alpha of what stands there."""
    import numpy as np

    from sa2va_cli.media.images import read_image
    from sa2va_cli.render.cutout import blurred_ground, covering
    from sa2va_cli.render.palette import colour_of

    background = clip.drawing.cutout_background
    if background == "blur":
        return lambda frame, alpha: blurred_ground(_eight_bits(frame), alpha)
    image = clip.drawing.background_image
    if image is not None:
        behind = covering(read_image(Path(image)), clip.info.size)
        return lambda *_: behind
    width, height = clip.info.size
    plain = np.full((height, width, 3), colour_of(background), np.uint8)
    return lambda *_: plain


KIND = OutputKind(
    "objects on a colour, a blur, an image or nothing.",
    _make,
    finish="alpha",
    transparent=lambda drawing: drawing.is_transparent,
    content="colour",
    options=("cutout_background",),
)
