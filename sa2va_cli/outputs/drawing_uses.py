"""Which fields of ``Drawing`` the outputs of each kind are drawn by; tests hold every row to what is written.

Knows nothing about how anything is drawn.
"""

from collections.abc import Iterable

from sa2va_cli.outputs.kinds import KINDS

_SHAPE = ("fill_holes", "min_area", "smooth", "grow", "shrink")
_EDGE = ("refine", "feather")
_LOOK = ("colours", "opacity", "contour", "no_labels", "font")
_OWN: dict[str, tuple[str, ...]] = {
    "mask": ("soft",),
    "overlay": _LOOK,
    "sheet": _LOOK,
    "crop": (*_LOOK, "crop_mode", "crop_padding", "crop_aspect", "crop_clean"),
    "cutout": ("cutout_background",),
}
"""What only some kinds have."""


def drawing_uses(kinds: Iterable[str]) -> frozenset[str]:
    """The fields of ``Drawing`` that any of some kinds is drawn by; ``tonemap`` is for the source to say."""
    used = {"tonemap"}
    for kind in kinds:
        finish = "none" if kind == "tracks" else KINDS[kind].finish
        used |= {*(() if finish == "none" else _SHAPE), *_OWN.get(kind, ())}
        used |= {*(() if finish in ("none", "annotated") else _EDGE)}
    return frozenset(used)
