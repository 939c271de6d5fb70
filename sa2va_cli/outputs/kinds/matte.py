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

    plain = _must_be_plain(clip)
    return DrawingSink(path, clip, lambda found: _draw(found, plain=plain), "prores4444", layered=True)


def _must_be_plain(clip: "Clip") -> bool:
    """Whether high dynamic range has to be tone-mapped, as the output cannot say what its numbers mean."""
    colour, form = clip.info.colour, clip.form
    if form is None or colour is None or not colour.high_range:
        return False
    return form.codec != "prores4444" and not form.is_exr


def _draw(found: "FrameMasks", *, plain: bool) -> "NDArray[np.uint16]":
    """The source's own numbers, at their depth, and no more opaque than it is."""
    from sa2va_cli.render.matte import draw_matte

    frame = found.frame
    return draw_matte(frame.image if plain else frame.finest, found.alphas, found.threshold, frame.alpha)


KIND = OutputKind("cut out with alpha.", _make, video=(".mov", ".mkv"), image=(".png",), content="alpha")
