"""The source with its matte below or beside it: video with alpha for players that know none."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from sa2va_cli.datatypes import FrameMasks, Sink, Yuv420
    from sa2va_cli.outputs.clip import Clip
    from sa2va_cli.outputs.pictures import Pixels


_CODEC = "h264"


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.kinds.matte import drawer, tone_mapped
    from sa2va_cli.outputs.sinks import DrawingSink

    beside = clip.form is not None and clip.form.stacking == "beside"
    width, height = clip.info.size
    size = (2 * width, height) if beside else (width, 2 * height)
    cut = drawer(clip, tone_mapped)
    return DrawingSink(path, clip, lambda found: _draw(found, cut, clip, beside=beside), _CODEC, size)


def _draw(
    found: "FrameMasks", cut: "Callable[[FrameMasks], Pixels]", clip: "Clip", *, beside: bool
) -> "Pixels | Yuv420":
    import numpy as np

    from sa2va_cli.colour import eight_bits
    from sa2va_cli.datatypes import Yuv420
    from sa2va_cli.media.encodings import ENCODINGS

    frame, axis = found.frame, 1 if beside else 0
    alpha = cut(found)[..., 3]
    encoding = ENCODINGS[(clip.form and clip.form.codec) or _CODEC]
    own = clip.canvas(frame)
    if isinstance(own, Yuv420) and own.depth <= encoding.plane_bits and not own.colour.high_range:
        return _stacked_planes(own, alpha, axis)
    if isinstance(own, Yuv420):  # players that know no alpha know no high range either
        own = frame.finest if encoding.keeps_codes else frame.image
    grey = alpha if own.dtype == np.uint16 else eight_bits(alpha)
    return np.concatenate([own, np.dstack([grey] * 3)], axis=axis)


def _stacked_planes(picture: "Yuv420", alpha: "NDArray[np.uint16]", axis: int) -> "Yuv420":
    """The source's own code values, and alpha as luma of their depth and range."""
    from dataclasses import replace

    import numpy as np

    from sa2va_cli.colour import FULL

    step = 2 ** (picture.depth - 8)
    black, white = (0, 256 * step - 1) if picture.colour.full_range else (16 * step, 235 * step)
    grey = np.rint(black + alpha * np.float32((white - black) / FULL)).astype(picture.luma.dtype)
    neutral = np.full_like(picture.blue, 128 * step)
    luma = np.concatenate([picture.luma, grey], axis=axis)
    blue, red = (np.concatenate([plane, neutral], axis=axis) for plane in (picture.blue, picture.red))
    return replace(picture, luma=luma, blue=blue, red=red)


KIND = OutputKind(
    "the source above its matte.", _make, finish="alpha", content="colour", options=("stacking",)
)
