"""Datumaro's JSON."""

from pathlib import Path

from sa2va_cli.datatypes import Sink
from sa2va_cli.export.datumaro import DatumaroSink
from sa2va_cli.outputs.kind import Clip, Objects, OutputKind


def _make(path: Path, clip: Clip, objects: Objects) -> Sink:
    return DatumaroSink(path, objects, prompts=clip.prompts, source=clip.stem)


KIND = OutputKind(
    "Datumaro JSON with masks and track ids.", _make, video=(".json",), image=(".json",), frames=(".json",)
)
