"""Options of jobs: one value for all that a command line says, and how a row of a manifest changes it.

Every option of ``segment``, ``edit``, ``render`` and ``ask --questions`` that is a field of a group can be
given for each job, by its long name. Knows nothing about files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from typing import Annotated, Any

from sa2va_cli.batch.columns import Column, columns_of
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import ANSWERING, DRAWING, LOOKING, Option, check_fields, declared
from sa2va_cli.pipeline.asking_job import Answering, Viewing
from sa2va_cli.pipeline.search import Search, check_reground
from sa2va_cli.runtime.choice import ModelChoice


@dataclass(frozen=True)
class SharedSearch(Search):
    """What is looked for in every input that does not say otherwise; ``Search`` without its need of prompts.

    Attributes:
        prompts: may be empty, where jobs have their own or need none.
    """

    prompts: Annotated[
        tuple[Any, ...],
        Option(
            "What to look for, in words; may be given several times.",
            LOOKING,
            "PROMPT",
            names=("--prompt", "-p"),
            read=tuple,
        ),
    ] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        check_reground(self.reground)

    @lru_cache(maxsize=64)  # noqa: B019  (jobs that look for the same thing share one value)
    def search(self, prompts: tuple[str, ...] = ()) -> Search:
        """The search of one job.

        Raises:
            UsageError: there is no prompt.
        """
        own = {one.name: getattr(self, one.name) for one in fields(Search) if one.name != "prompts"}
        chosen: tuple[Any, ...] = prompts or self.prompts
        return Search(chosen, **own)


def _texts(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True)
class Editing:
    """What jobs of kind ``edit`` do; see ``sa2va edit``.

    Attributes:
        instruction: in words.
        targets: what is changed.
        effects: how.
        begins: where effects begin.
        ends: before where they end.
        plan: a file that says all this.
        compare: ``side`` or ``wipe``.
        preview: whether only a contact sheet is made.
        hold: frames over which a mask that goes missing is held.
        backend: what makes frames of words.
        reference: a picture of who is to be seen.
    """

    instruction: Annotated[
        str | None, Option("For --kind edit: what to do, in English or Chinese.", DRAWING, "TEXT")
    ] = None
    targets: Annotated[
        tuple[str, ...],
        Option(
            "For --kind edit: what is changed, as for edit; else what --prompt says. Can be repeated.",
            DRAWING,
            "WORDS",
            names=("--target",),
            read=_texts,
        ),
    ] = ()
    effects: Annotated[
        tuple[str, ...],
        Option(
            "For --kind edit: what is done, as for edit; several in their order.",
            DRAWING,
            "EFFECT",
            names=("--effect",),
            read=_texts,
        ),
    ] = ()
    begins: Annotated[
        str | None,
        Option("For --kind edit: where effects begin: 2.5, 0:02, 60f, 50%.", DRAWING, "TIME", ("--from",)),
    ] = None
    ends: Annotated[
        str | None, Option("For --kind edit: before where effects end.", DRAWING, "TIME", ("--to",))
    ] = None
    plan: Annotated[
        str | None, Option("For --kind edit: a plan as sa2va edit --dry-run writes it.", DRAWING, "FILE")
    ] = None
    compare: Annotated[
        str | None,
        Option("For --kind edit: a video of source and result, too: side or wipe.", DRAWING, "HOW"),
    ] = None
    preview: Annotated[
        bool, Option("For --kind edit: make only a contact sheet of source and result.", DRAWING)
    ] = False
    hold: Annotated[
        int | None,
        Option(
            "For --kind edit: how long what hides holds a mask that goes missing.", DRAWING, "FRAMES", least=0
        ),
    ] = None
    backend: Annotated[
        str | None, Option("For --kind edit: what makes frames of words, as for edit.", DRAWING, "NAME")
    ] = None
    reference: Annotated[
        str | None,
        Option("For --kind edit: who is to be seen, for --backend wan-animate.", DRAWING, "IMAGE"),
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.hold is not None and self.hold > _LONGEST_HOLD:
            raise UsageError(f"--hold must be at most {_LONGEST_HOLD}, got {self.hold}")


_LONGEST_HOLD = 50
"""As for ``sa2va edit``, and for ``hold`` of effects (``render.effects.table``)."""


@dataclass(frozen=True)
class FromTracks:
    """Where the video of a tracks file lies, for jobs that draw from one.

    Attributes:
        source: the video, if it lies elsewhere now.
        force: whether one that is not the one of the tracks is taken all the same; only in a manifest, as
            ``--force`` of a batch is another thing.
    """

    source: Annotated[
        str | None,
        Option("For --kind render or edit: the video of the tracks, if it lies elsewhere.", DRAWING, "PATH"),
    ] = None
    force: Annotated[bool, Option("Take a video that is not the one of the tracks.", DRAWING)] = False


@dataclass(frozen=True)
class Asking:
    """What jobs of kind ``ask`` ask; see ``sa2va ask --questions``.

    Attributes:
        questions: a file of questions.
        batch_size: how many are answered at once.
        frames: how many frames of a video the model sees.
    """

    questions: Annotated[
        str | None,
        Option("For --kind ask: ask each line of this file about each input.", ANSWERING, "FILE"),
    ] = None
    batch_size: Annotated[
        int, Option("For --kind ask: answer N questions at once.", ANSWERING, "N", least=1)
    ] = 1
    frames: Annotated[
        int,
        Option("For --kind ask: how many frames of a video the model sees.", ANSWERING, "N", least=1),
    ] = Viewing.frames

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Splitting:
    """Whether a long video is done in parts.

    Attributes:
        split: ``scenes`` or ``minutes``, perhaps with a number of minutes; see ``pipeline.split``.
    """

    split: Annotated[
        str | None,
        Option(
            "Do each video in parts, side by side, and join their tracks: scenes (cut where shots end) or "
            "minutes (every 10, at key frames); scenes:N and minutes:N say how long parts are.",
            LOOKING,
            "HOW",
            shown="in one piece",
        ),
    ] = None


SPECIAL = ("editing", "from_tracks", "asking", "answering", "splitting")
"""The groups of ``Options`` that only some kinds of jobs have a use for."""


@dataclass(frozen=True)
class Options:
    """Everything that can be said of a job besides its input.

    Attributes:
        search: what is looked for.
        saving: what is made.
        drawing: how that is drawn.
        delivery: how it is stored.
        model: which model, the same for all jobs.
        editing: what jobs of kind ``edit`` do.
        from_tracks: where the video of a tracks file lies.
        asking: what jobs of kind ``ask`` ask.
        answering: how they are answered.
    """

    search: SharedSearch = field(default_factory=SharedSearch)
    saving: Saving = field(default_factory=Saving)
    drawing: Drawing = field(default_factory=Drawing)
    delivery: Delivery = field(default_factory=Delivery)
    model: ModelChoice = field(default_factory=ModelChoice)
    editing: Editing = field(default_factory=Editing)
    from_tracks: FromTracks = field(default_factory=FromTracks)
    asking: Asking = field(default_factory=Asking)
    answering: Answering = field(default_factory=Answering)
    splitting: Splitting = field(default_factory=Splitting)

    @property
    def special(self) -> dict[str, str]:
        """The groups of ``SPECIAL`` in which something is said, each with the name of an option of it."""
        said = {}
        for group in SPECIAL:
            value = getattr(self, group)
            plain = type(value)()
            for row in declared(type(value)):
                if group not in said and getattr(value, row.name) != getattr(plain, row.name):
                    own = row.setting.names if isinstance(row.setting, Option) else ()
                    said[group] = own[0] if own else f"--{row.name.replace('_', '-')}"
        return said

    def changed(self, given: Mapping[str, Any], where: str) -> "Options":
        """The options of a job that says some things itself.

        Args:
            given: by long names, dashes as underscores.
            where: names the job, for messages.

        Raises:
            UsageError: an option does not exist, has no such value, or is of the model.
        """
        changes: dict[str, dict[str, Any]] = {}
        switched: dict[str, str] = {}
        for name, value in given.items():
            column = _columns().get(name)
            if column is None:
                raise UsageError(f"{where}: there is no option {name!r} for a job")
            if column.group == "model":
                raise UsageError(f"{where}: {name} is that of all jobs; give --{name} on the command line")
            try:
                read = column.read(value, name)
            except UsageError as error:
                raise UsageError(f"{where}: {error.message}") from error
            own = changes.setdefault(column.group, {})
            if column.constant is None:
                own[column.field] = read
            elif read is None:
                own.setdefault(column.field, getattr(type(getattr(self, column.group))(), column.field))
            elif column.field in switched:
                raise UsageError(f"{where}: {switched[column.field]} and {name} contradict each other")
            else:
                own[column.field], switched[column.field] = read, name
        try:
            made = {name: replace(getattr(self, name), **own) for name, own in changes.items()}
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}") from error
        return replace(self, **made) if made else self

    def as_json(self) -> dict[str, Any]:
        """What decides about results, by group.

        That is not where a model runs, what becomes of what exists, or in how many parts a video is done.
        """
        left_out = {("saving", "existing"), ("saving", "output"), ("model", "device")}
        return {
            group.name: {
                row.name: getattr(getattr(self, group.name), row.name)
                for row in declared(type(getattr(self, group.name)))
                if (group.name, row.name) not in left_out
            }
            for group in fields(self)
            if group.name != "splitting"
        }


@cache
def _columns() -> dict[str, Column]:
    """Every option of a job by its long name with underscores."""
    groups: dict[str, Any] = {one.name: one.default_factory for one in fields(Options)}
    groups["search"] = Search  # prompts are no option of a row: it has them beside its options
    return columns_of(groups)
