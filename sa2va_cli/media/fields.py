"""Interlaced video: which of a frame's two fields is shown first, as it is read and as it is written.

Pictures of interlaced video stay as they are, both fields woven into one; what is made of them says so. Knows
nothing about files.
"""

from typing import Any, Literal

import av
from av.codec.context import Flags

FieldOrder = Literal["top", "bottom"]

_NUMBERS: dict[FieldOrder, int] = {"top": 2, "bottom": 3}
"""FFmpeg's ``AV_FIELD_TT`` and ``AV_FIELD_BB`` (libavcodec/defs.h)."""

_CODED_APART = ("libx264", "prores_ks")
"""Encoders that code the fields of a frame apart; others leave it to the container to speak of them."""
_ENCODERS = (*_CODED_APART, "ffv1")
_ENDINGS = (".mov", ".mp4", ".m4v", ".mkv")


def field_order_of(frame: Any) -> FieldOrder | None:
    """Which field of a decoded frame is shown first; None for progressive ones.

    It is asked of the frame, through a filter: containers and FFmpeg's parsers are silent or wrong at times.
    """
    if not frame.interlaced_frame:
        return None
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    upper = graph.add("select", "eq(interlace_type,TOPFIRST)")
    graph.link_nodes(source, upper, graph.add("buffersink")).configure()
    graph.vpush(frame)
    try:
        graph.vpull()
    except av.BlockingIOError:
        return "bottom"
    return "top"


def can_say(encoder: str, ending: str, frame: av.VideoFrame) -> bool:
    """Whether files of an encoder with an ending tell the field order of frames like this one."""
    if encoder == "libx264" and frame.height % (4 if frame.format.name.startswith("yuv420") else 2):
        return False  # H.264 codes fields of whole rows of colour
    return encoder in _ENCODERS and ending in _ENDINGS


def prepare(context: Any, order: FieldOrder) -> None:
    """Tells an encoder, which is not open yet, of the fields."""
    context.field_order = _NUMBERS[order]
    if context.codec.name in _CODED_APART:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
