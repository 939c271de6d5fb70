"""``sa2va batch``: its commands, and the one that does many inputs in one go."""

import os
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from sa2va_cli.batch.options import SPECIAL, Asking, Editing, FromTracks, Options, SharedSearch, Splitting
from sa2va_cli.commands.batch_options import Batching
from sa2va_cli.commands.batch_state import (
    ERRORS_EPILOG,
    REJECTED_EPILOG,
    STATUS_EPILOG,
    errors_command,
    rejected_command,
    status_command,
)
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.idle import names_in, refuse_idle, tell_idle_drawing
from sa2va_cli.commands.options import Talking, add_command, without
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.signals import signals_told
from sa2va_cli.errors import BatchError, LookAtTheseError, UsageError
from sa2va_cli.events import Progress
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.asking_job import Answering, Regions, Viewing
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sa2va_cli.batch.estimating import Estimate
    from sa2va_cli.batch.planning import Plan
    from sa2va_cli.batch.progress import BatchResult
    from sa2va_cli.commands.console import Console

RUN_EPILOG = """
Exit codes: 0 all done, 8 some failed, 9 as for sa2va edit, 130 interrupted; those of sa2va segment where \
nothing could be begun.

The same command again does what is missing, interrupted or changed. Ctrl-C once ends after the next \
checkpoints, twice at once; both can be gone on with. --json writes an object a line: every change, progress \
each second, a summary.
""" + examples(
    'sa2va batch shots/ --prompt "the dancer" --save matte -o out/',
    'sa2va batch "day*/*.mp4" -p "the dog" -p "the ball" --mirror -o masks/ --jobs 2',
    'find shots -name "*.mp4" -print0 | sa2va batch - -0 -p "the dog" -o "out/{parent}-{stem}.{kind}.{ext}"',
    "sa2va batch --manifest jobs.jsonl --model demo --json",
    'sa2va batch street/ --kind edit --instruction "blur all faces" -o hidden/',
    "sa2va batch clips/ --kind ask --questions questions.txt -o answers/",
    "sa2va batch status out/ --follow",
)


class BatchGroup(TyperGroup):
    """A group of commands of which ``run`` needs no name."""

    ignore_unknown_options = True  # they are those of ``run``
    allow_interspersed_args = False

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds a command; what is none is the beginning of what ``run`` is given."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=BatchGroup,
    help="Do many inputs in one go: sa2va batch INPUT... is sa2va batch run INPUT...",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_command(
    *,
    session: Session,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Files, folders (with all below), patterns, or - for names on standard input.",
            show_default=False,
        ),
    ] = None,
    batching: Batching,
    search: SharedSearch,
    saving: Saving,
    drawing: Drawing,
    delivery: Delivery,
    editing: Editing,
    from_tracks: Annotated[FromTracks, without("force")],
    asking: Asking,
    answering: Answering,
    splitting: Splitting,
    model: ModelChoice,
    talking: Talking,
) -> None:
    """Do many inputs with one loaded model; what is done already is left out.

    Folders are searched for what the kind of job reads. -o takes {parent}, {relative} and {index}, too.
    """
    from sa2va_cli.batch.choosing import Again
    from sa2va_cli.batch.listing import Request
    from sa2va_cli.batch.planning import Plan, previewed

    options = Options(
        search, saving, drawing, delivery, model, editing, from_tracks, asking, answering, splitting
    )
    manifest = None if batching.manifest is None else Path(batching.manifest)
    if manifest is None:  # rows may be of other kinds
        refuse_idle(session, _idle(batching.kind), f"with --kind {batching.kind}")
        if batching.kind in ("segment", "render"):
            tell_idle_drawing(session, saving.kinds)
        options = _without_strangers(options, batching.kind, session)
    plan = Plan(
        Request(_named(inputs or [], batching), manifest, batching.kind, options, batching.mirror),
        Again(batching.retry_failed, batching.force),
        None if batching.state is None else Path(batching.state),
        batching.interval,
        batching.jobs,
        batching.gpu_numbers,
        None if batching.watch is None else Path(batching.watch),
        None if batching.error_file is None else Path(batching.error_file),
        session.load,
        batching.cluster,
    )
    if talking.dry_run:
        _preview(*previewed(plan), session.console, as_json=talking.as_json)
        return
    result = _run(plan, session, as_json=talking.as_json)
    if batching.on_done:
        _call(batching.on_done, result, session.console)
    if result.interrupted:
        raise Interrupted(f"interrupted; {result.done} done, {result.left} left; the same command goes on")
    if result.failed:
        raise BatchError(
            f"{result.failed} of {result.total} failed; sa2va batch errors {result.state} --why tells why, "
            "--retry-failed tries again"
        )
    if result.exposed:
        raise LookAtTheseError(
            "done, but look at these, in which what should be hidden may be seen: "
            f"{', '.join(result.exposed)}; sa2va batch status --all --json lists the frames"
        )


def _named(inputs: list[str], batching: Batching) -> tuple[str, ...]:
    """The inputs, with names on standard input in the place of ``-``."""
    from sa2va_cli.batch.sources import STANDARD_INPUT, listed_names
    from sa2va_cli.parameters import expanded

    if batching.null and STANDARD_INPUT not in inputs:
        raise UsageError("-0 says how names on standard input end; give - as an input")
    names: list[str] = []
    for text in inputs:
        listed = listed_names(ended_by_zero=batching.null) if text == STANDARD_INPUT else [expanded(text)]
        names += listed
    if inputs and not names:
        raise UsageError("there is no name on standard input, so there is nothing to do")
    return tuple(names)


def _run(plan: "Plan", session: Session, *, as_json: bool) -> "BatchResult":
    from sa2va_cli.batch.progress import BatchEvent, JobEnded, JobTold
    from sa2va_cli.batch.running import Interrupts, run_batch
    from sa2va_cli.commands.batch_progress import showing
    from sa2va_cli.commands.startup import collector_paused

    interrupts = Interrupts()

    def count(received: int) -> None:
        interrupts.count = received

    with (
        collector_paused() as imported,
        showing(session.console, as_json=as_json) as show,
        signals_told(count),
    ):

        def tell(event: BatchEvent) -> None:
            told = event.event if isinstance(event, JobTold) else None
            if isinstance(event, JobEnded) or (isinstance(told, Progress) and told.done > 0):
                imported()  # by the first job that needs the network, once the list is read
            show.tell(event)

        result = run_batch(plan, tell, interrupts)
        show.end(result)
    return result


def _idle(kind: str) -> "Sequence[str]":
    """Options that jobs of a kind have no use for, beside those of groups of other kinds."""
    following = ("--checkpoint", "--follower", "--follow-size", "--compile")
    if kind == "render":
        return (*names_in(SharedSearch, ModelChoice), "--checkpoint")
    if kind == "ask":
        used = {
            *names_in(Viewing, Regions),
            "--prompt",
            "--save",
            "--output",
            "--overwrite",
            "--skip-existing",
        }
        groups = names_in(SharedSearch, Saving, Drawing, Delivery)
        return (*(name for name in groups if name not in used), *following)
    return ()


def _without_strangers(options: Options, kind: str, session: Session) -> Options:
    """Options without defaults of the user's that are for jobs of other kinds."""
    from sa2va_cli.batch.kinds import kind_of

    plain = {
        group: type(value)()
        for group in SPECIAL
        if group not in kind_of(kind).groups
        and session.typed.isdisjoint(names_in(type(value := getattr(options, group))))
    }
    return replace(options, **plain)


def _preview(found: Any, needed: "Estimate", console: "Console", *, as_json: bool) -> None:
    if as_json:
        jobs = [
            {
                "input": job.source,
                "kind": job.kind,
                "due": choice.due,
                "reason": choice.reason,
                "outputs": list(job.names),
            }
            for job, choice in found
        ]
        console.data({"jobs": jobs, "estimate": asdict(needed)})
        return
    for job, choice in found:
        outputs = ", ".join(job.names) or "nothing known yet"
        console.line(
            f"{'would do  ' if choice.due else 'would skip'} {job.source} ({choice.reason}): {outputs}"
        )
    console.note(f"{needed.jobs} of {len(found)} would be done; {_needed(needed)}")


def _needed(needed: "Estimate") -> str:
    """What that takes, for people."""
    read = f"{needed.read / 1e9:.3g} GB would be read"
    if needed.hours is None or needed.written is None:
        return f"{read}; how long that takes is told once one clip like these is done"
    clips = "1 clip" if needed.clips == 1 else f"{needed.clips} clips"
    return (
        f"{read} and {needed.written / 1e9:.3g} GB written in about {needed.hours:.3g} hours, by {clips} "
        "that are done"
    )


def _call(command: str, result: "BatchResult", console: "Console") -> None:
    """Runs a command of the user's at the end; that it fails is told and changes nothing."""
    facts = {
        "STATE": result.state.absolute(),
        "TOTAL": result.total,
        "DONE": result.done,
        "SKIPPED": result.skipped,
        "FAILED": result.failed,
        "LEFT": result.left,
        "SECONDS": round(result.seconds, 3),
    }
    environment = os.environ | {f"SA2VA_BATCH_{name}": str(value) for name, value in facts.items()}
    done = subprocess.run(command, shell=True, env=environment, check=False)  # noqa: S602  (the user's own)
    if done.returncode:
        console.warning(f"--on-done: {command!r} ended with exit code {done.returncode}")


add_command(app, "batch run", run_command, RUN_EPILOG)
add_command(app, "batch status", status_command, STATUS_EPILOG)
add_command(app, "batch errors", errors_command, ERRORS_EPILOG)
add_command(app, "batch rejected", rejected_command, REJECTED_EPILOG)
