"""The network's stages of a run, each by itself, as work that can be timed.

They are timed in the state they are in most of the time: keyframes conditioned, and as many
tracked frames remembered as are attended to.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sa2va_cli.bench.pictures import disc_logits
from sa2va_cli.bench.work import ATTEND, ENCODE, GROUND, MASKS, MEMORY, PREPROCESS, PROMPT, Work
from sa2va_cli.datatypes import Followed, Frame, Grounding, ModelIdentity
from sa2va_cli.model.chat import View
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.objects import Memory
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.session import NetworkSession
from sa2va_cli.model.tracker import TrackerMemory
from sa2va_cli.pipeline.prompts import question

KEYFRAMES = 5
"""As many as ``segment`` shows to the language model by default."""


class AnsweringSegmenter:
    """A segmenter that finds a given number of objects whatever it is asked, and shows discs for their masks.

    The work is that of the network inside; only what comes out is replaced, because masks of random queries
    are noise, which costs more to draw than masks of things.

    Args:
        inner: does the work.
        objects: how many it finds.
    """

    def __init__(self, inner: NetworkSegmenter, objects: int) -> None:
        self.inner = inner
        self.queries = random_queries(inner, objects)
        self.logits = disc_logits(objects, inner.network.sam2.input_size // 4)

    @property
    def identity(self) -> ModelIdentity:
        """As the network's."""
        return self.inner.identity

    @property
    def is_small_on_processor(self) -> bool:
        """As the network's."""
        return self.inner.is_small_on_processor

    def open(self, *, still: bool = False) -> "AnsweringSession":
        """As the network does."""
        return AnsweringSession(self, still=still)


class AnsweringSession(NetworkSession):
    """A session whose answers and masks are given beforehand; the work is done all the same."""

    def __init__(self, segmenter: AnsweringSegmenter, *, still: bool) -> None:
        super().__init__(segmenter.inner, still=still)
        self._given = segmenter

    def ground(
        self, view: View, prompt: str, *, regions: np.ndarray | None = None, past: str = ""
    ) -> tuple[Grounding[Tensor], View]:
        """Asks the network, but takes given queries for its answer."""
        grounding, view = super().ground(view, prompt, regions=regions, past=past)
        return Grounding(grounding.answer, self._given.queries), view

    def follow(
        self,
        frames: Iterable[Frame],
        memory: Memory,
        *,
        count: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
        workers: int = 1,
    ) -> Generator[Followed[Memory], None, None]:
        """Does the network's work and shows discs."""
        followed = super().follow(frames, memory, count=count, notify=notify, workers=workers)
        with closing(followed):
            for one in followed:
                yield replace(one, logits=self._given.logits, scores=np.ones_like(one.scores))


def random_queries(segmenter: NetworkSegmenter, objects: int) -> Tensor:
    """(N, C) language queries; how long they take depends on their number alone."""
    sam2 = segmenter.network.sam2
    drawn = torch.randn(objects, sam2.width, generator=torch.Generator().manual_seed(0))
    return drawn.to(sam2.device, sam2.dtype)


@torch.inference_mode()
def network_stages(
    segmenter: NetworkSegmenter, keyframes: Sequence[Frame], objects: int, frames: int
) -> dict[str, Work]:
    """What the network does for one frame, and for one prompt.

    Args:
        segmenter: the network.
        keyframes: what the language model sees.
        objects: how many are followed.
        frames: how many the clip has, which bounds what is remembered.
    """
    sam2, tracker = segmenter.network.sam2, segmenter.tracker
    session, images = segmenter.open(), [frame.image for frame in keyframes]

    def preprocess() -> Tensor:
        return grounding_pixels(images[0], sam2.input_size, sam2.dtype, still=False, device=sam2.device)

    pixels = preprocess()
    features = sam2.encode(pixels)
    memory, index = _steady(segmenter, features, objects, len(keyframes), frames)
    conditioned = tracker.look_back(index, features, memory)
    shared = features.expand(objects)
    logits = sam2.decode(shared, conditioned, None).logits
    return {
        PREPROCESS: Work(preprocess),
        ENCODE: Work(_quietly(lambda: sam2.encode(pixels)), arithmetic=True),
        GROUND: Work(
            lambda: session.ground(session.look(images), question(PROMPT, verbatim=False)),
            unit="prompt",
            arithmetic=True,
        ),
        ATTEND: Work(_quietly(lambda: tracker.look_back(index, features, memory)), arithmetic=True),
        MASKS: Work(_quietly(lambda: sam2.decode(shared, conditioned, None)), arithmetic=True),
        MEMORY: Work(_quietly(lambda: sam2.memorise(features.low, logits)), arithmetic=True),
    }


def _steady(
    segmenter: NetworkSegmenter, features: Any, objects: int, keyframes: int, frames: int
) -> tuple[TrackerMemory, int]:
    """Follows objects until as many frames are remembered as are attended to, or the clip ends.

    Returns:
        The memory, and the index of the next frame.
    """
    tracker, slots = segmenter.tracker, segmenter.network.sam2.memory_slots
    queries = random_queries(segmenter, objects)
    memory = tracker.condition([(index, features) for index in range(keyframes)], queries)
    end = min(keyframes + slots, max(frames, keyframes + 1))
    for index in range(keyframes, end):
        _, memory = tracker.step(index, features, memory)
    return memory, end


def _quietly(work: Callable[[], object]) -> Callable[[], object]:
    """The same work without gradients; inference mode holds only while a function runs."""

    def run() -> object:
        with torch.inference_mode():
            return work()

    return run
