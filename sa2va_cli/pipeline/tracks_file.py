"""Where the log of a run lives: under its own name if it is wanted, else hidden beside the outputs."""

import hashlib
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sa2va_cli.datatypes import Publication
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.events import Notice, Report, Saved
from sa2va_cli.outputs.leftovers import clear, leftovers_of
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.staging import (
    check_replaceable,
    discard,
    publish,
    require_temporary_folder,
    short_name,
    staged,
)
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import TracksWriter

UNFINISHED = ".part"
"""What the name of a wanted log ends in until the run has come to its end."""

CHECKPOINT = ".checkpoint"
"""What the name of a checkpoint adds to that of its log."""

_NAME_BYTES = 255
"""What common file systems allow for a name."""


@contextmanager
def growing_log(
    header: Header, outputs: Sequence[PlannedOutput], report: Report, *, replaces: bool = True
) -> Generator[TracksWriter, None, None]:
    """Opens a log for a run.

    A wanted one grows as ``NAME.part``, which stays when the run fails: what it holds is as good as it would
    be in the whole. One that is not wanted is gone when the run is over.

    Args:
        header: of the log.
        outputs: what the run makes.
        report: is told what has got its name, and what stays.
        replaces: whether a wanted one takes the place of what is there at the end.

    Raises:
        OutputError: the log cannot be written.
    """
    wanted = next((output.path for output in outputs if output.kind == "tracks"), None)
    if wanted is None:
        beside = outputs[0].path
        if outputs[0].is_stream:
            beside = Path(require_temporary_folder()) / beside.name
        hidden_from = beside.with_name(f"{header.stem}.tracks.sa2va")
        clear(leftovers_of(hidden_from))
        place = staged(hidden_from)
    else:
        place = unfinished(wanted)
        check_replaceable(place, folder=False)
        discard(place)
        discard(checkpoint_of(place))
    writer: TracksWriter | None = None
    stays = False
    try:
        with TracksWriter(place, header) as writer:
            yield writer
        if wanted is not None:
            publish(place, wanted, Publication(replaces))
            report(Saved(wanted))
    except BaseException as error:
        done = bool(wanted and writer and writer.frames and place.exists())
        stays = done and not isinstance(error, NothingFoundError)
        if stays and writer is not None:
            report(Notice(f"{place} keeps the {writer.frames} frames that were done", "warning"))
        raise
    finally:
        if not stays:
            discard(place)


def unfinished(path: Path) -> Path:
    """What a wanted log is called until it is whole; where that would be too long, a shorter name with it."""
    name = fitted(path, len(CHECKPOINT)).name  # the longest ending that one gets
    return path.with_name(name + UNFINISHED)


def fitted(path: Path, more: int = 0) -> Path:
    """The path, or a shorter name of its own where file systems take none that is so many bytes longer."""
    if len(os.fsencode(path.name)) + more <= _NAME_BYTES:
        return path
    digits = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
    short = Path(short_name(path))
    return path.with_name(f"{short.stem}-{digits}{short.suffix}")


def checkpoint_of(log: Path) -> Path:
    """Where the checkpoint of a log lies."""
    return log.with_name(log.name.removesuffix(UNFINISHED) + CHECKPOINT)
