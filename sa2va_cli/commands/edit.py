"""``sa2va edit``: a plan out of a sentence, options or a file; one call; and what came of it."""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, completion, only, without
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.standard_output import check_standard_output
from sa2va_cli.commands.startup import collector_paused
from sa2va_cli.editing.asked import plan_asked
from sa2va_cli.editing.grammar import parse_instruction
from sa2va_cli.editing.plan import EditPlan
from sa2va_cli.editing.schema import plan_document
from sa2va_cli.errors import LookAtTheseError, UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.saving import Saving, split_names
from sa2va_cli.parameters import one_of
from sa2va_cli.pipeline.edit_job import EditJob, Looking
from sa2va_cli.render.effects.table import EFFECTS
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from sa2va_cli.datatypes import AnySegmenter
    from sa2va_cli.pipeline.result import SegmentResult
    from sa2va_cli.runtime.device import Placement

INTERPRETERS = ("grammar", "model")
EPILOG = (
    "\n\nExit codes: those of segment, and 9: done, but something that should be hidden may be seen.\n\n"
    + examples(
        'sa2va edit samples/park.mp4 "turn the girl in red dress into ink wash from 0:01" --model demo',
        'sa2va edit clip.mp4 "把第三秒穿红裙女孩换成水墨风"',
        'sa2va edit street.mp4 "blur all faces and number plates"',
        'sa2va edit clip.mp4 --target "the dog" --effect outline=red,width=4 --from 1 --to 0:02',
        "sa2va edit clip.tracks.sa2va --effect background=plate.mp4",
    )
)


def _effects_text() -> str:
    rows = " ".join(f"{name}: {row.text}." for name, row in EFFECTS.items())
    return f"What is done: NAME, NAME=VALUE or NAME=VALUE,key=value; several in their order. {rows}"


def edit_command(
    *,
    session: Session,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, pictures, or a tracks file (then no model is loaded).",
            show_default=False,
        ),
    ],
    instruction: Annotated[
        str | None,
        typer.Argument(
            metavar="[INSTRUCTION]", help="What to do, in English or Chinese.", show_default=False
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="WORDS",
            help="What is changed: words, #2 for an object of tracks, background, or picture; repeatable.",
        ),
    ] = None,
    effect: Annotated[
        list[str] | None,
        typer.Option("--effect", metavar="EFFECT", help=_effects_text(), autocompletion=completion(EFFECTS)),
    ] = None,
    begins: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Where effects begin: 2.5, 0:02, 60f, 50%, -2."),
    ] = None,
    ends: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Before where effects end.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="A plan as --dry-run writes it.")
    ] = None,
    interpret: Annotated[
        str,
        typer.Option(
            "--interpret", metavar="HOW", help="What reads the instruction: grammar, or model (a chat model)."
        ),
    ] = "grammar",
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare", metavar="HOW", help="Make a video of source and result, too: side or wipe."
        ),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Make only a contact sheet of source and result at 6 times.")
    ] = False,
    hold: Annotated[
        int | None,
        typer.Option(
            "--hold",
            metavar="FRAMES",
            min=0,
            max=50,
            help="How long what hides holds a mask that goes missing.",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            metavar="NAME",
            help="What makes frames of words: a program, or wan-vace, wan-animate, lucy-edit (extra).",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="IMAGE", help="Who is to be seen, for --backend wan-animate."),
    ] = None,
    save: Annotated[
        list[str] | None,
        typer.Option(
            "--save",
            metavar="KIND",
            help="Make this, too: tracks, mask, ...",
            autocompletion=completion(KINDS),
        ),
    ] = None,
    video: Annotated[
        str | None,
        typer.Option("--source", metavar="PATH", help="The video of the tracks, if it lies elsewhere now."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take a video that is not the one of the tracks.")
    ] = False,
    looking: Annotated[Looking, without("follow_every")],  # what hides something sees every frame
    saving: Annotated[Saving, without("kinds")],
    drawing: Annotated[
        Drawing,
        only("fill_holes", "min_area", "smooth", "refine", "grow", "shrink", "feather", "font"),
    ],
    delivery: Delivery,
    model: ModelChoice,
    talking: Talking,
) -> None:
    """Change what a sentence names in a video, and nothing else: recolour, stylise, hide, remove, follow."""
    loaded = _Loaded(session)
    if interpret not in INTERPRETERS:
        raise UsageError(f"unknown --interpret {interpret!r}; choose {one_of(INTERPRETERS)}")

    def read(words: str) -> EditPlan:
        if interpret == "model":
            return _interpreted(words, model, loaded)
        return parse_instruction(words, generative=backend is not None)

    made = plan_asked(instruction, target or [], effect or [], (begins, ends), plan, read)
    job = EditJob(
        source,
        made,
        looking,
        model,
        replace(saving, kinds=("edit", *split_names(save or []))),
        drawing,
        delivery,
        compare,
        preview,
        hold,
        backend,
        reference,
        video,
        force,
    )
    if talking.dry_run:
        _show_plan(job, session)
        return
    check_standard_output(job.saving, as_json=talking.as_json)
    _run(job, session, loaded, as_json=talking.as_json)


class _Loaded:
    """Loads a model once, for whatever first needs it.

    Args:
        session: says how.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: dict[tuple[ModelChoice, Placement], AnySegmenter] = {}

    def __call__(self, choice: "ModelChoice", placement: "Placement") -> "AnySegmenter":
        """The model."""
        from sa2va_cli.runtime.loading import import_network, load_segmenter

        if (choice, placement) not in self._made:
            with collector_paused() as imported:
                if self._session.load is None:
                    import_network()
                imported()
                self._made[choice, placement] = (self._session.load or load_segmenter)(choice, placement)
        return self._made[choice, placement]


def _interpreted(instruction: str, model: ModelChoice, loaded: _Loaded) -> EditPlan:
    """The plan that a chat model makes of an instruction.

    Raises:
        UsageError: it makes none, or cannot be talked to.
    """
    from sa2va_cli.editing.interpretation import interpreted
    from sa2va_cli.runtime.loading import memory_errors_explained

    placement = model.placed()
    name = model.name_on(placement)
    with memory_errors_explained(name, placement):
        engine: Any = loaded(model, placement)
        if not hasattr(engine, "converse"):
            raise UsageError(f"--interpret model: {name} cannot be talked to; leave it out")
        return interpreted(instruction, engine)


def _show_plan(job: EditJob, session: Session) -> None:
    """Shows a plan in words, and as JSON that ``--plan`` reads; fails where the run would fail at once."""
    from sa2va_cli.pipeline.editing import (
        check_not_numbered,
        planned_editing,
        planned_from_tracks,
        planned_pictures,
    )

    check_not_numbered(job)
    with session.console.reporting() as report:
        if job.is_tracks:
            with planned_from_tracks(job, report) as rendering:
                outputs = rendering.outputs
        elif job.plan.only_pictures:
            with planned_pictures(job, report) as pictures:
                outputs = pictures.outputs
        else:
            with planned_editing(job, report) as plan:
                outputs = plan.outputs
                session.console.line(f"keyframes  {', '.join(map(str, plan.keyframes))}")
    for line in job.plan.lines:
        session.console.line(line)
    for output in outputs:
        session.console.line(f"would make {output.path}{'/' if output.folder else ''}")
    session.console.data(plan_document(job.plan))


def _run(job: EditJob, session: Session, load: _Loaded, *, as_json: bool) -> None:
    from sa2va_cli.pipeline.editing import edit

    if job.plan.instruction:
        for line in job.plan.lines:
            session.console.line(line)

    def threads(segmenter: "AnySegmenter") -> AbstractContextManager[int]:
        from sa2va_cli.runtime.threads import divide_cores

        return divide_cores(segmenter)

    with session.console.reporting() as report:
        try:
            result = edit(job, load=load, report=report, threads=threads)
        except (Interrupted, KeyboardInterrupt):
            raise Interrupted("interrupted; nothing was written") from None
    _tell(job, result, session, as_json=as_json)


def _tell(job: EditJob, result: "SegmentResult", session: Session, *, as_json: bool) -> None:
    """Shows what came of it.

    Raises:
        LookAtTheseError: something that should be hidden may be seen.
    """
    from sa2va_cli.commands.documents import result_document
    from sa2va_cli.editing.remarks import remarked_ranges

    ranges = remarked_ranges(result.remarks)
    session.console.result(result)
    for one in ranges:
        session.console.warning(one.text)
    if as_json:
        document = result_document(result) | {"plan": plan_document(job.plan)}
        session.console.data(document | {"remarks": [one.document for one in ranges]})
    told = (("unprotected", "nothing was hidden"), ("doubtful", "it is not sure that all was hidden"))
    faults = []
    for what, text in told:
        frames = ", ".join(
            f"{one.first}-{one.last}" if one.last > one.first else str(one.first)
            for one in ranges
            if one.what == what
        )
        if frames:
            faults.append(f"{text} on frames {frames}")
    if faults:
        raise LookAtTheseError(f"done, but look at these: {'; '.join(faults)}")
