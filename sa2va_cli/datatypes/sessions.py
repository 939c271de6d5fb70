"""What a network is to everybody else: a segmenter, its sessions, and what they say of frames."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes.frames import RGB, Frame
from sa2va_cli.datatypes.prompts import ModelIdentity
from sa2va_cli.visual_prompts import Pointed

View = TypeVar("View")
Queries = TypeVar("Queries", bound=Sized)
Memory = TypeVar("Memory")


@dataclass(frozen=True, eq=False)
class Grounding(Generic[Queries]):
    """What the language model answered to one prompt.

    Attributes:
        answer: the answer's text, special tokens included, as the official code returns it.
        queries: (N, C) one query vector for each ``[SEG]`` of the answer, in the network's own terms.
        margin: difference of the two highest logits at the least decided words of the answer; None where
            it is not known.
        elsewhere: 0..1, how probable it is by what was nearly answered that something else was meant; None
            where that is not known.
    """

    answer: str
    queries: Queries = field(repr=False)
    margin: float | None = None
    elsewhere: float | None = None

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True, eq=False)
class Followed(Generic[Memory]):
    """What the network says about one frame.

    Attributes:
        frame: the frame.
        logits: (N, h, w) float32 mask logits on the decoder's grid, a quarter of the network's input.
        scores: (N,) float32 probability that each object is visible.
        ious: (N,) float32 IoU with the truth that the mask decoder predicts for each mask.
        memory: all that is remembered of the clip now.
        worded: (N,) float32 IoU of each mask with what the words alone name, when that was last looked at;
            NaN for objects that were not found by words; None where nobody looked.
        by_flow: whether the network did not see the frame, and masks of others were moved to it.
    """

    frame: Frame
    logits: NDArray[np.float32] = field(repr=False)
    scores: NDArray[np.float32]
    ious: NDArray[np.float32]
    memory: Memory = field(repr=False)
    worded: NDArray[np.float32] | None = None
    by_flow: bool = False


@dataclass(frozen=True, eq=False)
class Directions(Generic[Memory]):
    """What objects are followed from that were pointed at somewhere on the way.

    Attributes:
        forwards: from the first frame on; an object joins where it was first pointed at.
        backwards: towards the first frame, each object from there; None where that leads nowhere.
    """

    forwards: Memory = field(repr=False)
    backwards: Memory | None = field(repr=False)


class Session(Protocol[View, Queries, Memory]):
    """One clip, or one image, on its way through a network; a context manager.

    Everything that changes belongs to it. ``View`` goes from ``look`` through every ``ground``; ``Memory`` is
    what ``condition`` makes and ``follow`` carries on: bounded in size, and all that is remembered.
    """

    def __enter__(self) -> Self:
        """Opens the session."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what still runs for the clip."""
        ...

    def look(self, images: Sequence[RGB]) -> View:
        """Looks at keyframes of the video, or at the image; returns the first view."""
        ...

    def ground(self, view: View, prompt: str) -> tuple[Grounding[Queries], View]:
        """Answers ``prompt`` about what was looked at; returns the view for the next prompt, too."""
        ...

    def condition(
        self,
        keyframes: Sequence[tuple[int, RGB]],
        queries: Sequence[Queries],
        *,
        track_keyframes: bool = False,
    ) -> Memory:
        """Decodes queries on the keyframes of the video, or on the image.

        Args:
            keyframes: each with its frame index.
            queries: (N, C) for each prompt.
            track_keyframes: whether ``follow`` tracks keyframes as all other frames of a video, and does not
                repeat what was decoded here.
        """
        ...

    def point(
        self,
        found: Memory | None,
        rows: Sequence[int],
        objects: int,
        pointed: Sequence[Pointed],
        spans: Mapping[int, tuple[int, int | None]],
    ) -> Directions[Memory]:
        """Conditions objects on points, boxes and masks; those that words have found are corrected.

        Args:
            found: what ``condition`` returned; None where there are no words, or they found nothing.
            rows: which of the clip's objects those of ``found`` are.
            objects: how many the clip has, those that are pointed at included.
            pointed: what is said about an object on a frame, once for each object and frame.
            spans: the first and the last frame over which an object is followed, by its row; None for the
                end. Objects that are not in it are followed everywhere.
        """
        ...

    def follow(
        self,
        frames: Iterable[Frame],
        memory: Memory,
        *,
        count: int | None = None,
        notify: Callable[[str], None] = ...,
        workers: int = 1,
    ) -> Generator[Followed[Memory], None, None]:
        """Carries the objects through frames in order; on keyframes see ``condition``.

        Args:
            frames: those of the clip from some frame on, keyframes included; by falling index where
                ``memory`` is one to follow backwards from.
            memory: what ``condition`` returned, or what the last frame left.
            count: how many frames there are; None where that is not known.
            notify: is told in one line what a person should know; called from this thread.
            workers: threads among which objects may be divided, where torch has one for each operation.
        """
        ...

    @property
    def grid(self) -> int:
        """How many logits a mask has on each side."""
        ...

    def freeze_queries(self, queries: Queries) -> NDArray[np.float32]:
        """Queries as numbers (N, C), to decode them at another time; nothing is lost."""
        ...

    def thaw_queries(self, data: NDArray[np.float32]) -> Queries:
        """Queries of what ``freeze_queries`` gave."""
        ...

    def appearance(self, memory: Memory) -> NDArray[np.float32]:
        """What objects look like, (N, C): the more alike, the larger the cosine.

        Args:
            memory: what ``condition`` returned.
        """
        ...

    def freeze(self, memory: Memory) -> bytes:
        """Packs a memory, to go on from it at another time or in another process."""
        ...

    def thaw(self, data: bytes) -> Memory:
        """Unpacks what ``freeze`` packed.

        Raises:
            ValueError: it is damaged, or of another network.
        """
        ...


class Segmenter(Protocol[View, Queries, Memory]):
    """A network that finds what a sentence names and follows it; shared by sessions, changed by none."""

    @property
    def identity(self) -> ModelIdentity:
        """Which weights it is made of."""
        ...

    def open(self, *, still: bool = False) -> Session[View, Queries, Memory]:
        """Begins a session for one clip or, if ``still``, for one image."""
        ...


AnySegmenter = Segmenter[Any, Any, Any]
"""A segmenter to those who only hand it on."""
