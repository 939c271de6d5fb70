"""A folder of YOLO labels for instance segmentation."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.export.yolo import YoloSink
from sa2va_cli.outputs.kind import FOLDER, Clip, Objects, OutputKind


def _make(path: Path, clip: Clip, objects: Objects) -> Sink:
    return YoloSink(path, objects, prompts=clip.prompts, name_of=clip.frame_name)


KIND = OutputKind(
    "YOLO segmentation labels, one polygon for each object.", _make, video=(FOLDER,), image=(FOLDER,)
)
