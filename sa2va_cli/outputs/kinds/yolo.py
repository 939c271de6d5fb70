"""A folder of YOLO labels for instance segmentation."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import FOLDER, Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.yolo import YoloSink

    return YoloSink(path, objects, prompts=clip.prompts, name_of=clip.frame_name)


KIND = OutputKind("YOLO segmentation labels.", _make, video=(FOLDER,), image=(FOLDER,), finish="annotated")
