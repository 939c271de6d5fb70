"""What a run of ``sa2va edit`` is asked to do; importing it is instant."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.editing.plan import EditPlan
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import expanded, one_of
from sa2va_cli.pipeline.search import Search
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Prompt

COMPARISONS = ("side", "wipe")


@dataclass(frozen=True)
class Looking(Search):
    """Where and how things are looked for; what is looked for is said by the plan."""

    prompts: "tuple[Prompt, ...]" = ()

    def __post_init__(self) -> None:
        """Is checked when the prompts are known."""

    def searching(self, prompts: "tuple[Prompt, ...]") -> Search:
        """The search for some prompts.

        Raises:
            UsageError: a value is not allowed.
        """
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "prompts"}
        return Search(prompts, **own)


@dataclass(frozen=True)
class EditJob:
    """One run of ``sa2va edit``.

    Attributes:
        source: a video, pictures, or a tracks file.
        plan: what is to be done.
        looking: where and how things are looked for; not for tracks.
        model: which model, and how it runs; not for tracks.
        saving: where it goes; its kinds are made besides the edit.
        drawing: edges of what is edited.
        delivery: how it is stored.
        compare: ``side`` or ``wipe`` for a video of source and result, too.
        preview: whether only a contact sheet of a few frames is made.
        hold: frames over which a mask that goes missing is held, for effects that hide; None for theirs.
        backend: what makes frames of words; None for nothing.
        reference: a picture of who is to be seen, for back-ends that need one.
        video: where the video of tracks lies, if elsewhere now.
        force: whether a video that is not the one of the tracks is taken all the same.

    Raises:
        UsageError: something is asked for that cannot be meant.
    """

    source: str
    plan: EditPlan
    looking: Looking = field(default_factory=Looking)
    model: ModelChoice = field(default_factory=ModelChoice)
    saving: Saving = field(default_factory=lambda: Saving(("edit",)))
    drawing: Drawing = field(default_factory=Drawing)
    delivery: Delivery = field(default_factory=Delivery)
    compare: str | None = None
    preview: bool = False
    hold: int | None = None
    backend: str | None = None
    reference: Path | None = None
    video: str | None = None
    force: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", expanded(self.source))
        if self.compare is not None and self.compare not in COMPARISONS:
            raise UsageError(f"unknown {parameter('compare')} {self.compare!r}; choose {one_of(COMPARISONS)}")
        if self.plan.generates and self.backend is None:
            raise UsageError(
                "the effect generate needs what makes it: --backend ./program, or one of sa2va[generate]"
            )
        extra = tuple(kind for kind in self.saving.kinds if kind not in ("edit", "preview", *COMPARISONS))
        made = ("preview",) if self.preview else ("edit", *filter(None, [self.compare]), *extra)
        metadata = self.saving.metadata or ("strip" if self.plan.protects else None)
        # What hides must be seen to have hidden nothing: then all frames are listed.
        empty = self.saving.allow_empty or self.plan.protects
        saving = replace(self.saving, kinds=made, metadata=metadata, allow_empty=empty)
        object.__setattr__(self, "saving", saving)

    @property
    def is_tracks(self) -> bool:
        """Whether the source is a tracks file."""
        path = Path(self.source)
        from sa2va_cli.tracks.log import MAGIC

        try:
            if not path.is_file():
                return False
            with path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC
        except (OSError, ValueError):
            return False
