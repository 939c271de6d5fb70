"""``sa2va check``: whether a file still goes with the source that it was made of."""

from typing import Annotated

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import OutputError

EPILOG = examples(
    "sa2va check park.matte.mov --against park.mp4",
    "sa2va check matte_from_elsewhere.mov --against park.mp4 --json | jq .differences",
)


def check_command(
    *,
    session: Session,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A matte, mask or other video or pictures.", show_default=False),
    ],
    against: Annotated[
        str,
        typer.Option("--against", metavar="SOURCE", help="What it was made of.", show_default=False),
    ],
    talking: Annotated[Talking, only("as_json", "quiet", "debug")],
) -> None:
    """Compare a file, from any tool, with its source: frames, times, size, colour, fields, timecode, sound.

    A clock that begins elsewhere is no difference, nor is a tag that one of them leaves out, nor the tags of
    a grey picture; what pictures show is not compared. One line for each difference; the exit code is 0 where
    there is none, else 7.
    """
    from sa2va_cli.media.comparison import compare
    from sa2va_cli.parameters import expanded

    found = compare(expanded(file), expanded(against))
    console = session.console
    if talking.as_json:
        console.data(
            {
                "file": file,
                "source": against,
                "equal": not found.differences,
                "offset_seconds": found.offset,
                "differences": [
                    {"what": one.what, "file": one.file, "source": one.source} for one in found.differences
                ],
            }
        )
    elif not talking.quiet:
        for one in found.differences:
            console.answer(one.text)
        if not found.differences:
            ahead = f"; its clock is {found.offset:+.3f} s ahead" if found.offset else ""
            console.answer(f"{file} goes with {against}{ahead}")
    if found.differences:
        count = len(found.differences)
        raise OutputError(f"{file} differs from {against} in {count} thing{'' if count == 1 else 's'}")
