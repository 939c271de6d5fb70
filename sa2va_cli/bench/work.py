"""What can be timed: the names of a run's stages, and a stage as something to do.

Knows nothing about torch.
"""

from collections.abc import Callable
from dataclasses import dataclass

PROMPT = "girl in red dress"
DECODE, PREPROCESS, ENCODE, GROUND = "decode", "preprocess", "encode", "ground"
ATTEND, MASKS, MEMORY, RENDER, ENCODE_VIDEO = "attend", "decode masks", "memory", "render", "encode video"
STAGES = (DECODE, PREPROCESS, ENCODE, GROUND, ATTEND, MASKS, MEMORY, RENDER, ENCODE_VIDEO)
"""In the order in which a frame meets them."""


@dataclass(frozen=True)
class Work:
    """One stage.

    Attributes:
        run: does it.
        units: how many frames or prompts that is.
        unit: ``frame`` or ``prompt``.
        arithmetic: whether it is matrix products that take the time.
    """

    run: Callable[[], object]
    units: int = 1
    unit: str = "frame"
    arithmetic: bool = False
