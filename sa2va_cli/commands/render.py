"""``sa2va render``: every output again from a tracks file, without a network."""

from pathlib import Path
from typing import Annotated

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.idle import tell_idle_drawing
from sa2va_cli.commands.options import Talking, without
from sa2va_cli.commands.session import Session
from sa2va_cli.commands.standard_output import check_standard_output
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving

EPILOG = examples(
    "sa2va render park.tracks.sa2va --save matte",
    "sa2va render park.tracks.sa2va --source /archive/park.mp4 --save overlay,mask -o out/",
)


def render_command(
    *,
    session: Session,
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
    saving: Saving,
    drawing: Drawing,
    delivery: Delivery,
    talking: Annotated[Talking, without("dry_run", "verbose")],
) -> None:
    """Draw from a tracks file what segment would have written; no model is loaded."""
    from sa2va_cli.commands.documents import result_document
    from sa2va_cli.pipeline.rendering import RenderJob, render

    check_standard_output(saving, as_json=talking.as_json)
    job = RenderJob(tracks, source, saving=saving, drawing=drawing, delivery=delivery, force=force)
    tell_idle_drawing(session, job.saving.kinds)
    with session.console.reporting() as report:
        result = render(job, report=report)
    session.console.result(result)
    if talking.as_json:
        session.console.data(result_document(result))
