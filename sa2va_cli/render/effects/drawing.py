"""Draws a list of effects over the frames of a clip, in order and in one pass.

Knows nothing about where masks come from, nor where pictures go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Remark
from sa2va_cli.render.effects.compositing import lay
from sa2va_cli.render.effects.effect import Effect, Floats, Moment, Part, Pixels, Shown
from sa2va_cli.render.effects.plates import OpenPlate
from sa2va_cli.render.effects.reading import EffectUse, Target

_FAINT = 1 / 510
"""An alpha of less shows in no picture of 8 bits: it counts as none, and one as near to 1 as all."""

_KEPT = 512
"""How many targets' alphas are remembered while frames are neighbours of each other."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An object on one frame, and how it was found.

    Attributes:
        id: of the object in the run.
        prompt: identity of the prompt that found it.
        label: its name.
        alpha: (H, W) float32, 0..1.
        confidence: how far the mask can be trusted, 0..1.
    """

    id: int
    prompt: int
    label: str
    alpha: Floats = field(repr=False)
    confidence: float = 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame with everything that was found on it.

    Attributes:
        index: ordinal of the frame among those of the run.
        seconds: its time.
        picture: (H, W, 3) uint8 or uint16 as decoded.
        objects: all of the run, seen on this frame or not.
        fps: frames per second of the clip.
        transfer: number of the transfer function in ITU-T H.273.
        wide_gamut: whether the primaries are those of BT.2020.
    """

    index: int
    seconds: float
    picture: Pixels = field(repr=False)
    objects: tuple[Seen, ...] = ()
    fps: float = 25.0
    transfer: int = 2
    wide_gamut: bool = False


@dataclass(frozen=True, eq=False)
class Drawn:
    """A frame with its effects.

    Attributes:
        picture: (H, W, 3) of the source's type.
        touched: (H, W) uint8, 0 where the picture is the source's.
        alpha: (H, W) float32 of what stays where the background is transparent; None where it is not.
    """

    picture: Pixels = field(repr=False)
    touched: NDArray[np.uint8] = field(repr=False)
    alpha: Floats | None = field(default=None, repr=False)


class Drawer:
    """The effects of one run.

    Args:
        uses: what is to be done, in order; but what takes things away comes first, as it looks at the source
            on other frames, and cameras come last, as objects lie elsewhere after them.
        open_plate: opens files that are laid behind things.

    Raises:
        InputError: a file that an effect needs cannot be read.
        UsageError: the values of an effect do not go together.
    """

    def __init__(self, uses: Sequence[EffectUse], open_plate: OpenPlate | None = None) -> None:
        ordered = sorted(uses, key=_turn)
        self._stages: list[tuple[EffectUse, Effect]] = [(use, use.made(open_plate)) for use in ordered]
        self._alphas: dict[tuple[int, Target], tuple[Floats, float]] = {}

    @property
    def reach(self) -> int:
        """How many frames before and after each are needed."""
        return max((effect.reach for _, effect in self._stages), default=0)

    @property
    def surveys(self) -> bool:
        """Whether the whole clip must be seen first."""
        return any(effect.surveys for _, effect in self._stages)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at, so far."""
        return tuple(one for _, effect in self._stages for one in effect.remarks)

    def survey(self, scene: Scene) -> None:
        """Takes every frame in order, before the first is drawn; only where ``surveys``."""
        for use, effect in self._stages:
            if effect.surveys:
                effect.survey(self._moment(scene, use, scene.picture))
        self._alphas.clear()

    def draw(self, scene: Scene, around: Sequence[Scene] = ()) -> Drawn:
        """Draws one frame.

        Args:
            scene: the frame.
            around: its neighbours in order, itself left out.
        """
        picture = np.array(scene.picture, order="C")
        touched = np.zeros(picture.shape[:2], np.uint8)
        alpha: Floats | None = None
        for use, effect in self._stages:
            if not use.covers(scene.seconds):
                continue
            moment = self._moment(scene, use, picture, [one for one in around if effect.reach])
            if use.row.is_transparent(use.values):
                alpha = moment.alpha if alpha is None else np.maximum(alpha, moment.alpha)
            layer = effect.apply(moment)
            if layer is not None:
                lay(picture, layer, touched)
        return Drawn(picture, touched, alpha)

    def _moment(self, scene: Scene, use: EffectUse, picture: Pixels, around: Sequence[Scene] = ()) -> Moment:
        alpha, confidence = self._target(scene, use.target)
        return Moment(
            scene.index,
            scene.seconds,
            picture,
            alpha,
            tuple(Shown(one.label, one.alpha) for one in scene.objects),
            confidence,
            scene.fps,
            scene.transfer,
            scene.wide_gamut,
            None if use.reference is None else self._target(scene, use.reference)[0],
            ()
            if use.target.inverted
            else tuple(Part(one.alpha, one.confidence) for one in _meant(scene, use.target)),
            tuple(self._moment(one, use, one.picture) for one in around),
        )

    def _target(self, scene: Scene, target: Target) -> tuple[Floats, float]:
        """The alpha of a target, and the least confidence in what is seen of it."""
        key = scene.index, target
        if key not in self._alphas:
            while len(self._alphas) >= _KEPT:
                self._alphas.pop(next(iter(self._alphas)))
            self._alphas[key] = _joined(scene, target)
        return self._alphas[key]


def _turn(use: EffectUse) -> int:
    """Whether an effect comes before or after others, whatever their order."""
    return {"remove": -1, "camera": 1}.get(use.row.family, 0)


def _meant(scene: Scene, target: Target) -> list[Seen]:
    return [
        one
        for one in scene.objects
        if (target.prompts is None or one.prompt in target.prompts)
        and (target.objects is None or one.id in target.objects)
    ]


def _joined(scene: Scene, target: Target) -> tuple[Floats, float]:
    meant = _meant(scene, target)
    alpha = np.zeros(scene.picture.shape[:2], np.float32)
    for one in meant:
        np.maximum(alpha, one.alpha, out=alpha)
    if target.inverted:
        alpha = 1 - alpha
    alpha[alpha < _FAINT] = 0
    alpha[alpha > 1 - _FAINT] = 1
    return alpha, min((one.confidence for one in meant), default=1.0)
