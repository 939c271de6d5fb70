"""What a back-end is, and how a clip of any length and size goes through it.

A back-end makes frames of frames: it has a rule of how many it takes at once and by what their sides must be
divisible. Longer clips go in chunks that overlap and are cross-faded; sizes are scaled and padded, and come
back to the pixel; colours are matched to the source outside the mask, where all such networks drift. Knows
nothing about any network, nor about where frames come from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import ModelError
from sa2va_cli.generation.colour_match import matched
from sa2va_cli.generation.fitting import Fitting, fitting_for


@dataclass(frozen=True)
class Rule:
    """What a back-end takes.

    Attributes:
        longest: frames at once at most; None for any number.
        step: counts must be ``step * n + 1``; 1 for any.
        overlap: frames that two chunks share.
        divisor: of width and height.
        longest_side: pixels that the picture is scaled down to; None for any.
        grow: pixels by which a mask is widened: what is tight shows what should go.
    """

    longest: int | None = None
    step: int = 1
    overlap: int = 0
    divisor: int = 1
    longest_side: int | None = None
    grow: int = 0

    def __post_init__(self) -> None:
        if self.longest is not None and (self.longest - 1) % self.step:
            raise ValueError(f"{self.longest} frames are not {self.step} n + 1")
        if self.longest is not None and not 0 <= self.overlap < self.longest:
            raise ValueError(f"an overlap of {self.overlap} leaves nothing of {self.longest} frames")

    def taken(self, count: int) -> int:
        """How many frames are given to the back-end for ``count``: as many, or the next that it takes."""
        return count + -(count - 1) % self.step


class BackEnd(Protocol):
    """Something that makes frames of frames."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def rule(self) -> Rule:
        """What it takes."""
        ...

    def make(self, frames: Sequence[RGB], masks: Sequence[NDArray[np.bool_]], prompt: str) -> Sequence[RGB]:
        """Makes frames.

        Args:
            frames: (H, W, 3) uint8 each, of one size that the rule allows.
            masks: (H, W) each, True where something new is to be made.
            prompt: what.

        Returns:
            As many frames of the same size.

        Raises:
            ModelError: it fails.
        """
        ...


@dataclass(frozen=True, eq=False)
class Asked:
    """One frame of which something is to be made.

    Attributes:
        index: of the frame.
        image: (H, W, 3) uint8.
        mask: (H, W) bool, where.
    """

    index: int
    image: RGB = field(repr=False)
    mask: NDArray[np.bool_] = field(repr=False)


def generated(back_end: BackEnd, asked: Iterable[Asked], prompt: str) -> Iterator[tuple[int, RGB]]:
    """Sends a clip through a back-end.

    Args:
        back_end: what makes the frames.
        asked: the frames, in order.
        prompt: what is to be made.

    Yields:
        The index of each frame and what became of it, (H, W, 3) uint8 at its own size.

    Raises:
        ModelError: the back-end fails, or gives other frames than it should.
    """
    rule = back_end.rule
    tail: list[RGB] = []
    for chunk, is_last in _chunks(asked, rule):
        made = _chunk(back_end, chunk, prompt)
        shared = len(tail)
        for place in range(shared):
            weight = (place + 1) / (shared + 1)
            made[place] = cv2.addWeighted(tail[place], 1 - weight, made[place], weight, 0)
        kept = len(chunk) if is_last else len(chunk) - rule.overlap
        yield from ((one.index, image) for one, image in zip(chunk[:kept], made[:kept], strict=True))
        tail = made[kept:]


def _chunks(asked: Iterable[Asked], rule: Rule) -> Iterator[tuple[list[Asked], bool]]:
    """Parts of a clip that share ``overlap`` frames, and whether each is the last."""
    waiting: list[Asked] = []
    fresh = 0
    for one in asked:
        if rule.longest is not None and len(waiting) == rule.longest:
            yield waiting, False
            waiting, fresh = waiting[len(waiting) - rule.overlap :] if rule.overlap else [], 0
        waiting.append(one)
        fresh += 1
    if fresh:
        yield waiting, True


def _chunk(back_end: BackEnd, chunk: Sequence[Asked], prompt: str) -> list[RGB]:
    rule = back_end.rule
    height, width = chunk[0].image.shape[:2]
    fitting = fitting_for((width, height), rule.divisor, rule.longest_side)
    frames = [fitting.fitted(one.image) for one in chunk]
    masks = [_mask(one.mask, fitting, rule.grow) for one in chunk]
    more = rule.taken(len(chunk)) - len(chunk)
    made = list(back_end.make([*frames, *frames[-1:] * more], [*masks, *masks[-1:] * more], prompt))
    wanted = len(chunk) + more
    if len(made) != wanted:
        raise ModelError(
            f"{back_end.name} gave {len(made)} frames for {wanted}; it must give one for each, in their order"
        )
    for image in made:
        if image.shape != frames[0].shape or image.dtype != np.uint8:
            raise ModelError(
                f"{back_end.name} gave a frame of {image.shape[1]}x{image.shape[0]} for one of "
                f"{frames[0].shape[1]}x{frames[0].shape[0]}; it must keep the size"
            )
    made = matched(made[: len(chunk)], frames, masks[: len(chunk)])
    return [fitting.back(image) for image in made]


def _mask(mask: NDArray[np.bool_], fitting: Fitting, grow: int) -> NDArray[np.bool_]:
    fitted = fitting.fitted(mask.view(np.uint8) * np.uint8(255)) > 127
    if not grow:
        return fitted
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    grown: NDArray[np.uint8] = cv2.dilate(fitted.view(np.uint8), kernel)
    return grown.astype(np.bool_)
