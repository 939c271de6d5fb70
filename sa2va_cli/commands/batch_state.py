"""``sa2va batch status``, ``errors`` and ``rejected``: what the state of a batch says; nothing is run."""

import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Session

if TYPE_CHECKING:
    from sa2va_cli.batch.state_format import Row
    from sa2va_cli.batch.summary import Summary
    from sa2va_cli.commands.console import Console
    from sa2va_cli.tracks.decisions import Decision

STATUS_EPILOG = examples("sa2va batch status out/", "sa2va batch status out/ --json | jq .counts")
REJECTED_EPILOG = examples(
    "sa2va batch rejected out/ --why",
    'sa2va batch rejected out/ | sa2va batch - -p "the red car" --save tracks -o out/ --overwrite',
)
ERRORS_EPILOG = examples("sa2va batch errors out/ > failed.txt", "sa2va batch errors out/ --why")

_FOLLOW_SECONDS = 1.0

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
    from sa2va_cli.batch.state_format import state_path
    from sa2va_cli.batch.summary import read_state

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
    from sa2va_cli.batch.summary import read_state

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
    from sa2va_cli.batch.state_format import state_path
    from sa2va_cli.batch.summary import read_state

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
    from sa2va_cli.batch.state_format import state_path
    from sa2va_cli.batch.summary import read_state

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
