"""When what runs for every frame is compiled, and what is said where that fails."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sa2va_cli.model.fixed import Compile

SHAPES = 64
"""Numbers of objects and of keyframes for which one process compiles; torch's own limit of 8 is an error."""


@dataclass(frozen=True)
class Compiling:
    """How and when SAM 2's image encoder and its step from frame to frame are compiled.

    Attributes:
        function: makes a compiled function of one.
        least_frames: clips with fewer frames, or an unknown number of them, are followed without; 0 for none.
        required: whether failing is an error; otherwise the clip is followed without.
    """

    function: Compile
    least_frames: int = 0
    required: bool = False

    def pays(self, frames: int | None) -> bool:
        """Whether it is to be done for a clip of so many frames; None where that is not known."""
        return not self.least_frames or (frames is not None and frames >= self.least_frames)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or what caused it, is that memory ran out; compilers are not to be blamed for it."""
    return any(isinstance(cause, (MemoryError, torch.OutOfMemoryError)) for cause in _causes(error))


def reason(error: BaseException) -> str:
    """What went wrong first, in one line: torch wraps the errors of compilers in several of its own."""
    *_, first = _causes(error)
    lines = str(first).strip().splitlines()
    said = textwrap.shorten(lines[0], 160, placeholder="...") if lines else ""
    return f"{type(first).__name__}: {said}" if said else type(first).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, what caused that."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
