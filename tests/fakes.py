"""A network that needs no weights: it finds bright red, green or blue where a prompt names that colour."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from sa2va_cli.datatypes import RGB, Directions, Followed, Frame, Grounding, ModelIdentity
from sa2va_cli.queues import batched, read_ahead
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.visual_prompts import Pointed

GRID = 64
CHANNELS = {"red": 0, "green": 1, "blue": 2}


class FakeSegmenter:
    """Remembers what it was asked; its sessions remember nothing but the channels they follow.

    Args:
        ahead: how many frames its sessions prepare at once, ahead in a thread; 0 for none.
    """

    identity = ModelIdentity("fake", weights="0" * 64)

    def __init__(self, ahead: int = 1) -> None:
        self.ahead = ahead
        self.prepared: list[list[int]] = []
        self.expected: int | None = None
        self.asked: list[str] = []
        self.seen: list[int] = []
        self.still: bool | None = None
        self.stepped: list[int] = []
        self.tracks_keyframes: bool | None = None
        self.pointed: list[Pointed] = []
        self.spans: dict[int, tuple[int, int | None]] = {}

    def open(self, *, still: bool = False) -> "FakeSession":
        self.still = still
        return FakeSession(self)

    def step(self, index: int) -> None:
        """Is called when the turn of a frame has come."""
        self.stepped.append(index)


class FakeSession:
    """One clip."""

    def __init__(self, segmenter: FakeSegmenter) -> None:
        self.segmenter = segmenter

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def look(self, images: Sequence[RGB]) -> int:
        return len(self.segmenter.asked)

    def ground(self, view: int, prompt: str) -> tuple[Grounding[np.ndarray], int]:
        asked = self.segmenter.asked
        assert view == len(asked)  # what the last call returned
        asked.append(prompt)
        found = [[channel] for colour, channel in CHANNELS.items() if colour in prompt]
        answer = "Sure, " + ", ".join("[SEG]" for _ in found) if found else "No."
        return Grounding(answer, np.array(found).reshape(-1, 1)), len(asked)

    def condition(
        self,
        keyframes: Sequence[tuple[int, RGB]],
        queries: Sequence[np.ndarray],
        *,
        track_keyframes: bool = False,
    ) -> np.ndarray:
        self.segmenter.tracks_keyframes = track_keyframes
        self.segmenter.seen = [index for index, _ in keyframes]
        return np.concatenate(list(queries))[:, 0]

    def point(
        self,
        found: np.ndarray | None,
        rows: Sequence[int],
        objects: int,
        pointed: Sequence[Pointed],
        spans: Mapping[int, tuple[int, int | None]],
    ) -> Directions[np.ndarray]:
        """What is pointed at has the colour of the picture there."""
        self.segmenter.pointed, self.segmenter.spans = list(pointed), dict(spans)
        channels = np.zeros(objects, int)
        if found is not None:
            channels[list(rows)] = found
        for one in pointed:
            height, width = one.image.shape[:2]
            if one.mask is not None:
                channels[one.row] = one.image[one.mask].mean(axis=0).argmax()
                continue
            places = [(x, y) for x, y, positive in one.points if positive]
            if one.box is not None:
                places = [((one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2)]
            for x, y in places:
                channels[one.row] = one.image[int(y * height), int(x * width)].argmax()
        return Directions(channels, channels if any(one.index for one in pointed) else None)

    def follow(
        self,
        frames: Iterable[Frame],
        memory: np.ndarray,
        *,
        count: int | None = None,
        notify: Callable[[str], None] = print,
        workers: int = 1,
    ) -> Generator[Followed[np.ndarray], None, None]:
        self.segmenter.expected = count
        ready = self._prepared(frames)
        if not self.segmenter.ahead:
            yield from self._followed(ready, memory)
            return
        with read_ahead(ready, room=max(self.segmenter.ahead, 2), name="sa2va-encode") as waiting:
            yield from self._followed(waiting, memory)

    def _prepared(self, frames: Iterable[Frame]) -> Generator[Frame, None, None]:
        for batch in batched(frames, max(self.segmenter.ahead, 1)):
            self.segmenter.prepared.append([frame.index for frame in batch])
            yield from batch

    def _followed(
        self, frames: Iterable[Frame], memory: np.ndarray
    ) -> Generator[Followed[np.ndarray], None, None]:
        for frame in frames:
            self.segmenter.step(frame.index)
            small = cv2.resize(frame.image, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
            dull = np.partition(small, 1, axis=2)[..., 1]
            # a colour is bright where it stands above the other two
            logits = np.stack([(small[..., channel] - dull - 60) / 10 for channel in memory])
            scores, ious = (np.full(len(memory), value, np.float32) for value in (0.9, 0.95))
            yield Followed(frame, logits, scores, ious, memory)

    def freeze(self, memory: np.ndarray) -> bytes:
        return memory.astype(np.int64).tobytes()

    def thaw(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.int64)


def load_fake(_: ModelChoice, __: Placement) -> FakeSegmenter:
    """Stands in for ``load_segmenter``."""
    return FakeSegmenter()
