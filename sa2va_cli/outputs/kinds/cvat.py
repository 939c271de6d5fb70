"""CVAT's XML for images."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.export.cvat import CvatSink
from sa2va_cli.outputs.kind import Clip, Objects, OutputKind


def _make(path: Path, clip: Clip, objects: Objects) -> Sink:
    return CvatSink(path, objects, prompts=clip.prompts, source=clip.stem)


KIND = OutputKind("CVAT XML with masks.", _make, video=(".xml",), image=(".xml",), frames=(".xml",))
