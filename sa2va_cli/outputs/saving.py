"""What a run is to save, and where; importing it is instant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.outputs.kinds import KINDS, check_kinds
from sa2va_cli.parameters import SAVING, Option, Switch, Switches, check_fields, expanded

Existing = Literal["refuse", "overwrite", "skip"]
STANDARD_OUTPUT = "-"
"""What ``-o`` is where pictures go there."""
DEFAULT_KINDS = ("mask", "overlay")


def _kinds_text() -> str:
    rows = " ".join(f"{name}: {kind.text}" for name, kind in KINDS.items() if not kind.needs_effects)
    return f"What to make; several with commas, or repeated. {rows}"


def split_names(given: str | Iterable[str]) -> tuple[str, ...]:
    """Takes names apart that are separated by commas: ``mask,overlay`` is ``mask`` and ``overlay``."""
    texts = (given,) if isinstance(given, str) else tuple(given)
    return tuple(name for text in texts for part in text.split(",") if (name := part.strip()))


@dataclass(frozen=True)
class Saving:
    """What is saved.

    Attributes:
        kinds: names in ``kinds.KINDS``; also one text with commas.
        output: file, folder or template; None for the current folder.
        existing: what to do about outputs that exist.
        allow_empty: where nothing matches, write empty masks instead of failing.
        source_numbers: call pictures of a video's frames by their numbers in the source.
        verify: read each output again and compare it with what was meant; one that differs is removed.
        metadata: ``strip`` says nothing of what the source's container says, ``keep`` all; None for keeping
            it except where an edit hides something.
        kinds_given: whether somebody chose the kinds.

    Raises:
        UsageError: there is no such kind, or no such way to treat what exists.
    """

    kinds: Annotated[
        tuple[str, ...],
        Option(
            _kinds_text,
            SAVING,
            "KIND",
            names=("--save",),
            read=split_names,
            offered=tuple(name for name, kind in KINDS.items() if not kind.needs_effects),
        ),
    ] = DEFAULT_KINDS
    output: Annotated[
        str | None,
        Option(
            "A file (for one kind), a folder, a template of {stem} {kind} {prompt} {object} {ext}, names of"
            " frames such as out/name.%04d.png or out/name.####.exr, or - for standard output.",
            SAVING,
            "PATH",
            names=("--output", "-o"),
            shown="{stem}.{kind}.{ext} in the current folder",
        ),
    ] = None
    existing: Annotated[
        Existing,
        Switches(
            SAVING,
            (
                Switch(
                    "--overwrite",
                    "overwrite",
                    "Replace outputs that exist; without it they are an error.",
                ),
                Switch("--skip-existing", "skip", "Keep outputs that exist and make only the others."),
            ),
        ),
    ] = "refuse"
    allow_empty: Annotated[bool, Option("Where nothing matches, write empty masks; not exit 4.", SAVING)] = (
        False
    )
    source_numbers: Annotated[
        bool,
        Option("Call pictures of a video's frames by their numbers in the source, not from 0.", SAVING),
    ] = False
    verify: Annotated[
        bool,
        Option("Do not read outputs again to compare them with what was meant; a wrong one stays.", SAVING),
    ] = True

    metadata: Annotated[
        str | None,
        Switches(
            SAVING,
            (
                Switch(
                    "--strip-metadata",
                    "strip",
                    "Leave out what the source's container says (title, dates, place, device, timecode, "
                    "chapters, subtitles); edit does where it hides something.",
                ),
                Switch("--keep-metadata", "keep", "Keep it there, too."),
            ),
        ),
    ] = None

    kinds_given: bool = field(default=False, init=False, repr=False, compare=False)

    @property
    def replaces(self) -> bool:
        """Whether outputs take the place of what is there."""
        return self.existing == "overwrite"

    @property
    def strip_metadata(self) -> bool:
        """Whether outputs say nothing of what the source's container says."""
        return self.metadata == "strip"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds_given", self.kinds is not DEFAULT_KINDS)
        if self.kinds_given:  # the default stays the same object, by which a changed copy knows it
            object.__setattr__(self, "kinds", split_names(self.kinds))
        check_kinds(self.kinds)
        if self.existing not in (allowed := ("refuse", "overwrite", "skip")):
            raise UsageError(
                f"unknown {parameter('existing')} {self.existing!r}; choose {', '.join(allowed)}"
            )
        if self.metadata not in (None, "strip", "keep"):
            raise UsageError(f"unknown {parameter('metadata')} {self.metadata!r}; choose strip or keep")
        check_fields(self)
        if self.output is not None:
            object.__setattr__(self, "output", expanded(self.output))
