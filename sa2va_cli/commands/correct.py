"""``sa2va correct``: a result is mended by pointing, or something added; only what changes is done again."""

from pathlib import Path
from typing import Annotated

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Session
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.revision import Revision
from sa2va_cli.runtime.choice import ModelChoice

EPILOG = examples(
    "sa2va correct park.tracks.sa2va --point 260,170@1.5 --point 310,100,-@1.5 -o better.tracks.sa2va",
    "sa2va correct park.tracks.sa2va --box dog:17%,65%,36%,90%@2 -o more.tracks.sa2va",
    "sa2va correct park.tracks.sa2va --object dog --drop-range 2.5-4 -o better.tracks.sa2va --save overlay",
)


def correct_command(
    *,
    session: Session,
    tracks: Annotated[
        Path, typer.Argument(metavar="TRACKS", help="What segment --save tracks wrote.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="NEW", help="The new tracks file.", show_default=False)
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="PATH", help="The video or pictures, if they lie elsewhere now."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take a source that is not the one of the tracks.")
    ] = False,
    revision: Revision,
    model: ModelChoice,
    saving: Annotated[Saving, only("kinds", "existing", "verify")],
    talking: Annotated[Talking, only("as_json", "quiet", "debug")],
) -> None:
    """Correct tracks by pointing, or add an object (NAME: is a new name); what does not change is kept."""
    from sa2va_cli.commands.documents import result_document
    from sa2va_cli.pipeline.correcting import CorrectJob, correct
    from sa2va_cli.runtime.loading import load_segmenter
    from sa2va_cli.runtime.threads import divide_cores

    job = CorrectJob(tracks, output, revision, source, model, saving, force)
    with session.console.reporting() as report:
        result = correct(job, load=session.load or load_segmenter, report=report, threads=divide_cores)
    session.console.result(result)
    if talking.as_json:
        session.console.data(result_document(result))
