"""What is done to masks between where they come from and the sinks: the one place that runs the stages.

Holes and small parts are mended as a frame comes in, masks are steadied among their neighbours, and each kind
gets the edge that it asks for; the order is that of ``render.refine.stages``. Where nothing is asked for, the
masks pass as they are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FrameMasks
from sa2va_cli.outputs.drawing import Drawing, Finish
from sa2va_cli.render.matte import thin_edge
from sa2va_cli.render.refine.matte import centred
from sa2va_cli.render.refine.stages import AFTER, BEFORE, REFINEMENTS, Refinement, Stage

Floats = NDArray[np.float32]
Whose = tuple[int | None, int | None]
"""A prompt and an object by their numbers, None for all."""


class Edges:
    """The stages of a run.

    Args:
        drawing: what is asked for.
        finishes: what the kinds of this run need; their refinements are made at once, so that what is missing
            is known before the first frame.
    """

    def __init__(self, drawing: Drawing, finishes: Sequence[Finish]) -> None:
        self._drawing = drawing
        before = [(stage, self._number(stage)) for stage in BEFORE if self._number(stage)]
        self._mending = [(stage, value) for stage, value in before if not stage.reach(value)]
        self._steadying = [(stage, value) for stage, value in before if stage.reach(value)]
        names = {drawing.refinement(finish) for finish in finishes}
        self._refinements: dict[str, Refinement] = {name: REFINEMENTS[name]() for name in sorted(names)}
        self._last: dict[tuple[str, Whose, int], Floats] = {}

    def _number(self, stage: Stage) -> float:
        return float(getattr(self._drawing, stage.name.replace("-", "_")))

    @property
    def reach(self) -> int:
        """How many frames before and after are needed to steady one."""
        return max((stage.reach(value) for stage, value in self._steadying), default=0)

    def restart(self) -> None:
        """Forgets the last frame, before the clip is gone through again."""
        self._last.clear()

    def mended(self, masks: FrameMasks) -> FrameMasks:
        """The masks of one frame by itself, without holes and small parts."""
        if not self._mending or not len(masks):
            return masks
        softs = []
        for row in _centred(masks):
            soft = row
            for stage, value in self._mending:
                soft = np.asarray(stage.apply([(masks.frame.image, soft)], 0, value), np.float32)
            softs.append(soft)
        return masks.finished(np.stack(softs))

    def steadied(self, masks: FrameMasks) -> FrameMasks:
        """The masks of a frame that is among its neighbours, steadied along the motion."""
        if not self._steadying or not len(masks):
            return masks
        middle = next(k for k, one in enumerate(masks.around) if one.frame.index == masks.frame.index)
        softs = [_centred(one) for one in masks.around]
        rows = []
        for row in range(len(masks)):
            window = [(one.frame.image, soft[row]) for one, soft in zip(masks.around, softs, strict=True)]
            for stage, value in self._steadying:
                window[middle] = window[middle][0], np.asarray(stage.apply(window, middle, value), np.float32)
            rows.append(window[middle][1])
        return masks.finished(np.stack(rows))

    def finished(self, masks: FrameMasks, finish: Finish, whose: Whose) -> FrameMasks:
        """The masks of one output.

        Args:
            masks: of the objects that it shows.
            finish: what its kind asks for.
            whose: the prompt and the object whose masks these are, None for all: the last frame's alpha is
                known by them.
        """
        stages = self._after(finish)
        name = self._drawing.refinement(finish)
        if finish == "none" or not len(masks) or (name == "none" and not stages):
            return masks
        softs = _centred(masks)
        if finish in ("joined", "alpha"):
            softs = softs.max(axis=0, keepdims=True)
        return masks.finished(
            np.stack([self._edge(masks, soft, finish, (whose, row)) for row, soft in enumerate(softs)])
        )

    def _after(self, finish: Finish) -> list[tuple[Stage, float]]:
        """What is done to the edge; masks for programs are hard, and are not blurred."""
        return [
            (stage, self._number(stage))
            for stage in AFTER
            if self._number(stage) and not (finish == "annotated" and stage.name == "feather")
        ]

    def _edge(self, masks: FrameMasks, soft: Floats, finish: Finish, key: tuple[Whose, int]) -> Floats:
        image, name = masks.frame.image, self._drawing.refinement(finish)
        hard = finish in ("alpha", "alphas") or (finish == "joined" and not self._drawing.soft)
        if name == "none" and hard and self._drawing.feather:
            alpha: NDArray[np.floating] = thin_edge(soft)
        else:
            alpha = self._refinements[name](image, soft, self._last.get((name, *key)))
        if name == "closed-form":  # the only one that begins with the last frame's
            self._last[name, *key] = np.asarray(alpha, np.float32)
        for stage, value in self._after(finish):
            alpha = stage.apply([(image, alpha)], 0, value)
        return np.asarray(alpha, np.float32)


def _centred(masks: FrameMasks) -> Floats:
    """Soft masks, (N, H, W), whose edge is at 0.5."""
    return np.asarray(centred(masks.alphas, masks.threshold), np.float32)
