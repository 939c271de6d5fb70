"""The kinds of jobs: a file for each, and a row here."""

from collections.abc import Mapping

from sa2va_cli.batch.kinds import ask, edit, render, segment
from sa2va_cli.batch.kinds.kind import JobKind, Tools
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.saving import STANDARD_OUTPUT, Saving
from sa2va_cli.parameters import one_of

__all__ = ["KINDS", "JobKind", "Tools", "check_batchable", "kind_of"]

KINDS: Mapping[str, JobKind] = {
    "segment": segment.KIND,
    "edit": edit.KIND,
    "render": render.KIND,
    "ask": ask.KIND,
}


def kind_of(name: str) -> JobKind:
    """Looks a kind up.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in KINDS:
        raise UsageError(f"unknown kind of job {name!r}; choose {one_of(tuple(KINDS))}")
    return KINDS[name]


def check_batchable(saving: Saving) -> None:
    """Makes sure that many jobs can be saved like this.

    Raises:
        UsageError: they would share standard output.
    """
    if saving.output == STANDARD_OUTPUT:
        raise UsageError("-o - is one stream, and a batch has many outputs; give a folder or a template")
