"""A folder of palette PNGs, as DAVIS and YouTube-VOS have them."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import FOLDER, Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.davis import DavisSink

    return DavisSink(path, objects, by_source_number=clip.by_source_number)


KIND = OutputKind("palette PNGs.", _make, video=(FOLDER,), image=(FOLDER,), finish="annotated")
