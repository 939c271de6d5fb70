"""The table of back-ends: ``--backend NAME``, ``NAME=FOLDER_OR_ID``, or a program."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.generation.backend import BackEnd
from sa2va_cli.generation.executable import executable
from sa2va_cli.parameters import one_of


@dataclass(frozen=True)
class BackEndRow:
    """A back-end that is known by name.

    Attributes:
        text: what it is, for help.
        weights: what is loaded where nothing else is named: an id of the Hugging Face hub.
        make: loads it.
    """

    text: str
    weights: str
    make: Callable[[str, Path | None], BackEnd]


def _wan_vace(weights: str, _: Path | None) -> BackEnd:
    from sa2va_cli.generation.diffusion import WanVace, load_pipeline

    return WanVace(load_pipeline("WanVACEPipeline", weights))


def _wan_animate(weights: str, reference: Path | None) -> BackEnd:
    from sa2va_cli.generation.diffusion import WanAnimate, load_pipeline

    if reference is None:
        raise UsageError("--backend wan-animate needs --reference IMAGE: a picture of who is to be seen")
    if not reference.is_file():
        raise InputError(f"--reference {reference}: there is no such file")
    return WanAnimate(load_pipeline("WanAnimatePipeline", weights), reference)


def _lucy_edit(weights: str, _: Path | None) -> BackEnd:
    from sa2va_cli.generation.diffusion import LucyEdit, load_pipeline

    return LucyEdit(load_pipeline("LucyEditPipeline", weights))


BACK_ENDS: Mapping[str, BackEndRow] = {
    "wan-vace": BackEndRow("Wan 2.1 VACE", "Wan-AI/Wan2.1-VACE-1.3B-diffusers", _wan_vace),
    "wan-animate": BackEndRow(
        "Wan 2.2 Animate, replacing", "Wan-AI/Wan2.2-Animate-14B-Diffusers", _wan_animate
    ),
    "lucy-edit": BackEndRow("Lucy Edit, which takes no mask", "decart-ai/Lucy-Edit-Dev", _lucy_edit),
}
"""By name; all need ``sa2va[generate]``."""


def back_end_of(given: str, reference: Path | None = None) -> BackEnd:
    """The back-end that was asked for.

    Args:
        given: a name in ``BACK_ENDS``, with ``=FOLDER_OR_ID`` for other weights; or a program with arguments.
        reference: a picture of who is to be seen, for those that need one.

    Raises:
        UsageError: there is no such back-end, or its packages are not installed.
        ModelError: its weights are not available.
    """
    name, _, weights = given.partition("=")
    row = BACK_ENDS.get(name)
    if row is not None:
        return row.make(weights or row.weights, reference)
    program = executable(given)
    if program is not None:
        return program
    raise UsageError(
        f"unknown --backend {given!r}: neither {one_of(tuple(BACK_ENDS))}, nor a program that can be run; "
        "is it executable (chmod +x), and does its path begin with ./?"
    )
