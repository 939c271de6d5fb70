"""Where each object is seen and where its masks are worth a look, for an editor's timeline."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip

ENDINGS = (".edl", ".csv", ".otio")
"""An edit decision list first: it is what puts markers onto a timeline; tables are for scripts."""


def _make(path: Path, clip: "Clip", objects: Objects) -> "Sink":
    from sa2va_cli.outputs.markers import MarkersSink

    return MarkersSink(path, clip, objects)


KIND = OutputKind(
    "ranges worth a look and where objects are seen (EDL, CSV, or OTIO with the extra otio).",
    _make,
    video=ENDINGS,
    image=ENDINGS,
    frames=ENDINGS,
    finish="none",
)
