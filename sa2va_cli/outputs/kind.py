"""What a kind of output is; the table of all of them is ``kinds.KINDS``.

``--help`` reads that table, so importing a kind is instant: what draws and writes is imported by ``make``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.drawing import Drawing, Finish
from sa2va_cli.outputs.presets import Content

if TYPE_CHECKING:
    from sa2va_cli.datatypes import FoundObject, Sink
    from sa2va_cli.outputs.clip import Clip

Objects = tuple["FoundObject", ...]
FOLDER = ""
"""Stands among file name endings for a folder."""

VIDEO_ENDINGS = (".mp4", ".mov", ".mkv", ".m4v")
ALPHA_VIDEO_ENDINGS = (".mov", ".mkv")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg")
SHAPING = ("fill_holes", "min_area", "smooth", "grow", "shrink")
"""Fields of ``Drawing`` that change the shape of masks."""
SOFTENING = ("refine", "feather")
"""Those that change nothing but edges, which masks for programs have none of."""
TINTING = ("colours", "opacity", "contour", "no_labels", "font")
"""Those of overlays."""


@dataclass(frozen=True)
class OutputKind:
    """One thing that can be saved.

    Attributes:
        text: what it is, for ``--help``.
        make: builds the sink for a path; None for what the run itself writes.
        video: endings allowed for a video, the default first.
        image: the same for one image.
        frames: the same for a folder of frames.
        for_each_prompt: whether there is one for each prompt where names have ``{prompt}``.
        finish: what is done to the masks before they are drawn.
        transparent: says whether with these options it has alpha, which few kinds of file can hold.
        content: what its pictures are, where they have no alpha by that; None for data, whose form cannot be
            chosen.
        needs_effects: whether it shows effects, and is a plain copy of the source without any.
        options: fields of ``Drawing``, or of ``Delivery`` where they are about drawing, that change it beside
            those that change masks.
    """

    text: str
    make: Callable[[Path, "Clip", Objects], "Sink"] | None
    video: tuple[str, ...] = VIDEO_ENDINGS
    image: tuple[str, ...] = PICTURE_ENDINGS
    frames: tuple[str, ...] = (FOLDER,)
    for_each_prompt: bool = True
    finish: Finish = "drawn"
    transparent: Callable[[Drawing], bool] = lambda _: False
    content: Content | None = None
    needs_effects: bool = False
    options: tuple[str, ...] = ()

    def takes(self, option: str) -> bool:
        """Whether an option of drawing can change it."""
        shaped = self.finish != "none" and option in SHAPING
        softened = self.finish not in ("none", "annotated") and option in SOFTENING
        return shaped or softened or option in self.options

    def drawn(self, drawing: Drawing | None) -> "OutputKind":
        """What it is when it is drawn so."""
        if not self.transparent(drawing or Drawing()):
            return self
        return replace(self, video=ALPHA_VIDEO_ENDINGS, image=(".png",), frames=(FOLDER,), content="alpha")

    def endings(self, source_kind: str, drawing: Drawing | None = None) -> tuple[str, ...]:
        """Returns the endings allowed for a kind of input."""
        kind = self.drawn(drawing)
        return {"video": kind.video, "image": kind.image, "frames": kind.frames}[source_kind]
