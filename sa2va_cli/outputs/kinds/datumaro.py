"""Datumaro's JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.datumaro import DatumaroSink

    numbers = clip.by_source_number
    return DatumaroSink(path, objects, prompts=clip.prompts, source=clip.stem, by_source_number=numbers)


KIND = OutputKind(
    "Datumaro JSON with masks.",
    _make,
    video=(".json",),
    image=(".json",),
    frames=(".json",),
    finish="annotated",
)
