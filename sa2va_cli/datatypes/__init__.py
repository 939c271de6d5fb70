"""The values that travel between rooms, and the protocols that rooms fulfil.

Knows nothing about files, networks or terminals.
"""

from sa2va_cli.datatypes.frames import GROUND, RGB, Frame, over_grey
from sa2va_cli.datatypes.masks import ABSENT_LOGIT, Evidence, FrameMasks, Reason
from sa2va_cli.datatypes.planes import BT2020, HIGH_RANGE, LUMA_WEIGHTS, Yuv420, YuvColour, YuvPlanes
from sa2va_cli.datatypes.prompts import FoundObject, ModelIdentity, Prompt, is_unicode
from sa2va_cli.datatypes.sessions import (
    AnySegmenter,
    Directions,
    Followed,
    Grounding,
    Memory,
    Queries,
    Segmenter,
    Session,
    View,
)
from sa2va_cli.datatypes.sinks import Publication, Remark, Sink

__all__ = [
    "ABSENT_LOGIT",
    "BT2020",
    "GROUND",
    "HIGH_RANGE",
    "LUMA_WEIGHTS",
    "RGB",
    "AnySegmenter",
    "Directions",
    "Evidence",
    "Followed",
    "FoundObject",
    "Frame",
    "FrameMasks",
    "Grounding",
    "Memory",
    "ModelIdentity",
    "Prompt",
    "Publication",
    "Queries",
    "Reason",
    "Remark",
    "Segmenter",
    "Session",
    "Sink",
    "View",
    "Yuv420",
    "YuvColour",
    "YuvPlanes",
    "is_unicode",
    "over_grey",
]
