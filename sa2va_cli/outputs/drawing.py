"""How outputs are drawn: edges, overlays, masks, backgrounds and crops; importing it is instant.

Knows nothing about what is saved, nor where.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.parameters import DRAWING, Option, check_fields, expanded, named
from sa2va_cli.render.effects.reading import EffectUse
from sa2va_cli.render.palette import NAMED_COLOURS, Colour, colour_of
from sa2va_cli.render.refine.parameters import PARAMETERS, REFINEMENT_NAMES

Finish = Literal["none", "annotated", "drawn", "joined", "alpha", "alphas"]
"""What is done to the masks of a kind before they are drawn: nothing; what changes their shape; their edges,
too; the same to all objects in one; that with an edge that is found in the picture by default; the last for
each object by itself."""

DEFAULT_EDGE = "guided"
"""The refinement of what is laid over other pictures."""

CROP_MODES = ("union", "follow")


def _stage_text(name: str) -> Callable[[], str]:
    parameter = PARAMETERS[name]
    return lambda: f"{parameter.help[0].upper()}{parameter.help[1:]}."


def _stage(name: str, metavar: str) -> Option:
    return Option(_stage_text(name), DRAWING, metavar, names=(f"--{name}",))


def _number_or_word(given: str) -> float | str:
    try:
        return float(given)
    except ValueError:
        return given


def read_colours(given: str | Iterable[str]) -> tuple[str, ...]:
    """Takes a list of colours apart: ``red,#00ff80``."""
    texts = (given,) if isinstance(given, str) else tuple(given)
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class Drawing:
    """How outputs are drawn.

    Attributes:
        fill_holes: pixels of the largest hole that is filled.
        min_area: pixels of the smallest part that stays.
        smooth: over how many frames before and after masks are steadied.
        refine: what finds the edge again in the picture; None for what suits each kind.
        grow: pixels by which the edge moves outwards.
        shrink: pixels by which it moves inwards.
        feather: pixels to which it is soft on either side.
        soft: draw masks as probabilities.
        colours: of the objects in an overlay, in their order; they repeat after the last.
        opacity: how much of an object's colour is mixed in.
        contour: pixels of the line around an object, or ``off``; None for what suits the picture.
        no_labels: draw no name plates.
        font: file of the font for name plates; None for one of this computer.
        cutout_background: a colour, ``blur``, ``none`` or an image.
        crop_mode: one box for the whole clip, or one that follows the objects.
        crop_padding: what is added around the objects, as a share of their width and height.
        crop_aspect: ``W:H`` of the crop as it is shown; None for that of the objects.
        crop_clean: crop the picture without the overlay.
        tonemap: make ordinary video (BT.709) of high dynamic range, instead of keeping it.
        effects: what is done to objects in an edit, in order.

    Raises:
        UsageError: a value is not allowed.
    """

    fill_holes: Annotated[int, _stage("fill-holes", "PIXELS")] = 0
    min_area: Annotated[int, _stage("min-area", "PIXELS")] = 0
    smooth: Annotated[int, _stage("smooth", "FRAMES")] = 0
    refine: Annotated[
        str | None,
        Option(
            "Find edges again in the picture: none, guided, closed-form (extra: matting) or vitmatte.",
            DRAWING,
            "HOW",
            choices=REFINEMENT_NAMES,
            shown=f"{DEFAULT_EDGE} for matte and cutout, else none",
        ),
    ] = None
    grow: Annotated[float, _stage("grow", "PIXELS")] = 0.0
    shrink: Annotated[float, _stage("shrink", "PIXELS")] = 0.0
    feather: Annotated[float, _stage("feather", "PIXELS")] = 0.0
    soft: Annotated[bool, Option("Masks in grey: how probable each pixel is.", DRAWING)] = False
    colours: Annotated[
        tuple[str, ...],
        Option("Colours of the objects, in their order: red,#00ff80.", DRAWING, "LIST", read=read_colours),
    ] = ()
    opacity: Annotated[
        float, Option("How much of its colour an overlay mixes into an object, 0 to 1.", DRAWING, "SHARE")
    ] = 0.33
    contour: Annotated[
        str | float | None,
        Option(
            "Width in pixels of the line around an object, or off.",
            DRAWING,
            "WIDTH",
            read=_number_or_word,
            shown="by the size of the picture",
        ),
    ] = None
    no_labels: Annotated[bool, Option("Overlays without name plates.", DRAWING)] = False
    font: Annotated[
        str | None,
        Option("A font file for name plates, where no font here has the letters.", DRAWING, "FILE"),
    ] = None
    cutout_background: Annotated[
        str, Option("What cutout puts behind objects: a colour, blur, an image, or none.", DRAWING, "WHAT")
    ] = "white"
    crop_mode: Annotated[
        str,
        Option(
            "One box for all frames (union), or one of the same size that goes along (follow).",
            DRAWING,
            "HOW",
            choices=CROP_MODES,
        ),
    ] = "union"
    crop_padding: Annotated[
        float, Option("What crop adds around objects, as a share of their size.", DRAWING, "SHARE")
    ] = 0.1
    crop_aspect: Annotated[
        str | None,
        Option("Shape of the crop, such as 16:9; objects that do not fit are cut.", DRAWING, "W:H"),
    ] = None
    crop_clean: Annotated[bool, Option("Crop the picture itself, without the overlay.", DRAWING)] = False
    tonemap: Annotated[
        bool,
        Option("Ordinary video (BT.709) of high dynamic range (PQ, HLG), which is kept otherwise.", DRAWING),
    ] = False
    effects: tuple[EffectUse, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "colours", read_colours(self.colours))
        check_fields(self)
        for name in ("fill_holes", "min_area", "smooth", "grow", "shrink", "feather", "crop_padding"):
            self._check_number(name, 0, float("inf"))
        self._check_number("opacity", 0, 1)
        if self.grow and self.shrink:
            raise UsageError(f"{self._named('grow')} and {self._named('shrink')} undo each other; give one")
        if isinstance(self.contour, str) and self.contour != "off":
            raise UsageError(
                f"{self._named('contour')} must be a width in pixels or off, got {self.contour!r}"
            )
        if self.contour not in (None, "off"):
            self._check_number("contour", 0, float("inf"))
        for colour in self.colours:
            if colour_of(colour) is None:
                raise UsageError(
                    f"unknown colour {colour!r} in {self._named('colours')}; choose {_colour_words()}"
                )
        if self.crop_aspect is not None and self.aspect is None:
            raise UsageError(
                f"{self._named('crop_aspect')} must be two numbers such as 16:9, got {self.crop_aspect!r}"
            )
        for name in ("font", "cutout_background"):
            path = getattr(self, name)
            object.__setattr__(self, name, None if path is None else expanded(path))

    def _named(self, name: str) -> str:
        return named(type(self), name)

    def _check_number(self, name: str, least: float, most: float) -> None:
        given: Any = getattr(self, name)
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if not (is_number and least <= given <= most and given != float("inf")):
            allowed = f"at least {least:g}" if most == float("inf") else f"from {least:g} to {most:g}"
            raise UsageError(f"{self._named(name)} must be {allowed}, got {given!r}")

    @property
    def contour_width(self) -> float | None:
        """Pixels of the line around an object, 0 for none; None for what suits the picture."""
        return 0.0 if self.contour == "off" else None if self.contour is None else float(self.contour)

    @property
    def aspect(self) -> float | None:
        """Width by height of a crop as it is shown; None where nothing was asked for."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)[:/x](\d+(?:\.\d+)?)", self.crop_aspect or "")
        if found is None or not all(map(float, found.groups())):
            return None
        return float(found[1]) / float(found[2])

    @property
    def object_colours(self) -> tuple[Colour, ...]:
        """Those that were asked for."""
        return tuple(found for found in map(colour_of, self.colours) if found is not None)

    @property
    def is_transparent(self) -> bool:
        """Whether a cutout has nothing behind it."""
        return self.cutout_background == "none"

    @property
    def edit_is_transparent(self) -> bool:
        """Whether an edit has nothing behind the objects."""
        return any(use.row.is_transparent(use.values) for use in self.effects)

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read beside the input."""
        plates = [use.values.get("plate") for use in self.effects if use.row.opens_files]
        there = [plate for plate in plates if plate and Path(plate).is_file()]
        return tuple(Path(one) for one in (self.font, self.background_image, *there) if one is not None)

    @property
    def background_image(self) -> str | None:
        """The file that is put behind a cutout, if it is one."""
        background = self.cutout_background
        is_word = background in ("blur", "none") or colour_of(background) is not None
        return None if is_word else background

    def refinement(self, finish: Finish) -> str:
        """Which refinement masks get."""
        if finish in ("none", "annotated"):
            return "none"
        return self.refine or (DEFAULT_EDGE if finish in ("alpha", "alphas") else "none")

    def check_needs(self) -> None:
        """Makes sure that what is needed beside the input is there, before anything is loaded.

        Raises:
            UsageError: a package is not installed, or a background cannot be meant.
            InputError: a file cannot be read.
        """
        if self.refine == "closed-form" and find_spec("pymatting") is None:
            raise UsageError(
                f"{self._named('refine')} closed-form needs pymatting, which is not installed: "
                "pip install 'sa2va[matting]'"
            )
        if self.font is not None:
            _check_font(self.font)
        if self.background_image is not None:
            if not Path(self.background_image).exists():
                raise UsageError(
                    f"{self._named('cutout_background')} is no file and no colour: "
                    f"{self.background_image!r}; "
                    f"give blur, none, an image, or {_colour_words()}"
                )
            from sa2va_cli.media.images import read_image

            read_image(Path(self.background_image))


def _colour_words() -> str:
    return f"#rrggbb or one of {', '.join(NAMED_COLOURS)}"


def _check_font(file: str) -> None:
    from PIL import ImageFont

    try:
        ImageFont.truetype(file, 16)
    except OSError as error:
        raise InputError(f"{file}: not a font that can be read; give a .ttf, .otf or .ttc file") from error
