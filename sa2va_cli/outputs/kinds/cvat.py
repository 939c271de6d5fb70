"""CVAT's XML for images."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.cvat import CvatSink

    return CvatSink(path, objects, prompts=clip.prompts, source=clip.stem)


KIND = OutputKind(
    "CVAT XML with masks.", _make, video=(".xml",), image=(".xml",), frames=(".xml",), finish="annotated"
)
