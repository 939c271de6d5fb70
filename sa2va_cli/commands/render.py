"""``sa2va render``: every output again from a tracks file, without a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.saving import Existing, Saving

if TYPE_CHECKING:
    from sa2va_cli.commands.session import Session

EPILOG = examples(
    "sa2va render park.tracks.sa2va --save matte",
    "sa2va render park.tracks.sa2va --source /archive/park.mp4 --save overlay -o out/",
)


def render_command(
    context: typer.Context,
    *,
    tracks: Annotated[
        Path, typer.Argument(metavar="TRACKS", help="What segment --save tracks wrote.", show_default=False)
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="PATH", help="The video or pictures, if they lie elsewhere now."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take a source that is not the one of the tracks.")
    ] = False,
    save: Annotated[list[str] | None, typer.Option("--save", metavar="KIND")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="PATH")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite")] = False,
    skip_existing: Annotated[bool, typer.Option("--skip-existing")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
    debug: Annotated[bool, typer.Option("--debug")] = False,
) -> None:
    """Draw from a tracks file what segment would have written; no model is loaded."""
    session: Session = context.obj
    session.console = console = Console(quiet=quiet, debug=debug)
    from sa2va_cli.commands.documents import result_document
    from sa2va_cli.pipeline.rendering import RenderJob, render

    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing contradict each other; give one of them")
    existing: Existing = "overwrite" if overwrite else "skip" if skip_existing else "refuse"
    saving = Saving(tuple(save or ("mask", "overlay")), output, existing, allow_empty)
    with console.reporting() as report:
        result = render(RenderJob(tracks, source, saving, force), report=report)
    console.result(result)
    if as_json:
        console.data(result_document(result))
