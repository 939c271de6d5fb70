"""A folder of LabelMe's JSON files."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.export.labelme import LabelmeSink
from sa2va_cli.outputs.kind import FOLDER, Clip, Objects, OutputKind


def _make(path: Path, clip: Clip, objects: Objects) -> Sink:
    return LabelmeSink(path, objects, name_of=clip.frame_name)


KIND = OutputKind("LabelMe polygons, one JSON file for each frame.", _make, video=(FOLDER,), image=(FOLDER,))
