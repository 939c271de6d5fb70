"""What ``sa2va tracks`` tells about a log, without its source: visibility, areas, boxes, frame by frame."""

from collections.abc import Generator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Frame
from sa2va_cli.pipeline.result import ObjectSummary
from sa2va_cli.pipeline.tally import Tally
from sa2va_cli.render.crop import Box, mask_box
from sa2va_cli.tracks.corrections import Correction, corrections_of
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Condition, TrackedFrame, Tracks
from sa2va_cli.tracks.review import DoubtfulRange


@dataclass(frozen=True)
class TracksSummary:
    """A log as a whole.

    Attributes:
        path: the file.
        size: bytes.
        header: what was looked for, in what, by what.
        condition: how whole the log is.
        objects: each object over the whole clip.
        look_at: where masks may be wrong.
        corrections: what was corrected afterwards, the last correction first.
    """

    path: Path
    size: int
    header: Header
    condition: Condition
    objects: tuple[ObjectSummary, ...]
    look_at: tuple[DoubtfulRange, ...] = ()
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, eq=False)
class Sighting:
    """One object on one frame.

    Attributes:
        frame: ordinal among the frames that were followed.
        source_frame: number of the frame in the source, from 0.
        seconds: presentation time on the source's own clock.
        found: the object.
        score: probability that it is visible.
        iou: IoU with the truth that the network predicts for its mask.
        agreement: IoU of its mask with the one before, moved as the picture moved.
        confidence: how far its mask can be trusted, 0..1.
        area: pixels of its mask.
        box: around its mask; None for an empty one.
        mask: (H, W) bool at the size of the source.
        by_flow: whether the network did not see the frame, and masks of others were moved to it.
    """

    frame: int
    source_frame: int
    seconds: float
    found: FoundObject
    score: float
    iou: float
    agreement: float
    confidence: float
    area: int
    box: Box | None
    mask: NDArray[np.bool_] = field(repr=False)
    by_flow: bool = False


def summarise(path: Path) -> TracksSummary:
    """Reads a whole log.

    Raises:
        InputError: it is no tracks file, or its header cannot be read.
    """
    tracks = Tracks(path)
    tally = Tally(tracks.header.objects)
    for one in tracks:
        tally.add(tracks.masks(one, _blank(one, tracks.header)))
    return TracksSummary(
        path=path,
        size=path.stat().st_size,
        header=tracks.header,
        condition=tracks.condition,
        objects=tally.summaries(),
        look_at=tally.look_at(),
        corrections=corrections_of(tracks),
    )


def sightings(tracks: Tracks) -> Generator[Sighting, None, None]:
    """Every object on every frame of a log, in order."""
    time_base = tracks.header.source.time_base
    for one in tracks:
        masks = one.masks(_blank(one, tracks.header), tracks.header.threshold)
        evidence = masks.evidence
        assert evidence is not None  # noqa: S101  (a log has it)
        facts = np.stack([masks.scores, evidence.ious, evidence.agreements, evidence.confidences], axis=1)
        for found, mask, (score, iou, agreement, confidence) in zip(
            masks.objects, masks.masks, facts.tolist(), strict=True
        ):
            yield Sighting(
                frame=one.index,
                source_frame=one.source_index,
                seconds=float(one.pts * time_base),
                found=found,
                score=score,
                iou=iou,
                agreement=agreement,
                confidence=confidence,
                area=int(np.count_nonzero(mask)),
                box=mask_box(mask),
                mask=mask,
                by_flow=one.by_flow,
            )


def _blank(one: TrackedFrame, header: Header) -> Frame:
    """A frame of the right size and time whose picture nobody looks at, and which takes no memory."""
    width, height = header.source.size
    image = np.broadcast_to(np.uint8(0), (height, width, 3))
    time_base = Fraction(header.source.time_base)
    return Frame(one.index, one.pts, time_base, image, source_index=one.source_index)
