"""The source beside what effects have made of it, or the one wiped over the other."""

from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.outputs.kind import Objects, OutputKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sa2va_cli.datatypes import Sink
    from sa2va_cli.outputs.clip import Clip
    from sa2va_cli.outputs.comparing import Manner


def _making(manner: "Manner") -> "Callable[[Path, Clip, Objects], Sink]":
    def make(path: Path, clip: "Clip", _: Objects) -> "Sink":
        from sa2va_cli.outputs.comparing import CompareSink

        return CompareSink(path, clip, manner)

    return make


SIDE = OutputKind(
    "the source beside its edit.",
    _making("side"),
    for_each_prompt=False,
    finish="alphas",
    content="colour",
    needs_effects=True,
)
WIPE = OutputKind(
    "the edit wiped over its source.",
    _making("wipe"),
    for_each_prompt=False,
    finish="alphas",
    content="colour",
    needs_effects=True,
)
