"""The source with effects on its objects."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.editing import EditSink

    return EditSink(path, clip, objects)


KIND = OutputKind(
    "the source with effects on objects (sa2va edit).",
    _make,
    for_each_prompt=False,
    finish="alphas",
    transparent=lambda drawing: drawing.edit_is_transparent,
    content="colour",
    needs_effects=True,
)
