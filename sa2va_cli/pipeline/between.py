"""Following every N-th frame only: masks of the frames between are moved there as the picture moved.

``EveryNth`` is a session that gives the network fewer frames, as if the others were not there. The masks of a
frame between two of them are those of both, warped by optical flow from each and mixed by how near they are.
Knows nothing about networks.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from typing import Any, Generic, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import (
    RGB,
    Directions,
    Followed,
    Frame,
    Memory,
    Queries,
    Session,
    View,
)
from sa2va_cli.pipeline.search import Search
from sa2va_cli.visual_prompts import Pointed

Floats = NDArray[np.float32]
SIDE = 256
"""Pixels of the square pictures between which flow is computed: the mask decoder's cells of the published
networks, finer than those of the demo network."""

_CERTAIN = 10.0
"""To what size logits are cut before they are mixed: a sure mask must not drown one that is not there."""


class EveryNth(Generic[View, Queries, Memory]):
    """A session of which only some frames are followed.

    Args:
        inner: the session.
        every: N.
    """

    def __init__(self, inner: Session[View, Queries, Memory], every: int) -> None:
        self._inner = inner
        self._every = every
        self.look, self.ground = inner.look, inner.ground
        self.appearance, self.freeze, self.thaw = inner.appearance, inner.freeze, inner.thaw
        self.freeze_queries, self.thaw_queries = inner.freeze_queries, inner.thaw_queries

    def __enter__(self) -> Self:
        """The inner session belongs to who has opened it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""

    @property
    def grid(self) -> int:
        """How many logits a mask has on each side."""
        return self._inner.grid

    def condition(
        self,
        keyframes: Sequence[tuple[int, RGB]],
        queries: Sequence[Queries],
        *,
        track_keyframes: bool = False,
    ) -> Memory:
        """As the inner session; of keyframes that fall together the first counts."""
        places: dict[int, RGB] = {}
        for index, image in keyframes:
            places.setdefault(index // self._every, image)
        return self._inner.condition(list(places.items()), queries, track_keyframes=track_keyframes)

    def point(
        self,
        found: Memory | None,  # noqa: ARG002
        rows: Sequence[int],  # noqa: ARG002
        objects: int,  # noqa: ARG002
        pointed: Sequence[Pointed],  # noqa: ARG002
        spans: Mapping[int, tuple[int, int | None]],  # noqa: ARG002
    ) -> Directions[Memory]:
        """Nothing is pointed at here; see ``search.Search``."""
        raise AssertionError("what is pointed at is followed on every frame")

    def follow(
        self,
        frames: Iterable[Frame],
        memory: Memory,
        *,
        count: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
        workers: int = 1,
    ) -> Generator[Followed[Memory], None, None]:
        """Carries the objects through the frames, in order; see ``Session.follow``."""
        groups: deque[tuple[Frame, list[Frame]]] = deque()
        chosen = self._chosen(frames, groups)
        wanted = None if count is None else -(-count // self._every) + 1
        way = self._inner.follow(chosen, memory, count=wanted, notify=notify, workers=workers)
        last: Followed[Memory] | None = None
        with closing(way):
            for one in way:
                frame, between = groups.popleft()
                found = replace(one, frame=frame)
                yield from _between(last, found, between)
                yield found
                last = found

    def _chosen(
        self, frames: Iterable[Frame], groups: deque[tuple[Frame, list[Frame]]]
    ) -> Generator[Frame, None, None]:
        """Frames that are followed, numbered as if there were no others: the first, each N-th, the last.

        Args:
            frames: all, by rising index.
            groups: is given each that is followed, with those that lie before it.
        """
        waiting: list[Frame] = []
        place: int | None = None
        for frame in frames:
            if place is not None and frame.index % self._every:
                waiting.append(frame)
                continue
            place = frame.index // self._every if place is None else place + 1
            groups.append((frame, waiting))
            waiting = []
            yield frame.numbered(place, _source_index(frame))
        if waiting and place is not None:
            *before, frame = waiting
            groups.append((frame, before))
            yield frame.numbered(place + 1, _source_index(frame))


def sparsely(
    session: Session[View, Queries, Memory], search: Search, *, still: bool = False
) -> Session[View, Queries, Memory]:
    """A session that follows as many frames as a search wants.

    Args:
        session: that follows all.
        search: says how many.
        still: whether it is of one image, which is not followed.
    """
    return EveryNth(session, search.follow_every) if search.follow_every > 1 and not still else session


def _source_index(frame: Frame) -> int:
    return frame.index if frame.source_index is None else frame.source_index


def _between(
    before: Followed[Memory] | None, after: Followed[Memory], frames: Sequence[Frame]
) -> Generator[Followed[Memory], None, None]:
    """Frames between two that were followed, with masks by flow."""
    if before is None or not frames:
        return
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    ends = [(one, _grey(one.frame)) for one in (before, after)]
    whole = after.frame.index - before.frame.index
    for frame in frames:
        grey, share = _grey(frame), (frame.index - before.frame.index) / whole
        first, second = (_moved(one.logits, flow.calc(grey, other, None)) for one, other in ends)
        yield replace(
            before,
            frame=frame,
            logits=(1 - share) * first + share * second,
            scores=(1 - share) * before.scores + share * after.scores,
            ious=np.minimum(before.ious, after.ious),
            worded=None,
            by_flow=True,
        )


def _grey(frame: Frame) -> NDArray[np.uint8]:
    small = cv2.resize(frame.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _moved(logits: Floats, flow: Any) -> Floats:
    """Logits (N, h, w) as they are where each of their cells came from, by flow (SIDE, SIDE, 2)."""
    if not len(logits):
        return logits
    height, width = logits.shape[1:]
    small = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + small[..., 0] * (width / SIDE), y + small[..., 1] * (height / SIDE)
    cut = np.clip(logits, -_CERTAIN, _CERTAIN)
    moved = [cv2.remap(one, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for one in cut]
    return np.stack(moved).astype(np.float32)
