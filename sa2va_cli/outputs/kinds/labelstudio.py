"""Tasks for Label Studio."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.labelstudio import LabelStudioSink

    return LabelStudioSink(path, objects, source=clip.stem, by_source_number=clip.by_source_number)


KIND = OutputKind(
    "Label Studio tasks with brush masks and boxes.",
    _make,
    video=(".json",),
    image=(".json",),
    frames=(".json",),
    finish="annotated",
)
