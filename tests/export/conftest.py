"""Frames and masks for the sinks."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt

GIRL, UNICORN, DOG = Prompt(1, "girl in red"), Prompt(2, "unicorn"), Prompt(3, "dog")
OBJECTS = (
    FoundObject(1, GIRL, "girl in red"),
    FoundObject(2, DOG, "dog 1"),
    FoundObject(3, DOG, "dog 2"),
)
Maker = Callable[..., FrameMasks]


def make_masks(
    index: int = 0,
    *,
    count: int = 3,
    size: tuple[int, int] = (37, 23),
    seed: int = 0,
    name: str | None = None,
    source_index: int | None = None,
) -> FrameMasks:
    """Random smooth masks of ``count`` objects on a frame of 25 frames per second."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    frame = Frame(index, 40 * index, Fraction(1, 1000), image, name, source_index=source_index)
    generator = np.random.default_rng([seed, index])
    logits = generator.normal(size=(count, 5, 6)).astype(np.float32)
    return FrameMasks(frame, logits, generator.random(count).astype(np.float32))


@pytest.fixture(scope="session")
def masks_of() -> Maker:
    """``make_masks``."""
    return make_masks


@pytest.fixture(scope="session")
def objects() -> tuple[FoundObject, ...]:
    """A girl and two dogs."""
    return OBJECTS


@pytest.fixture(scope="session")
def prompts() -> tuple[Prompt, ...]:
    """What was looked for; there is no unicorn."""
    return GIRL, UNICORN, DOG
