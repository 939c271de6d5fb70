"""Video of high dynamic range as ordinary video, before anything is drawn on it.

The picture is the one that the network sees, with 16 bits where an output has room for them. Knows nothing
about outputs.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.colour import finely_tone_mapped
from sa2va_cli.datatypes import Frame, FrameMasks


def tone_mapped(masks: FrameMasks, *, finely: bool) -> FrameMasks:
    """The same masks on a frame whose numbers are those of BT.709.

    Args:
        masks: on a frame of high dynamic range.
        finely: whether colours of more than 8 bits will be asked for.
    """
    frame, every = masks.frame, range(len(masks))
    if frame.stored is None or frame.stored.colour.high_range is None:
        return masks
    colour = frame.stored.colour
    deep = None
    if finely:
        deep = finely_tone_mapped(frame.stored.rgb, colour.transfer, wide_gamut=colour.wide_gamut)
    return replace(masks.of(every), frame=_plain(frame, deep), around=masks.around)


def _plain(frame: Frame, deep: NDArray[np.uint16] | None) -> Frame:
    """A frame without the source's own code values."""
    return Frame(
        frame.index,
        frame.pts,
        frame.time_base,
        frame.image,
        name=frame.name,
        source_index=frame.source_index,
        file_name=frame.file_name,
        alpha=frame.alpha,
        shown_for=frame.shown_for,
        deep=deep,
    )
