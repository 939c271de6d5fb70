"""From what the user typed as the input to a reader: files, folders, patterns, streams that cannot seek."""

import re
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from sa2va_cli.datatypes import is_unicode
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.events import Notice, Report
from sa2va_cli.media.reader import SPOOLED, Reader, open_source, spool
from sa2va_cli.media.sequences import is_pattern, pattern_folder, pattern_stem
from sa2va_cli.outputs.leftovers import clear, find_temporary
from sa2va_cli.pipeline.fetching import fetched, is_address, name_in
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.selection import selection, timecodes_counted_from
from sa2va_cli.pipeline.storage import is_stored, stored_copy

STANDARD_INPUT = "-"

_KEPT: ContextVar[dict[str, Path] | None] = ContextVar("kept", default=None)
"""The temporary files of streams that were read, while ``streams_kept`` is entered."""


def stem_of(source: str) -> str:
    """Returns the name that outputs are derived from.

    ``clips/park.mp4`` gives ``park``; a folder gives its name; a pattern of frames what it says besides
    numbers and wildcards (``plates/sh010_v001.*.png`` gives ``sh010_v001``), or else its folder's name;
    standard input gives ``stdin``.
    """
    if source == STANDARD_INPUT:
        return "stdin"
    if is_address(source):
        return Path(name_in(source)).stem or "input"
    if is_stored(source):
        return Path(source).stem
    path = Path(source)
    if path.is_dir():
        return _plain(path.resolve().name) or "frames"
    if not path.exists() and is_pattern(source):
        return pattern_stem(source) or _plain(pattern_folder(source).resolve().name) or "frames"
    return path.stem


def _plain(name: str) -> str:
    """A name that was not typed, with bytes that are not UTF-8 replaced: it goes into names of outputs."""
    return re.sub("[\ud800-\udfff]", "_", name)


def files_read(job: SegmentJob, reader: Reader) -> tuple[Path, ...]:
    """Everything that a run reads, none of which it may replace.

    Args:
        job: what the run does.
        reader: its input, open.

    Returns:
        Files, and the folder of the model where it has one.
    """
    source = Path("/dev/stdin" if job.source == STANDARD_INPUT else job.source)
    model = [] if job.model.name is None else [Path(job.model.name).expanduser()]
    folders = (path for path in model if path.is_dir())
    return (source, *reader.all_files, *folders, *job.drawing.files)


@contextmanager
def opened(source: str, search: Search, report: Report) -> Generator[Reader, None, None]:
    """Opens an input; a stream is kept in a temporary file for as long as it is needed.

    Raises:
        InputError: there is nothing that can be read.
        UsageError: the range cannot be meant, or standard input is a keyboard.
    """
    selection(search)  # what cannot be meant is told before anything is read
    if not is_unicode(source):
        raise InputError(f"{source!r}: the name is not in UTF-8, which video needs; rename it")
    if is_address(source):
        with _read(fetched(source, report), search, report) as reader:
            yield reader
        return
    if is_stored(source):
        with stored_copy(source, report) as copy, _read(copy, search, report) as reader:
            yield reader
        return
    if source != STANDARD_INPUT and not _is_stream(source):
        with _read(source, search, report) as reader:
            yield reader
        return
    name = "standard input" if source == STANDARD_INPUT else source
    with _spooled(source, name, report) as path:
        try:
            reader = _read(path, search, report)
        except (InputError, UsageError) as error:
            raise type(error)(error.message.replace(str(path), name).replace(path.name, name)) from error
        with reader:
            yield reader


def _read(source: str | Path, search: Search, report: Report) -> Reader:
    reader = open_source(
        source,
        selection(search),
        stream_index=search.stream,
        deinterlace=search.deinterlace,
        progress=report,
    )
    if counted := timecodes_counted_from(search, reader.info):
        report(Notice(counted))
    return reader


def report_warnings(reader: Reader, report: Report) -> None:
    """Tells what is odd or damaged, as far as it was read."""
    for text in reader.warnings:
        report(Notice(text, "warning"))


def _is_stream(source: str) -> bool:
    """Whether a path leads to a pipe, as the shell's ``<(command)`` does."""
    try:
        mode = Path(source).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


@contextmanager
def _spooled(source: str, name: str, report: Report) -> Generator[Path, None, None]:
    kept = _KEPT.get()
    if kept is not None and source in kept:
        yield kept[source]
        return
    if source == STANDARD_INPUT and sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal; pipe a video in, as in: sa2va segment - PROMPT < clip.mp4"
        )
    report(Notice(f"{name} cannot be read twice; keeping it in a temporary file"))
    clear(left for left in find_temporary() if left.path.suffix == Path(SPOOLED).suffix and left.is_dead)
    if source == STANDARD_INPUT:
        path = spool(_binary_stdin())
    else:
        try:
            with Path(source).open("rb") as stream:
                path = spool(stream)
        except OSError as error:
            raise InputError(f"{source}: {error.strerror or error}") from error
    if kept is not None:
        kept[source] = path
        yield path
        return
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def streams_kept() -> Generator[None, None, None]:
    """While it is entered, each stream is read once and can be opened as often as anybody wants."""
    kept: dict[str, Path] = {}
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)
        for path in kept.values():
            path.unlink(missing_ok=True)


def _binary_stdin() -> BinaryIO:
    return sys.stdin.buffer
