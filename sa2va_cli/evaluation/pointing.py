"""Scores points, boxes and corrective clicks on pictures of the demo world that a model never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.landscape import SCENERY
from sa2va_cli.demo.scene import SCENERY_NUMBERS
from sa2va_cli.demo.shapes import Ids
from sa2va_cli.demo.sightings import EXISTS
from sa2va_cli.evaluation.davis import jaccard
from sa2va_cli.model.points import BOTTOM_RIGHT, NEGATIVE, POSITIVE, TOP_LEFT, PointedAt

Mask = NDArray[np.bool_]

_SURE = 8.0
_SCENERY = tuple(SCENERY_NUMBERS[name] for name in SCENERY if name not in {"sky", "hill", "grass"})


@dataclass(frozen=True)
class PointScore:
    """One mask that was pointed at.

    Attributes:
        how: ``point``, ``box``, ``corrected half`` (a mask that was cut in two) or ``corrected excess`` (one
            that held another thing as well).
        what: ``actor`` or ``scenery``.
        before: IoU of the mask that was corrected; None where there was none.
        iou: with what was meant.
    """

    how: str
    what: str
    before: float | None
    iou: float


def score_pointing(segmenter: Any, image: RGB, ids: Ids, actors: Sequence[int]) -> list[PointScore]:
    """Points at everything in a picture.

    Args:
        segmenter: a ``NetworkSegmenter``.
        image: the picture.
        ids: (H, W) what is seen where; scenery in numbers of ``SCENERY_NUMBERS``.
        actors: numbers of the actors.
    """
    with torch.inference_mode():
        sam2 = segmenter.network.sam2
        pointer = _Pointer(segmenter, sam2.encode(segmenter.pixels([image], still=True)), ids.shape)
        seen = {number: ids == number for number in actors if np.mean(ids == number) >= EXISTS}
        scores = [s for number in seen for s in _scored(pointer, number, seen)]
        for number in _SCENERY:
            piece = _largest_piece(ids == number)
            if np.mean(piece) >= EXISTS:
                found = pointer.masks([deepest(piece)], [POSITIVE])
                scores.append(PointScore("point", "scenery", None, jaccard(found, piece)))
    return scores


@dataclass(frozen=True)
class _Pointer:
    """One encoded picture."""

    segmenter: Any
    features: Any
    shape: tuple[int, ...]

    def masks(
        self, points: Sequence[tuple[float, float]], labels: Sequence[int], before: Tensor | None = None
    ) -> Mask:
        """What is decoded from points in pixels of the picture."""
        height, width = self.shape
        places = [(x / width, y / height) for x, y in points]
        pointed = PointedAt.of(places, labels, self.features.low.device)
        memory = self.segmenter.tracker.point_at(0, self.features, pointed, before=before)
        logits = memory.decoded[0].logits[:, None].float()
        full = F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)
        return np.asarray((full[0, 0] > 0).cpu().numpy(), np.bool_)


def _scored(pointer: _Pointer, number: int, seen: dict[int, Mask]) -> list[PointScore]:
    """A point, a box, and two bad masks with the click that is to mend each."""
    mask = seen[number]
    rows, columns = np.nonzero(mask)
    corners = [(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)]
    point = pointer.masks([deepest(mask)], [POSITIVE])
    box = pointer.masks([(float(x), float(y)) for x, y in corners], [TOP_LEFT, BOTTOM_RIGHT])
    scores = [
        PointScore("point", "actor", None, jaccard(point, mask)),
        PointScore("box", "actor", None, jaccard(box, mask)),
    ]
    half = mask.copy()
    half[:, int(np.median(columns)) :] = False
    bad = {"half": half}
    others = [other for n, other in seen.items() if n != number]
    if others:
        bad["excess"] = mask | max(others, key=np.count_nonzero)
    for name, wrong in bad.items():
        missing = np.count_nonzero(mask & ~wrong) >= np.count_nonzero(wrong & ~mask)
        error = (mask & ~wrong) if missing else (wrong & ~mask)
        mended = pointer.masks([deepest(error)], [POSITIVE if missing else NEGATIVE], _logits(wrong, pointer))
        scores.append(PointScore(f"corrected {name}", "actor", jaccard(wrong, mask), jaccard(mended, mask)))
    return scores


def _logits(mask: Mask, pointer: _Pointer) -> Tensor:
    """A mask as logits that SAM 2 might have decoded: (1, S/4, S/4)."""
    side = 4 * pointer.features.low.shape[-1]
    share = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(_SURE * (2 * share - 1))[None].to(pointer.features.low)


def deepest(mask: Mask) -> tuple[float, float]:
    """The point of a mask that is farthest from its edge, (x, y), as SAM 2 is clicked in its evaluation."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x), float(y)


def _largest_piece(mask: Mask) -> Mask:
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    return np.asarray(pieces == 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax()), np.bool_)


def pointing_table(scores: Sequence[PointScore]) -> str:
    """Mean IoU by the way of pointing, as a Markdown table."""
    lines = ["| pointed with | at | n | IoU before | IoU |", "|---|---|---|---|---|"]
    for how, what in dict.fromkeys((s.how, s.what) for s in scores):
        group = [s for s in scores if (s.how, s.what) == (how, what)]
        before = [s.before for s in group if s.before is not None]
        earlier = f"{np.mean(before):.3f}" if before else "-"
        lines.append(f"| {how} | {what} | {len(group)} | {earlier} | {np.mean([s.iou for s in group]):.3f} |")
    return "\n".join(lines)
