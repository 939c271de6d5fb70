"""A folder of LabelMe's JSON files."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import FOLDER, Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.labelme import LabelmeSink

    return LabelmeSink(path, objects, name_of=clip.frame_name)


KIND = OutputKind(
    "LabelMe polygons, a JSON file for each frame.",
    _make,
    video=(FOLDER,),
    image=(FOLDER,),
    finish="annotated",
)
