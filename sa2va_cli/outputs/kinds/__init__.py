"""The table of everything that ``--save`` knows: one file for each kind, one row here."""

from collections.abc import Sequence

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.outputs.kind import OutputKind
from sa2va_cli.outputs.kinds import (
    coco,
    compare,
    crop,
    cutout,
    cvat,
    datumaro,
    davis,
    edit,
    hint,
    labelme,
    labelstudio,
    markers,
    mask,
    matte,
    overlay,
    preview,
    sheet,
    stacked,
    tracks,
    yolo,
)

KINDS: dict[str, OutputKind] = {
    "mask": mask.KIND,
    "overlay": overlay.KIND,
    "matte": matte.KIND,
    "cutout": cutout.KIND,
    "crop": crop.KIND,
    "stacked": stacked.KIND,
    "hint": hint.KIND,
    "coco": coco.KIND,
    "davis": davis.KIND,
    "yolo": yolo.KIND,
    "labelme": labelme.KIND,
    "cvat": cvat.KIND,
    "datumaro": datumaro.KIND,
    "labelstudio": labelstudio.KIND,
    "sheet": sheet.KIND,
    "markers": markers.KIND,
    "edit": edit.KIND,
    "side": compare.SIDE,
    "wipe": compare.WIPE,
    "preview": preview.KIND,
    "tracks": tracks.KIND,
}
"""Everything that ``--save`` knows."""


def check_kinds(names: Sequence[str]) -> None:
    """Checks the names given with ``--save``.

    Raises:
        UsageError: there is none, or an unknown one; lists the allowed ones.
    """
    field, allowed = (
        parameter("kinds", option="--save"),
        ", ".join(name for name, kind in KINDS.items() if not kind.needs_effects),
    )
    for name in names:
        if name not in KINDS:
            raise UsageError(f"unknown {field} {name!r}; choose from {allowed}")
    if not names:
        raise UsageError(f"nothing to save; choose from {allowed} with {field}")
