"""What SAM 2 says of pictures and of the objects in them: features, and decoded masks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sa2va_cli.datatypes import ABSENT_LOGIT


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What SAM 2's image encoder says about a batch of pictures, S pixels wide and high.

    Attributes:
        low: (B, C, S/16, S/16) lowest map of the feature pyramid.
        middle: (B, C/4, S/8, S/8) projected for the mask decoder.
        high: (B, C/8, S/4, S/4) projected for the mask decoder.
    """

    low: Tensor
    middle: Tensor
    high: Tensor

    def __getitem__(self, index: slice | Tensor) -> "ImageFeatures":
        return ImageFeatures(self.low[index], self.middle[index], self.high[index])

    def expand(self, count: int) -> "ImageFeatures":
        """Repeats a single picture's features for ``count`` objects, without copying."""
        return ImageFeatures(*(x.expand(count, -1, -1, -1) for x in (self.low, self.middle, self.high)))

    @classmethod
    def joined(cls, parts: "Sequence[ImageFeatures]") -> "ImageFeatures":
        """Features of several pictures, one after the other."""
        columns = zip(*((part.low, part.middle, part.high) for part in parts), strict=True)
        return cls(*(joined(column) for column in columns))


@dataclass(frozen=True, eq=False)
class DecodedMasks:
    """What the mask decoder says about N objects, one per row.

    Attributes:
        candidates: (N, 3, S/4, S/4) mask logits of the three mask tokens, or of one where there is no choice.
        ious: (N, 3) predicted quality of the candidates.
        score_logits: (N,) logit that the object is visible.
        pointers: (N, C) object pointer, gated by the score.
        best: (N,) index of the candidate with the highest predicted quality.
    """

    candidates: Tensor
    ious: Tensor
    score_logits: Tensor
    pointers: Tensor
    best: Tensor

    def __getitem__(self, objects: slice | list[int]) -> "DecodedMasks":
        rows = (self.candidates, self.ious, self.score_logits, self.pointers, self.best)
        return DecodedMasks(*(row[objects] for row in rows))

    @property
    def logits(self) -> Tensor:
        """(N, S/4, S/4) mask logits of the best candidates."""
        return self.candidates[torch.arange(len(self.best), device=self.best.device), self.best]

    @property
    def best_ious(self) -> Tensor:
        """(N,) predicted quality of the best candidates."""
        return self.ious[torch.arange(len(self.best), device=self.best.device), self.best]

    def chosen(self) -> "DecodedMasks":
        """The same without the candidates that were not the best."""
        first = torch.zeros_like(self.best)
        return replace(self, candidates=self.logits[:, None], ious=self.best_ious[:, None], best=first)

    @classmethod
    def joined(cls, parts: "Sequence[DecodedMasks]") -> "DecodedMasks":
        """What was decoded of several objects, as one."""
        rows = ((p.candidates, p.ious, p.score_logits, p.pointers, p.best) for p in parts)
        return cls(*(torch.cat(column) for column in zip(*rows, strict=True)))

    def without_absent(self) -> "DecodedMasks":
        """Empties the masks of objects that are more likely absent than not."""
        visible = (self.score_logits > 0)[:, None, None, None]
        return replace(self, candidates=torch.where(visible, self.candidates, ABSENT_LOGIT))


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Rows one after the other; a single part is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
