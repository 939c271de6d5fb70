"""A folder of palette PNGs, as DAVIS and YouTube-VOS have them."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.export.davis import DavisSink
from sa2va_cli.outputs.kind import FOLDER, Clip, Objects, OutputKind


def _make(path: Path, _: Clip, objects: Objects) -> Sink:
    return DavisSink(path, objects)


KIND = OutputKind("palette PNGs.", _make, video=(FOLDER,), image=(FOLDER,))
