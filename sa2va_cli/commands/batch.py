"""``sa2va batch``: many inputs in one go, how far that is, and what failed."""

import os
import re
import subprocess
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from sa2va_cli.batch.options import Asking, Editing, FromTracks, Options, SharedSearch, Splitting
from sa2va_cli.batch.ray_choice import RayChoice
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, add_command, only, without
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.signals import signals_told
from sa2va_cli.errors import BatchError, LookAtTheseError, UsageError
from sa2va_cli.events import Progress
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import Option, check_fields
from sa2va_cli.pipeline.asking_job import Answering
from sa2va_cli.pipeline.job import Resuming
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from sa2va_cli.batch.estimating import Estimate
    from sa2va_cli.batch.progress import BatchResult
    from sa2va_cli.batch.running import Plan
    from sa2va_cli.batch.state import Row, Summary
    from sa2va_cli.commands.console import Console
    from sa2va_cli.tracks.decisions import Decision

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
STATUS_EPILOG = examples("sa2va batch status out/", "sa2va batch status out/ --json | jq .counts")
REJECTED_EPILOG = examples(
    "sa2va batch rejected out/ --why",
    'sa2va batch rejected out/ | sa2va batch - -p "the red car" --save tracks -o out/ --overwrite',
)
ERRORS_EPILOG = examples("sa2va batch errors out/ > failed.txt", "sa2va batch errors out/ --why")

_FOLLOW_SECONDS = 1.0
_OFF = "off"


@dataclass(frozen=True)
class Batching:
    """What only a batch can be asked.

    Attributes:
        manifest: a file that lists jobs.
        null: whether names on standard input end in a zero byte.
        kind: of jobs.
        mirror: whether the tree of the inputs is made again below ``-o``.
        state: the state file.
        retry_failed: whether failed jobs are tried again.
        force: whether everything is done again.
        checkpoint: how often checkpoints are kept.
        jobs: how many processes on each device.
        gpus: numbers of GPUs.
        watch: a folder.
        error_file: where inputs of failed jobs go.
        on_done: a command for the end.
        ray: a Ray cluster.
        ray_workers: how many workers on it.
        gpus_per_worker: of each.
    """

    manifest: Annotated[
        str | None, Option("JSON Lines or CSV: input, prompts, output, any option for each job.", "", "FILE")
    ] = None
    null: Annotated[
        bool,
        Option("Names on standard input end in a zero byte, as of find -print0.", names=("--null", "-0")),
    ] = False
    kind: Annotated[
        str,
        Option(
            "What is done: segment, edit, render (of tracks files), or ask (a file of questions).", "", "KIND"
        ),
    ] = "segment"
    mirror: Annotated[bool, Option("Make the tree of the inputs again below -o.")] = False
    state: Annotated[
        str | None,
        Option("The state file, or its folder.", "", "PATH", shown="sa2va-batch.db beside the outputs"),
    ] = None
    retry_failed: Annotated[bool, Option("Try again what failed.")] = False
    force: Annotated[bool, Option("Do everything again, and replace what this batch made.")] = False
    checkpoint: Annotated[
        str, Option("How often checkpoints are kept: 10s or 2m of work, 100f frames, or off.", "", "INTERVAL")
    ] = "10s"
    jobs: Annotated[int, Option("Processes on each device; each loads the model.", "", "N", least=1)] = 1
    gpus: Annotated[
        str | None, Option("Numbers of GPUs, as in 0,1: a worker on each.", "", "LIST", shown="one device")
    ] = None
    watch: Annotated[
        str | None,
        Option("Do the files in this folder, and new ones when they are whole, until Ctrl-C.", "", "FOLDER"),
    ] = None
    error_file: Annotated[str | None, Option("Write the inputs of failed jobs to this file.", "", "FILE")] = (
        None
    )
    on_done: Annotated[
        str | None,
        Option("Run this shell command at the end; SA2VA_BATCH_* tell it what came of it.", "", "CMD"),
    ] = None

    ray: Annotated[
        str | None,
        Option(
            "Do the jobs on a Ray cluster whose nodes see the same files: auto, or HOST:PORT of its head "
            "(needs the extra ray).",
            "",
            "ADDRESS",
            shown="this computer",
        ),
    ] = None
    ray_workers: Annotated[
        int | None, Option("Workers on the cluster.", "", "N", least=1, shown="as many as find a place")
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        Option(
            "GPUs of each worker on the cluster, or a part of one (0.5).",
            "",
            "N",
            shown="1 where there are any",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        _ = self.cluster
        if self.checkpoint != _OFF:
            Resuming(checkpoint=self.checkpoint)
        _ = self.gpu_numbers

    @property
    def cluster(self) -> RayChoice | None:
        """The Ray cluster.

        Raises:
            UsageError: its address cannot be meant, or only its workers were spoken of.
        """
        if self.ray is not None:
            return RayChoice(self.ray, self.ray_workers, self.gpus_per_worker)
        if self.ray_workers is not None or self.gpus_per_worker is not None:
            raise UsageError(
                "--ray-workers and --gpus-per-worker are about a cluster; give --ray auto or its address"
            )
        return None

    @property
    def gpu_numbers(self) -> tuple[int, ...]:
        """The numbers of GPUs.

        Raises:
            UsageError: they are no numbers.
        """
        if not self.gpus:
            return ()
        if not re.fullmatch(r"\d+(,\d+)*", self.gpus):
            raise UsageError(f"--gpus {self.gpus}: give numbers, as in 0,1")
        return tuple(map(int, self.gpus.split(",")))


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
    from sa2va_cli.batch.running import Plan, previewed

    options = Options(
        search, saving, drawing, delivery, model, editing, from_tracks, asking, answering, splitting
    )
    manifest = None if batching.manifest is None else Path(batching.manifest)
    plan = Plan(
        Request(_named(inputs or [], batching), manifest, batching.kind, options, batching.mirror),
        Again(batching.retry_failed, batching.force),
        None if batching.state is None else Path(batching.state),
        None if batching.checkpoint == _OFF else batching.checkpoint,
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


STATE = typer.Argument(
    metavar="STATE", help="The state file, or its folder.", show_default="the current folder"
)


def status_command(
    *,
    session: Session,
    state: Annotated[Path, STATE] = Path(),
    follow: Annotated[bool, typer.Option("--follow", metavar="", help="Go on until the batch ends.")] = False,
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="With all jobs, not only failed ones.")
    ] = False,
    talking: Annotated[Talking, only("as_json", "debug")],
) -> None:
    """Tell how far a batch is; it may be at work. With --follow, jobs are listed when something is new."""
    from sa2va_cli.batch.job import STATES
    from sa2va_cli.batch.state import read_state, state_path

    path, before = state_path(state), None
    told: set[tuple[str, str]] = set()
    while True:
        summary = read_state(path, STATES if every else ("running", "failed"))
        counts = dict(summary.counts)
        if counts != before:
            before = counts
            new = tuple(row for row in summary.rows if (row.key, row.state) not in told)
            told |= {(row.key, row.state) for row in new}
            shown = summary if talking.as_json else replace(summary, rows=new)
            _tell_status(shown, session.console, as_json=talking.as_json)
        if not follow or not summary.active:
            return
        time.sleep(_FOLLOW_SECONDS)


def _tell_status(summary: "Summary", console: "Console", *, as_json: bool) -> None:
    if as_json:
        console.data(_status_document(summary))
        return
    counted = ", ".join(f"{count} {name}" for name, count in summary.counts.items() if count)
    console.answer(f"{summary.path}: {counted or 'no jobs'}{'' if summary.active else ' (not at work)'}")
    console.answer(
        f"{summary.frames} frames, {summary.clip_seconds:.0f} s of clips, {summary.seconds:.0f} s of work"
    )
    reviewed = Counter(found.status for found in _decisions(summary).values())
    if reviewed:
        console.answer(f"in review: {', '.join(f'{count} {name}' for name, count in reviewed.items())}")
    if summary.rows:
        rows = [
            [
                "interrupted" if row.state == "running" and not summary.active else row.state,
                row.source,
                str(row.attempts),
                f"{row.seconds:.1f}",
                row.error.removeprefix(f"{row.source}: ") or _told(row.decision(summary.path.parent)),
            ]
            for row in summary.rows
        ]
        console.table(["state", "input", "attempts", "seconds", "what went wrong, or was decided"], rows)


def _decisions(summary: "Summary") -> dict[str, "Decision"]:
    """What was decided in ``sa2va review`` about jobs that are done, by their keys."""
    from sa2va_cli.batch.state import read_state

    rows = read_state(summary.path, ("done",)).rows
    found = {row.key: row.decision(summary.path.parent) for row in rows}
    return {key: decision for key, decision in found.items() if decision is not None}


def _told(decision: "Decision | None") -> str:
    if decision is None:
        return ""
    return f"{decision.status}: {decision.reason}" if decision.reason else decision.status


def _status_document(summary: "Summary") -> dict[str, Any]:
    return {
        "state": str(summary.path),
        "active": summary.active,
        "total": summary.total,
        "counts": dict(summary.counts),
        "frames": summary.frames,
        "seconds": round(summary.seconds, 3),
        "clip_seconds": round(summary.clip_seconds, 3),
        "reviewed": dict(Counter(found.status for found in _decisions(summary).values())),
        "jobs": [_row_document(row, summary.path.parent) for row in summary.rows],
    }


def _row_document(row: "Row", folder: Path) -> dict[str, Any]:
    decision = row.decision(folder)
    facts = {("input" if name == "source" else name): value for name, value in asdict(row).items()}
    return facts | {"review": decision and decision.document}


def errors_command(
    *,
    session: Session,
    state: Annotated[Path, STATE] = Path(),
    why: Annotated[
        bool, typer.Option("--why", metavar="", help="With what went wrong, behind a tab.")
    ] = False,
    null: Annotated[bool, typer.Option("--null", "-0", metavar="", help="End names in a zero byte.")] = False,
    talking: Annotated[Talking, only("as_json", "debug")],
) -> None:
    """List the inputs of failed jobs, one a line, as sa2va batch - takes them."""
    from sa2va_cli.batch.state import read_state, state_path

    summary = read_state(state_path(state), ("failed",))
    if talking.as_json:
        session.console.data({"jobs": [_row_document(row, summary.path.parent) for row in summary.rows]})
        return
    _list([(row.source, row.error) for row in summary.rows], session.console, why=why, null=null)


def rejected_command(
    *,
    session: Session,
    state: Annotated[Path, STATE] = Path(),
    why: Annotated[bool, typer.Option("--why", metavar="", help="With the reason, behind a tab.")] = False,
    null: Annotated[bool, typer.Option("--null", "-0", metavar="", help="End names in a zero byte.")] = False,
    talking: Annotated[Talking, only("as_json", "debug")],
) -> None:
    """List the inputs whose tracks were rejected in sa2va review, one a line, as sa2va batch - takes them."""
    from sa2va_cli.batch.state import read_state, state_path

    summary = read_state(state_path(state), ("done",))
    folder = summary.path.parent
    found = [(row, row.decision(folder)) for row in summary.rows]
    rejected = [(row, made) for row, made in found if made is not None and made.status == "rejected"]
    if talking.as_json:
        session.console.data({"jobs": [_row_document(row, folder) for row, _ in rejected]})
        return
    _list([(row.source, made.reason or "") for row, made in rejected], session.console, why=why, null=null)


def _list(found: list[tuple[str, str]], console: "Console", *, why: bool, null: bool) -> None:
    """Inputs, with what is to be said about each."""
    names = [f"{source}\t{text}" if why else source for source, text in found]
    if null:
        console.names(names, "\0")
        return
    console.names(names)
    if any("\n" in source for source, _ in found):
        console.warning("some names have line ends in them; -0 ends each in a zero byte instead")


add_command(app, "batch run", run_command, RUN_EPILOG)
add_command(app, "batch status", status_command, STATUS_EPILOG)
add_command(app, "batch errors", errors_command, ERRORS_EPILOG)
add_command(app, "batch rejected", rejected_command, REJECTED_EPILOG)
