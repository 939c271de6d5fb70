"""Edited pictures on their way into files: effects drawn over each frame, in the source's own planes.

Knows nothing about single effects; what they need of the clip is what the sink needs.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Remark, Yuv420
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.pictures import Picture
from sa2va_cli.outputs.plates import open_plate
from sa2va_cli.outputs.sinks import DrawingSink
from sa2va_cli.render.effects.compositing import into_planes
from sa2va_cli.render.effects.drawing import Drawer, Scene, Seen
from sa2va_cli.render.refine.matte import draw_refined_matte


class EditSink(DrawingSink):
    """Draws the effects of a run onto each frame.

    Args:
        path: the final file or folder.
        clip: the input; ``clip.drawing.effects`` says what is done.
        objects: what the rows of all masks are.

    Raises:
        InputError: a file that an effect needs cannot be read.
        UsageError: the values of an effect do not go together.
    """

    def __init__(self, path: Path, clip: Clip, objects: tuple[FoundObject, ...]) -> None:
        self._clip = clip
        self._objects = objects
        self._drawer = Drawer(clip.drawing.effects, open_plate)
        self.reach = self._drawer.reach
        self.surveys = self._drawer.surveys
        self._keeps_numbers = _keeps_numbers(path, clip)
        codec = "prores4444" if clip.drawing.edit_is_transparent else "h264"
        super().__init__(path, clip, self._drawn, codec)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at in what was written."""
        return self._drawer.remarks

    def survey(self, masks: FrameMasks) -> None:
        """Shows a frame to the effects that must know the whole clip."""
        self._drawer.survey(self._scene(masks))

    def _drawn(self, masks: FrameMasks) -> Picture:
        frame = masks.frame
        around = [self._scene(one) for one in masks.around if one.frame.index != frame.index]
        drawn = self._drawer.draw(self._scene(masks), around)
        if drawn.alpha is not None:
            return draw_refined_matte(drawn.picture, drawn.alpha, frame.alpha)
        if self._clip.drawing.edit_is_transparent:  # outside of the effect's time
            return draw_refined_matte(drawn.picture, np.ones(drawn.touched.shape, np.float32), frame.alpha)
        canvas = self._clip.canvas(frame)
        if isinstance(canvas, Yuv420):
            return into_planes(canvas, drawn.picture, drawn.touched)
        if frame.alpha is None:
            return drawn.picture
        if self._keeps_numbers:
            return _with_opacity(drawn.picture, frame.alpha)
        self._clip.reader.warn(_NO_ALPHA)
        return drawn.picture

    def _scene(self, masks: FrameMasks) -> Scene:
        """What effects are told about a frame."""
        frame = masks.frame
        canvas = self._clip.canvas(frame)
        planes = canvas if isinstance(canvas, Yuv420) else None
        return scene_of(
            masks,
            frame.finest if self._keeps_numbers else _pixels(frame, canvas),
            self._clip,
            2 if planes is None else planes.colour.transfer,
            wide_gamut=planes is not None and planes.colour.wide_gamut,
        )


_NO_ALPHA = "the source's transparency is not in the edit, which shows it over grey; PNG and TIFF keep it"


def _keeps_numbers(path: Path, clip: Clip) -> bool:
    """Whether pictures are written one by one in files that hold all that pictures do: 16 bits and alpha."""
    form = clip.form
    if clip.info.kind == "video" or (form is not None and form.in_time):
        return False
    ending = path.suffix if form is None or form.layout == "picture" else form.picture_ending
    return (ending or ".png").lower() in (".png", ".tif", ".tiff", ".exr")


def _with_opacity(
    picture: NDArray[Any], opacity: NDArray[np.uint8] | NDArray[np.uint16]
) -> NDArray[np.uint16]:
    """(H, W, 4) uint16 RGBA of a picture that is as opaque as it was."""
    colours, alpha = (
        one.astype(np.uint16) * np.uint16(257) if one.dtype == np.uint8 else one for one in (picture, opacity)
    )
    return np.dstack([colours, alpha])


def scene_of(
    masks: FrameMasks,
    picture: NDArray[np.uint8] | NDArray[np.uint16],
    clip: Clip,
    transfer: int = 2,
    *,
    wide_gamut: bool = False,
) -> Scene:
    """A frame with everything that was found on it, as effects see it.

    Args:
        masks: of all objects on the frame.
        picture: (H, W, 3) RGB of it.
        clip: the input.
        transfer: number of the transfer function in ITU-T H.273.
        wide_gamut: whether the primaries are those of BT.2020.
    """
    evidence = masks.evidence
    trust = [1.0] * len(masks) if evidence is None else [float(one) for one in evidence.confidences]
    objects = tuple(
        Seen(found.id, found.prompt.id, found.label, alpha, confidence)
        for found, alpha, confidence in zip(masks.objects, masks.alphas, trust, strict=True)
    )
    rate = float(clip.reader.rate)
    return Scene(masks.frame.index, masks.frame.seconds, picture, objects, rate, transfer, wide_gamut)


def _pixels(frame: Frame, canvas: Picture) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(H, W, 3) RGB of what is drawn on, as fine as its planes are."""
    if not isinstance(canvas, Yuv420):
        return canvas
    return frame.finest if canvas.depth > 8 or canvas.colour.high_range else frame.image
