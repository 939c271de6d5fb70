"""The source with its matte below or beside it: video with alpha for players that know none."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sa2va_cli.datatypes import FrameMasks, Sink
    from sa2va_cli.outputs.clip import Clip
    from sa2va_cli.outputs.pictures import Pixels


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.kinds.matte import drawer, tone_mapped
    from sa2va_cli.outputs.pictures import DrawingSink

    beside = clip.form is not None and clip.form.stacking == "beside"
    width, height = clip.info.size
    size = (2 * width, height) if beside else (width, 2 * height)
    cut = drawer(clip, tone_mapped)
    return DrawingSink(path, clip, lambda found: _draw(found, cut, beside=beside), "h264", size)


def _draw(found: "FrameMasks", cut: "Callable[[FrameMasks], Pixels]", *, beside: bool) -> "Pixels":
    import numpy as np

    from sa2va_cli.datatypes import Yuv420

    frame = found.frame
    picture = frame.image if isinstance(frame.picture, Yuv420) else frame.picture
    alpha = cut(found)[..., 3]
    grey = ((alpha.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.concatenate([picture, np.dstack([grey] * 3)], axis=1 if beside else 0)


KIND = OutputKind("the source above its matte.", _make, finish="alpha", content="colour")
