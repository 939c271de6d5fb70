"""A network that needs no weights: it finds bright red, green or blue where a prompt names that colour."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB, Grounding
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement

GRID = 64
CHANNELS = {"red": 0, "green": 1, "blue": 2}


class FakeSegmenter:
    """Remembers what it was asked, and in ``memory`` nothing but the channels it follows.

    Args:
        ahead: how many frames it wants to prepare at once.
    """

    def __init__(self, ahead: int = 1) -> None:
        self.ahead = ahead
        self.prepared: list[list[int]] = []
        self.expected: int | None = None
        self.asked: list[str] = []
        self.seen: list[int] = []
        self.still: bool | None = None
        self.stepped: list[int] = []

    def look(self, images: Sequence[RGB], *, still: bool) -> int:
        self.still = still
        return len(self.asked)

    def ground(self, view: int, prompt: str) -> tuple[Grounding, int]:
        assert view == len(self.asked)  # what the last call returned
        self.asked.append(prompt)
        found = [[channel] for colour, channel in CHANNELS.items() if colour in prompt]
        answer = "Sure, " + ", ".join("[SEG]" for _ in found) if found else "No."
        return Grounding(answer, np.array(found).reshape(-1, 1)), len(self.asked)

    def condition(self, keyframes: Sequence[tuple[int, RGB]], queries: Sequence[Any], *, still: bool) -> Any:
        self.seen = [index for index, _ in keyframes]
        return np.concatenate(list(queries))[:, 0]

    def following(
        self, first: Any, frames: int | None, tell: Callable[[str], None]
    ) -> AbstractContextManager[int]:
        self.expected = frames
        return nullcontext(self.ahead)

    def prepare(self, frames: Sequence[tuple[int, RGB]], first: Any) -> Sequence[RGB]:
        self.prepared.append([index for index, _ in frames])
        return [image for _, image in frames]

    def step(
        self, index: int, image: RGB, memory: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
        self.stepped.append(index)
        small = cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
        dull = np.partition(small, 1, axis=2)[
            ..., 1
        ]  # a colour is bright where it stands above the other two
        logits = np.stack([(small[..., channel] - dull - 60) / 10 for channel in memory])
        return logits, np.full(len(memory), 0.9, np.float32), memory


def load_fake(_: ModelChoice, __: Placement) -> FakeSegmenter:
    """Stands in for ``load_segmenter``."""
    return FakeSegmenter()
