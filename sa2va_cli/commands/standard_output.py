"""Whether standard output can carry pictures."""

import sys

from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.saving import STANDARD_OUTPUT, Saving


def check_standard_output(saving: Saving, *, as_json: bool) -> None:
    """Makes sure that nothing else goes where ``-o -`` sends pictures.

    Raises:
        UsageError: JSON would, or a person would see the bytes.
    """
    if saving.output != STANDARD_OUTPUT:
        return
    if as_json:
        raise UsageError("--json and -o - both want standard output; leave one of them out")
    if sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal; pipe it, as in: sa2va ... -o - | ffmpeg -i - out.mp4"
        )
