"""A contact sheet of the source and what effects make of it, as one picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip


def _make(path: Path, clip: "Clip", _: Objects) -> "Sink":
    from sa2va_cli.outputs.comparing import PreviewSink

    return PreviewSink(path, clip)


KIND = OutputKind(
    "a contact sheet of source and edit (PNG).",
    _make,
    video=(".png",),
    image=(".png",),
    frames=(".png",),
    for_each_prompt=False,
    finish="alphas",
    needs_effects=True,
)
