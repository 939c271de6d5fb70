"""The masks of all objects on one frame, and how far they can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes.frames import Frame
from sa2va_cli.datatypes.prompts import FoundObject

ABSENT_LOGIT = -1024.0
"""What SAM 2 puts in place of the mask of an object that is not there (its NO_OBJ_SCORE)."""

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
