"""What a frame says of itself beside its pixels: which field is shown first, and how wide pixels are.

Encoders that code either for each picture take it from the frame, where PyAV has no field for it; FFmpeg's
filters do. Knows nothing about files.
"""

from fractions import Fraction
from typing import Any

import av

from sa2va_cli.media.fields import FieldOrder

ASPECT_IN_FRAMES = ("ffv1",)
"""Encoders that write the aspect of each frame's pixels (RFC 9043, 4.5), and no other."""


class FrameMarker:
    """Marks frames of one size and format.

    Args:
        order: which field is shown first; None for whole frames.
        aspect: width of a pixel over its height; None where that stays unsaid.
    """

    def __init__(self, order: FieldOrder | None = None, aspect: Fraction | None = None) -> None:
        self._filters: list[tuple[str, str]] = []
        if order is not None:
            self._filters.append(("setfield", {"top": "mode=tff", "bottom": "mode=bff"}[order]))
        if aspect is not None:
            self._filters.append(("setsar", f"{aspect.numerator}/{aspect.denominator}"))
        self._graph: Any = None

    def mark(self, frame: av.VideoFrame, time_base: Any) -> av.VideoFrame:
        """The same picture, marked; its time is for the caller to say."""
        frame.pts, frame.time_base = 0, time_base
        if self._graph is None:
            self._graph = av.filter.Graph()
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=time_base
            )
            filters = [self._graph.add(name, options) for name, options in self._filters]
            self._graph.link_nodes(source, *filters, self._graph.add("buffersink")).configure()
        self._graph.vpush(frame)
        marked: av.VideoFrame = self._graph.vpull()
        return marked
