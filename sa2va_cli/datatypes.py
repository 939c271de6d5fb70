"""The values that travel between rooms, and the two protocols that rooms fulfil.

Knows nothing about files, networks or terminals.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
"""An upright image, (H, W, 3) uint8, sRGB order red, green, blue."""


LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.3, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""What red and blue count in luma, by the number of the matrix in ITU-T H.273: BT.709, FCC, BT.601 twice,
SMPTE 240M, and BT.2020 with non-constant luminance."""

HIGH_RANGE = {16: "PQ", 18: "HLG"}
"""Transfer functions of high dynamic range by their number in ITU-T H.273."""

BT2020 = 9
"""The number of the primaries, and of the matrix, of BT.2020 in ITU-T H.273."""


@dataclass(frozen=True)
class YuvColour:
    """What the numbers in a picture's planes mean, as ITU-T H.273 counts it.

    Attributes:
        matrix: one of ``LUMA_WEIGHTS``.
        full_range: whether luma is 0..255 and not 16..235.
        primaries: 2 for unspecified.
        transfer: likewise.
    """

    matrix: int
    full_range: bool
    primaries: int = 2
    transfer: int = 2

    def __post_init__(self) -> None:
        if self.matrix not in LUMA_WEIGHTS:
            raise ValueError(f"matrix must be one of {', '.join(map(str, LUMA_WEIGHTS))}, got {self.matrix}")

    @property
    def weights(self) -> tuple[float, float]:
        """What red and blue count in luma."""
        return LUMA_WEIGHTS[self.matrix]

    @property
    def high_range(self) -> str | None:
        """``PQ`` or ``HLG``; None for ordinary video."""
        return HIGH_RANGE.get(self.transfer)

    @property
    def wide_gamut(self) -> bool:
        """Whether the primaries are those of BT.2020."""
        return self.primaries == BT2020


@dataclass(frozen=True, eq=False)
class YuvPlanes:
    """A picture's code values as they were decoded, upright, at any depth and chroma subsampling.

    Attributes:
        luma: (H, W) uint8, or uint16 for more than 8 bits.
        blue: the difference of blue, of luma's size or smaller.
        red: the difference of red, likewise.
        depth: bits of a code value.
        colour: what the numbers mean.
    """

    luma: NDArray[Any] = field(repr=False)
    blue: NDArray[Any] = field(repr=False)
    red: NDArray[Any] = field(repr=False)
    depth: int
    colour: YuvColour

    @property
    def planes(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Luma, blue and red difference."""
        return self.luma, self.blue, self.red

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.luma.shape[1], self.luma.shape[0]

    @cached_property
    def rgb(self) -> NDArray[np.uint16]:
        """(H, W, 3) uint16 RGB in the picture's own primaries and transfer; 65535 is full."""
        from sa2va_cli.colour import rgb_of

        return rgb_of(self.planes, self.colour.weights, self.depth, full_range=self.colour.full_range)


@dataclass(frozen=True, eq=False)
class Yuv420:
    """A picture as most video holds it: upright, luma for each pixel, chroma for each two by two.

    Attributes:
        luma: (H, W) uint8, or uint16 for more than 8 bits; both sides are even.
        blue: (H/2, W/2), the difference of blue.
        red: (H/2, W/2), the difference of red.
        colour: what the numbers mean.
        depth: bits of a code value, 8 or 10.
    """

    luma: NDArray[Any] = field(repr=False)
    blue: NDArray[Any] = field(repr=False)
    red: NDArray[Any] = field(repr=False)
    colour: YuvColour
    depth: int = 8

    def __post_init__(self) -> None:
        doubled = tuple((2 * plane.shape[0], 2 * plane.shape[1]) for plane in (self.blue, self.red))
        if doubled != (self.luma.shape, self.luma.shape):
            shapes = ", ".join(str(plane.shape) for plane in self.planes)
            raise ValueError(f"chroma must have half of luma's sides, got {shapes}")
        wanted = np.uint8 if self.depth == 8 else np.uint16
        if any(plane.dtype != wanted for plane in self.planes):
            kinds = [str(plane.dtype) for plane in self.planes]
            raise ValueError(f"planes of {self.depth} bits must be {wanted.__name__}, got {kinds}")

    @property
    def planes(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Luma, blue and red difference."""
        return self.luma, self.blue, self.red

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.luma.shape[1], self.luma.shape[0]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a clip, upright, at its time.

    Attributes:
        index: ordinal among the frames of the selected range, from 0.
        pts: presentation time stamp in units of ``time_base``; counted as in the source.
        time_base: seconds per unit of ``pts``.
        image: (H, W, 3) uint8 RGB, rotation of the container already applied.
        name: the file name without its ending, for frames that come from image files.
        planes: the same picture as it was decoded, where that is 8-bit 4:2:0, or of more than 8 bits (as
            10-bit 4:2:0); what is drawn there leaves the rest of the picture as it was to the bit.
        stored: the decoded code values at their own depth and subsampling, where the source has planes.
        deep: (H, W, 3) uint16 RGB, 65535 being full, of sources of more than 8 bits that have no planes.
        alpha: (H, W) the source's own opacity, uint8 or uint16, its type's largest value being opaque; None
            where all is opaque.
        shown_for: seconds for which the source shows it; None where that is not known.
    """

    index: int
    pts: int
    time_base: Fraction
    image: RGB = field(repr=False)
    name: str | None = None
    planes: Yuv420 | None = field(default=None, repr=False)
    stored: YuvPlanes | None = field(default=None, repr=False)
    deep: NDArray[np.uint16] | None = field(default=None, repr=False)
    alpha: NDArray[Any] | None = field(default=None, repr=False)
    shown_for: Fraction | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"image must be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.planes is not None and self.planes.size != self.size:
            raise ValueError(f"got planes of {self.planes.size} for an image of {self.size}")

    @property
    def picture(self) -> RGB | Yuv420:
        """The planes where there are some, else the image: what is drawn on for a video."""
        return self.image if self.planes is None else self.planes

    @property
    def finest(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(H, W, 3) RGB as fine as the source has it: ``deep``, or made of ``stored``, else ``image``.

        Of video of high dynamic range these are its own signals, where ``image`` is tone-mapped.
        """
        if self.deep is not None:
            return self.deep
        return self.image if self.stored is None else self.stored.rgb

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


@dataclass(frozen=True)
class FoundObject:
    """One thing that a prompt found.

    Attributes:
        id: number of the object in this run, from 1; also its index in a DAVIS palette.
        prompt: the user's words that found it.
        label: short text to draw beside it.
    """

    id: int
    prompt: str
    label: str


@dataclass(frozen=True, eq=False)
class Grounding:
    """What the language model answered to one prompt.

    Attributes:
        answer: the answer's text, special tokens included, as the official code returns it.
        queries: (N, C) one query vector for each ``[SEG]`` of the answer; a tensor on the model's device.
    """

    answer: str
    queries: Any = field(repr=False)

    def __len__(self) -> int:
        return int(self.queries.shape[0])


@dataclass(frozen=True, eq=False)
class FrameMasks:
    """The masks of all objects on one frame.

    Low-resolution logits travel; full resolution is made once, where it is first needed.

    Attributes:
        frame: the frame they belong to.
        logits: (N, h, w) float32 mask logits on the decoder's grid, a quarter of the network's input.
        scores: (N,) float32 probability that the object is visible on this frame.
        threshold: probability above which a pixel belongs to the mask.
    """

    frame: Frame
    logits: NDArray[np.float32] = field(repr=False)
    scores: NDArray[np.float32]
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.logits.ndim != 3 or self.scores.shape != self.logits.shape[:1]:
            raise ValueError(f"got logits {self.logits.shape} with scores {self.scores.shape}")
        if not 0.0 < self.threshold < 1.0:
            raise ValueError(f"threshold must lie between 0 and 1, got {self.threshold}")

    def __len__(self) -> int:
        return int(self.logits.shape[0])

    @cached_property
    def full_logits(self) -> NDArray[np.float32]:
        """(N, H, W) float32 logits at the frame's size.

        Two bilinear steps, grid -> network input (4x) -> frame, as the official code does: a single
        step would flip about 0.8 % of the pixels (reference set, section 5.2, point 6).
        """
        import cv2

        n, h, w = self.logits.shape
        width, height = self.frame.size
        full = np.empty((n, height, width), np.float32)
        for k in range(n):
            square = cv2.resize(self.logits[k], (4 * w, 4 * h), interpolation=cv2.INTER_LINEAR)
            cv2.resize(square, (width, height), dst=full[k], interpolation=cv2.INTER_LINEAR)
        return full

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """(N, H, W) bool masks at the frame's size."""
        limit = np.log(self.threshold / (1.0 - self.threshold))
        return np.greater(self.full_logits, float(limit))  # NumPy's float64 would turn all logits into it

    @cached_property
    def alphas(self) -> NDArray[np.float32]:
        """(N, H, W) float32 soft masks in 0..1 at the frame's size."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.full_logits)), np.float32)


class Segmenter(Protocol):
    """A network that finds what a sentence names and follows it.

    ``memory`` is opaque to callers: what ``condition`` returns goes into ``step``, what ``step`` returns goes
    into the next one. It is bounded in size and is all that is remembered of the past. So is ``view``, which
    goes from ``look`` through every ``ground``.
    """

    def look(self, images: Sequence[RGB], *, still: bool) -> Any:
        """Looks at keyframes of a video or, if ``still``, at one image; returns the first view."""
        ...

    def ground(self, view: Any, prompt: str) -> tuple[Grounding, Any]:
        """Answers ``prompt`` about what was looked at; returns the view for the next prompt, too."""
        ...

    def condition(self, keyframes: Sequence[tuple[int, RGB]], queries: Sequence[Any], *, still: bool) -> Any:
        """Decodes queries, (N, C) for each prompt, on the keyframes, each with its frame index.

        Returns the first memory.
        """
        ...

    def following(
        self, first: Any, frames: int | None, tell: Callable[[str], None]
    ) -> AbstractContextManager[int]:
        """Entered while frames are followed; takes long where something has to be compiled for them.

        Args:
            first: the memory that ``condition`` returned.
            frames: how many there are, keyframes included; None where that is not known.
            tell: is told in one line what a person should know; called from this thread.

        Returns:
            How many frames ``prepare`` is to be given at once, ahead in a thread; 0 for one at a time when
            its turn comes, in the thread that calls ``step``.
        """
        ...

    def prepare(self, frames: Sequence[tuple[int, RGB]], first: Any) -> Sequence[Any]:
        """Does what can be done for frames before those that precede them are known.

        Args:
            frames: their indices and pictures, in order.
            first: the memory that ``condition`` returned; keyframes are not encoded a second time.

        Returns:
            One value for each frame.
        """
        ...

    def step(
        self, index: int, prepared: Any, memory: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
        """Advances one frame: returns logits (N, h, w), scores (N,) and the next memory.

        Frames come in order of ``index``, each with what ``prepare`` returned for it. On a keyframe the
        result of ``condition`` is returned again.
        """
        ...


class Sink(Protocol):
    """Takes the masks of every frame, in order, and leaves finished files behind.

    A context manager: on an error nothing half-written stays; on success files appear under their final name.
    """

    def __enter__(self) -> Self:
        """Opens the sink."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the files, or removes them when ``kind`` is an exception."""
        ...

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame."""
        ...

    @property
    def paths(self) -> tuple[Path, ...]:
        """The final files or folders this sink makes."""
        ...
