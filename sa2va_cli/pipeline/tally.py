"""Adds up, frame by frame, what the table at the end of a run says."""

from fractions import Fraction

import numpy as np

from sa2va_cli.datatypes import FoundObject, FrameMasks, Remark
from sa2va_cli.pipeline.result import ObjectSummary
from sa2va_cli.tracks.review import DoubtfulRange, Review


class Tally:
    """Running sums over a clip; a few numbers for each object and each time it is seen.

    Args:
        objects: what the rows of all masks are.
        start: seconds of the source's first frame on its own clock.
    """

    def __init__(self, objects: tuple[FoundObject, ...], start: Fraction = Fraction(0)) -> None:
        self._objects = objects
        self._review = Review(objects, start)
        self._confidences = np.zeros(len(objects))
        self._shares = np.zeros(len(objects))
        self._scores = np.zeros(len(objects))
        self._visible = np.zeros(len(objects), int)
        self._ranges: list[list[tuple[int, int]]] = [[] for _ in objects]
        self._seen_before = np.zeros(len(objects), np.bool_)
        self.frames = 0
        self.remarks: tuple[Remark, ...] = ()

    def add(self, masks: FrameMasks) -> None:
        """Takes one frame."""
        # Counting bits is ten times as fast as a mean over them.
        shares = np.array([np.count_nonzero(mask) / mask.size for mask in masks.masks])
        self._shares += shares
        self._visible += shares > 0
        self._scores += masks.scores
        if masks.evidence is not None:
            self._confidences += masks.evidence.confidences
        self._review.add(masks)
        source_index = masks.frame.source_index
        number = masks.frame.index if source_index is None else source_index
        for k in np.flatnonzero(shares > 0):
            first = self._ranges[k].pop()[0] if self._seen_before[k] else number
            self._ranges[k].append((first, number))
        self._seen_before = shares > 0
        self.frames += 1

    @property
    def saw_anything(self) -> bool:
        """Whether any object had a mask on any frame."""
        return bool(self._visible.any())

    def look_at(self) -> tuple[DoubtfulRange, ...]:
        """Returns the ranges worth a look so far."""
        return self._review.ranges()

    def summaries(self) -> tuple[ObjectSummary, ...]:
        """Returns what is known of each object so far."""
        return tuple(
            ObjectSummary(
                id=found.id,
                prompt=found.prompt.text,
                prompt_id=found.prompt.id,
                label=found.label,
                share=float(share / visible) if visible else 0.0,
                frames_visible=int(visible),
                ranges=tuple(ranges),
                score=float(score / max(1, self.frames)),
                confidence=float(confidence / max(1, self.frames)),
            )
            for found, share, score, confidence, visible, ranges in zip(
                self._objects,
                self._shares,
                self._scores,
                self._confidences,
                self._visible,
                self._ranges,
                strict=True,
            )
        )
