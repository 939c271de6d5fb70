"""Tasks for Label Studio."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.export.labelstudio import LabelStudioSink
from sa2va_cli.outputs.kind import Clip, Objects, OutputKind


def _make(path: Path, clip: Clip, objects: Objects) -> Sink:
    return LabelStudioSink(path, objects, source=clip.stem)


KIND = OutputKind(
    "Label Studio tasks with brush masks and boxes.",
    _make,
    video=(".json",),
    image=(".json",),
    frames=(".json",),
)
