"""The values that travel between rooms, and the protocols that rooms fulfil.

Knows nothing about files, networks or terminals.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Sized
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import UsageError
from sa2va_cli.visual_prompts import Pointed, VisualPrompt
from sa2va_cli.written import Written

View = TypeVar("View")
Queries = TypeVar("Queries", bound=Sized)
Memory = TypeVar("Memory")

RGB = NDArray[np.uint8]
"""An upright image, (H, W, 3) uint8, sRGB order red, green, blue."""

ABSENT_LOGIT = -1024.0
"""What SAM 2 puts in place of the mask of an object that is not there (its NO_OBJ_SCORE)."""

GROUND = 128
"""The grey, of 255, that lies behind pictures with alpha when they are looked at."""


def over_grey(image: RGB, alpha: NDArray[Any] | None) -> RGB:
    """Lays a picture over neutral grey, value by value as it is coded; (H, W, 3) uint8 RGB."""
    if alpha is None:
        return image
    share = (alpha / np.float32(np.iinfo(alpha.dtype).max))[..., None]
    return np.rint(GROUND + share * (image.astype(np.float32) - GROUND)).astype(np.uint8)


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
        transfer: the same.
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
        name: what pictures made of the frame are called, without an ending, where it comes from an image
            file; no two frames of a clip share one (``media/sequences.py`` has the rule).
        planes: the same picture as it was decoded, where that is 8-bit 4:2:0, or of more than 8 bits (as
            10-bit 4:2:0); what is drawn there leaves the rest of the picture as it was to the bit.
        stored: the decoded code values at their own depth and subsampling, where the source has planes.
        source_index: number of the frame in the source, from 0; None for the same as ``index``.
        file_name: the image file it comes from, with its ending, relative to the folder that all files of the
            clip lie in; None for videos and for the pages of one file.
        deep: (H, W, 3) uint16, 65535 being full: the source's own numbers, where neither ``image`` nor
            ``stored`` holds them: of more than 8 bits, under alpha, or in the colours of ``icc_profile``.
        alpha: (H, W) uint8 or uint16, full at 255 or 65535: how opaque the source is; None where it is all
            opaque. ``image`` is then the source over neutral grey (128), ``deep`` its colours without the
            ground.
        icc_profile: what the numbers in ``deep`` mean, an RGB profile; None for sRGB. ``image`` is in sRGB.
        shown_for: seconds for which the source shows it; None where that is not known.
    """

    index: int
    pts: int
    time_base: Fraction
    image: RGB = field(repr=False)
    name: str | None = None
    planes: Yuv420 | None = field(default=None, repr=False)
    stored: YuvPlanes | None = field(default=None, repr=False)
    source_index: int | None = None
    file_name: str | None = None
    deep: NDArray[np.uint16] | None = field(default=None, repr=False)
    alpha: NDArray[np.uint8] | NDArray[np.uint16] | None = field(default=None, repr=False)
    icc_profile: bytes | None = field(default=None, repr=False)
    shown_for: Fraction | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"image must be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.planes is not None and self.planes.size != self.size:
            raise ValueError(f"got planes of {self.planes.size} for an image of {self.size}")
        if self.deep is not None and (self.deep.shape != self.image.shape or self.deep.dtype != np.uint16):
            raise ValueError(
                f"deep must be {self.image.shape} uint16, got {self.deep.shape} {self.deep.dtype}"
            )
        if self.alpha is not None and self.alpha.shape != self.image.shape[:2]:
            raise ValueError(f"alpha must be {self.image.shape[:2]}, got {self.alpha.shape}")
        if self.icc_profile is not None and self.deep is None:
            raise ValueError("icc_profile says what the numbers in deep mean; got no deep")

    @classmethod
    def deferred(cls, make: Callable[[], RGB], size: tuple[int, int], **fields: Any) -> "Frame":
        """A frame whose RGB picture is made when it is first asked for: planes are enough for much.

        Args:
            make: makes (H, W, 3) uint8 RGB.
            size: (width, height) of it.
            fields: all others.
        """
        width, height = size
        frame = cls(image=np.broadcast_to(np.uint8(0), (height, width, 3)), **fields)
        object.__delattr__(frame, "image")
        object.__setattr__(frame, "_deferred", (make, size))
        return frame

    def __getattr__(self, name: str) -> Any:
        """Makes the picture of a deferred frame; is called for what is not there only."""
        if name != "image" or "_deferred" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        image = self.__dict__["_deferred"][0]()
        object.__setattr__(self, "image", image)
        return image

    def numbered(self, index: int, source_index: int) -> "Frame":
        """The same picture at another place among the frames."""
        frame = copy(self)
        object.__setattr__(frame, "index", index)
        object.__setattr__(frame, "source_index", source_index)
        return frame

    @property
    def picture(self) -> RGB | Yuv420:
        """What is drawn on: a video's planes; the numbers that ``icc_profile`` goes with; or the image."""
        if self.planes is not None:
            return self.planes
        return self.image if self.icc_profile is None else self._own_numbers

    @cached_property
    def _own_numbers(self) -> RGB:
        """(H, W, 3) uint8 in the colours of ``icc_profile``, over grey as ``image`` is."""
        assert self.deep is not None  # noqa: S101  (checked when made)
        return over_grey(((self.deep + 128.0) // 257).astype(np.uint8), self.alpha)

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
        if "image" not in self.__dict__ and "_deferred" in self.__dict__:
            size: tuple[int, int] = self.__dict__["_deferred"][1]
            return size
        return self.image.shape[1], self.image.shape[0]

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


def is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8; arguments in another encoding become what cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


@dataclass(frozen=True)
class Prompt:
    """What somebody looks for; it keeps its identity from the command line to the names of files.

    Attributes:
        id: its place among the prompts of a run, from 1.
        text: the words; empty where there is only what was pointed at.
        label: a short name for people and files; the words where it is empty.
        visual: points, boxes and masks that say what is meant, or correct what the words have found.

    Raises:
        UsageError: there are neither words nor anything else, or they cannot be written in UTF-8.
    """

    id: int
    text: str
    label: str = ""
    visual: tuple[VisualPrompt, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip() and not (self.visual and self.label):
            raise UsageError('a prompt is empty; say what to look for, such as "girl in red dress"')
        if not is_unicode(self.text):
            raise UsageError(f"the prompt {self.text!r} is not valid Unicode; is the terminal set to UTF-8?")
        if not self.label:
            object.__setattr__(self, "label", self.text)


@dataclass(frozen=True)
class FoundObject:
    """One thing that a prompt found.

    Attributes:
        id: number of the object in this run, from 1; also its index in a DAVIS palette.
        prompt: what found it.
        label: short text to draw beside it; no other object of the run has it.
        margin: how decided the words were that found it (``Grounding.margin``); None where that is not known.
        elsewhere: how probable it is that something else was meant (``Grounding.elsewhere``); None likewise.
    """

    id: int
    prompt: Prompt
    label: str
    margin: float | None = None
    elsewhere: float | None = None


@dataclass(frozen=True)
class ModelIdentity:
    """Which weights found something.

    Attributes:
        name: as it was asked for.
        revision: of the published repository; None where it is not known.
        weights: SHA-256 of the sizes, beginnings and ends of the files of weights; None where there are none.
        device: where it ran, in torch's words.
        dtype: in which precision.
        follower: what followed the objects, where that was another network.
    """

    name: str
    revision: str | None = None
    weights: str | None = None
    device: str | None = None
    dtype: str | None = None
    follower: "ModelIdentity | None" = None


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


Reason = Literal["lost", "nearly hidden", "jumped", "unsure edge", "not as named", "unsure words"]
"""Why a mask may be wrong: it went although the thing may be there; hardly anything of the thing is seen; it
does not lie where the last one moved to; its edge could run elsewhere as well; the words alone name something
else on the frame; the language model nearly took the words for something else."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """How far the masks of N objects on one frame can be trusted, and why not further.

    Attributes:
        ious: (N,) float32 IoU with the truth that the network predicts for each mask.
        agreements: (N,) float32 IoU of each mask with the one before, moved as the picture moved.
        confidences: (N,) float32, 0..1, made of all that is known (``tracks/confidence.py`` has the rule).
        reasons: what most speaks against each mask.
        worded: (N,) float32 IoU of each mask with what the words alone name; NaN or None where nobody looked.
    """

    ious: NDArray[np.float32]
    agreements: NDArray[np.float32]
    confidences: NDArray[np.float32]
    reasons: tuple[Reason, ...]
    worded: NDArray[np.float32] | None = None

    def of(self, rows: Sequence[int]) -> "Evidence":
        """That about some of the objects."""
        chosen = list(rows)
        reasons = tuple(self.reasons[row] for row in chosen)
        worded = None if self.worded is None else self.worded[chosen]
        return Evidence(self.ious[chosen], self.agreements[chosen], self.confidences[chosen], reasons, worded)


_LEAST_ALPHA = np.float32(1e-6)
"""Stands for 0 where the logit of an alpha is asked for, which has none there."""


@dataclass(frozen=True, eq=False)
class FrameMasks:
    """The masks of all objects on one frame.

    Low-resolution logits travel; full resolution is made once, where it is first needed.

    Attributes:
        frame: the frame they belong to.
        logits: (N, h, w) float32 mask logits on the decoder's grid, a quarter of the network's input.
        scores: (N,) float32 probability that the object is visible on this frame.
        threshold: probability above which a pixel belongs to the mask.
        objects: what each of the N rows is, and which prompt found it.
        around: the frame among its neighbours, in order, for those who asked for them.
        evidence: how far each mask can be trusted; None where nobody looked.
    """

    frame: Frame
    logits: NDArray[np.float32] = field(repr=False)
    scores: NDArray[np.float32]
    threshold: float = 0.5
    objects: tuple[FoundObject, ...] = ()
    around: "tuple[FrameMasks, ...]" = field(default=(), repr=False)
    _whole: "tuple[FrameMasks, Sequence[int]] | None" = field(default=None, repr=False)
    evidence: Evidence | None = field(default=None, repr=False)
    _finished: NDArray[np.float32] | None = field(default=None, repr=False)
    _apart: "FrameMasks | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.logits.ndim != 3 or self.scores.shape != self.logits.shape[:1]:
            raise ValueError(f"got logits {self.logits.shape} with scores {self.scores.shape}")
        if not 0.0 < self.threshold < 1.0:
            raise ValueError(f"threshold must lie between 0 and 1, got {self.threshold}")
        if self.objects and len(self.objects) != len(self.logits):
            raise ValueError(f"got {len(self.objects)} objects for {len(self.logits)} rows of logits")

    def __len__(self) -> int:
        return int(self.logits.shape[0])

    def of(self, rows: Sequence[int]) -> "FrameMasks":
        """Some of the objects; what was made at full resolution is shared and not made again."""
        chosen = list(rows)
        return FrameMasks(
            self.frame,
            self.logits[chosen],
            self.scores[chosen],
            self.threshold,
            tuple(self.objects[row] for row in chosen) if self.objects else (),
            tuple(one.of(chosen) for one in self.around),
            (self, chosen),
            self.evidence.of(chosen) if self.evidence else None,
        )

    def finished(self, alphas: NDArray[np.float32]) -> "FrameMasks":
        """The same objects with soft masks in place of those that the logits give.

        Args:
            alphas: (N, H, W) float32 in 0..1 at the frame's size, with their edges at 0.5; or (1, H, W) for
                all objects in one.
        """
        if alphas.shape != (len(alphas), *self.frame.size[::-1]) or len(alphas) not in (1, len(self)):
            raise ValueError(f"got alphas {alphas.shape} for {len(self)} objects on {self.frame.size}")
        joined = len(alphas) != len(self)
        return FrameMasks(
            self.frame,
            self.logits.max(axis=0, keepdims=True) if joined else self.logits,
            self.scores.max(axis=0, keepdims=True) if joined else self.scores,
            objects=() if joined else self.objects,
            around=self.around,
            evidence=None if joined else self.evidence,
            _finished=alphas,
            _apart=self if joined else None,
        )

    @property
    def apart(self) -> "FrameMasks":
        """The objects one by one, where all of them were made one."""
        return self if self._apart is None else self._apart

    def among(self, around: "Sequence[FrameMasks]") -> "FrameMasks":
        """The same, with its neighbours."""
        every = range(len(self))
        return replace(self.of(every), around=tuple(around))

    @cached_property
    def full_logits(self) -> NDArray[np.float32]:
        """(N, H, W) float32 logits at the frame's size.

        Two bilinear steps, grid -> network input (4x) -> frame, as the official code does: a single
        step would flip about 0.8 % of the pixels (reference set, section 5.2, point 6).
        """
        if self._whole is not None:
            whole, rows = self._whole
            return whole.full_logits[rows]
        if self._finished is not None:
            inside = np.clip(self._finished, _LEAST_ALPHA, 1 - _LEAST_ALPHA)
            return np.asarray(np.log(inside / (1 - inside)), np.float32)
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
        if self._whole is not None:
            whole, rows = self._whole
            return whole.masks[rows]
        if self._finished is not None:
            return self._finished > 0.5
        limit = np.log(self.threshold / (1.0 - self.threshold))
        return np.greater(self.full_logits, float(limit))  # NumPy's float64 would turn all logits into it

    @cached_property
    def alphas(self) -> NDArray[np.float32]:
        """(N, H, W) float32 soft masks in 0..1 at the frame's size."""
        if self._whole is not None:
            whole, rows = self._whole
            return whole.alphas[rows]
        if self._finished is not None:
            return self._finished
        with np.errstate(over="ignore"):  # far outside, 1 / infinity is the zero that is meant
            return np.asarray(1.0 / (1.0 + np.exp(-self.full_logits)), np.float32)


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


@dataclass(frozen=True)
class Publication:
    """How what is finished gets its name.

    Attributes:
        replaces: whether it takes the place of what is there.
        inspect: is shown the file or folder while its name is still hidden; what this raises keeps it from
            getting its final one.
    """

    replaces: bool = True
    inspect: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Remark:
    """What a person should look at in a finished edit.

    Attributes:
        effect: which one says it.
        index: of the frame.
        seconds: time of the frame.
        what: ``unprotected`` where something was to be hidden and there is no mask; ``doubtful`` where that
            mask cannot be trusted, or is that of frames on one side only; ``invented`` where the background
            of a removed object was never seen and is a guess.
        share: of the target's pixels on this frame that it is about, 0..1.
    """

    effect: str
    index: int
    seconds: float
    what: str
    share: float = 1.0


class Sink(Protocol):
    """Takes the masks of every frame, in order, and leaves finished files behind.

    A context manager: on an error nothing half-written stays; on success files appear under their final name.
    One place drives all sinks (``outputs.driver``), and a sink says what it needs: one frame by default.

    Attributes:
        reach: how many frames before and after each it needs, in ``FrameMasks.around``.
        surveys: whether it must have seen the whole clip before it writes anything.
        publication: how what it makes gets its name; whoever drives it decides.
    """

    reach: int = 0
    surveys: bool = False
    publication: Publication = Publication()

    def __enter__(self) -> Self:
        """Opens the sink."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the files, or removes them when ``kind`` is an exception."""
        ...

    @property
    def meant(self) -> Written | None:
        """What was meant to be written, once the sink is closed; None where it does not say."""
        return None

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at in what was written."""
        return ()

    def survey(self, masks: FrameMasks) -> None:
        """Is shown every frame in order, before the first ``write``; only where ``surveys``."""
        del masks  # most have no need of it

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame."""
        ...
