"""COCO JSON: run lengths, boxes and track ids."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.export.coco import CocoSink

    rate = clip.reader.rate if clip.info.kind == "video" else None
    return CocoSink(
        path,
        objects,
        prompts=clip.prompts,
        source=clip.stem,
        sequence=clip.info.kind != "image",
        rate=rate,
        by_source_number=clip.by_source_number,
    )


KIND = OutputKind(
    "JSON with run lengths and track ids.",
    _make,
    video=(".json",),
    image=(".json",),
    frames=(".json",),
    finish="annotated",
)
