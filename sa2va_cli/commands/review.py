"""``sa2va review``: a page on this computer, to look at tracks, correct and deliver them."""

from pathlib import Path
from typing import Annotated

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.runtime.choice import ModelChoice

EPILOG = examples(
    "sa2va review park.tracks.sa2va",
    "sa2va review samples/park.mp4 --model demo",
    "sa2va review shots/ --no-open --port 8900",
)


def review_command(
    *,
    session: Session,
    opened: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A tracks file, a video, a folder of these, or the state file of a batch.",
            show_default=False,
        ),
    ],
    tracks: Annotated[
        Path | None,
        typer.Option(
            "--tracks", metavar="PATH", help="The tracks of the video, if they do not lie beside it."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take a source that is not the one of the tracks.")
    ] = False,
    host: Annotated[
        str,
        typer.Option("--host", metavar="NAME", help="Listen here; anything but this computer needs --token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = 0,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="SECRET", help="Whoever asks must know it.", show_default="random"),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    model: ModelChoice,
    talking: Annotated[Talking, only("quiet", "debug")],
) -> None:
    """Look at tracks in a browser, correct them by pointing, and deliver; nothing leaves this computer."""
    from sa2va_cli.review.serving import ReviewJob, serve

    del talking
    job = ReviewJob(opened, tracks, model, host=host, port=port, token=token, opens=not no_open, force=force)
    try:
        serve(job, load=session.load, say=session.console.line)
    except (Interrupted, KeyboardInterrupt):  # the usual end
        session.console.line("ended; edits are kept beside the tracks")
