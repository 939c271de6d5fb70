"""What is there already: which outputs may be made, which are kept, and the folders they need.

Knows nothing about what is in them.
"""

import os
import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sa2va_cli.errors import ExistsError, OutputError
from sa2va_cli.events import Notice, Report, no_report
from sa2va_cli.outputs.leftovers import clear, leftovers_of
from sa2va_cli.outputs.locks import check_unlocked, locked
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.reading import FilesRead
from sa2va_cli.outputs.saving import Existing, Saving
from sa2va_cli.staging import check_replaceable, output_error, output_errors

_COMMON_NAME_BYTES = 255
"""What common file systems allow, where the one at hand does not tell."""


def choose_outputs(
    planned: Sequence[PlannedOutput], saving: Saving, read: Iterable[Path]
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Decides about outputs that exist already, and makes sure that the others can be written.

    This is the one answer to whether something may be replaced: never what is read, never a folder that this
    program did not make, and other things only when that was asked for.

    Args:
        planned: what a run would make.
        saving: what is to be done about what exists.
        read: every file that the run reads, and folders of which it may read everything.

    Returns:
        What is to be made, and what is left alone.

    Raises:
        OutputError: something exists, is read, is being written by another run, or cannot be written.
    """
    wanted, skipped = _chosen(planned, saving, read)
    for output in wanted:
        if not output.is_stream:
            check_unlocked(output.path)
    return wanted, skipped


def _chosen(
    planned: Sequence[PlannedOutput], saving: Saving, read: Iterable[Path]
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """``choose_outputs``, whoever has the locks."""
    files_made = [output for output in planned if not output.is_stream]
    for output in files_made:
        _check_name(output.path)
    existing = [output for output in files_made if _is_there(output.path)]
    files = FilesRead(read) if existing else None
    for output in existing:
        assert files is not None  # noqa: S101
        files.check(output.path)
    if saving.existing == "refuse" and existing:
        more = f" and {len(existing) - 1} more exist" if len(existing) > 1 else " exists"
        raise ExistsError(
            f"{existing[0].path}{more} already", "use --overwrite to replace or --skip-existing to keep"
        )
    if saving.existing == "overwrite":
        for output in existing:
            check_replaceable(output.path, folder=output.folder)
    skipped = existing if saving.existing == "skip" else []
    wanted = tuple(output for output in planned if output not in skipped)
    for parent in dict.fromkeys(output.path.parent for output in wanted if not output.is_stream):
        _check_writable(parent, wanted[0].path)
    return wanted, tuple(output.path for output in skipped)


def _check_name(path: Path) -> None:
    """Checks that a file or folder can have this name, which is counted in bytes."""
    if path.name in ("", ".."):
        raise OutputError(f"{path} is no name for an output; choose another -o")
    missing = [path, *(parent for parent in path.parents if not os.path.lexists(parent))]
    limit = _longest_name(missing[-1].parent)
    for part in missing:
        if len(os.fsencode(part.name)) > limit:
            raise OutputError(
                f"cannot write {path}: File name too long ({len(os.fsencode(part.name))} bytes, {limit} are "
                "allowed); give a shorter one with -o"
            )


def _longest_name(folder: Path) -> int:
    """Bytes that a name in a folder may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # not on Windows, nor on every file system
        return _COMMON_NAME_BYTES


def _is_there(path: Path) -> bool:
    """Whether something has this name.

    Raises:
        OutputError: it cannot be told, as the name is too long or leads through a closed folder.
    """
    with output_errors(path):
        return path.exists() or path.is_symlink()


def _check_writable(parent: Path, path: Path) -> None:
    """Tries to make a nameless file in the folder, or in the nearest one above that exists."""
    place = parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        tempfile.TemporaryFile(dir=place).close()
    except FileNotFoundError as error:  # /proc and its like
        raise OutputError(f"cannot write {path}: {place} takes no new files; choose another -o") from error
    except OSError as error:
        raise output_error(path, error) from error


@contextmanager
def claimed(
    planned: Sequence[PlannedOutput], saving: Saving, read: Iterable[Path], report: Report = no_report
) -> Generator[None, None, None]:
    """Keeps outputs for one run, from before the first is opened until all are written.

    Makes the folders that they go to, locks each against other runs, and removes what killed runs left of
    it. Folders that stay empty are taken away again.

    Args:
        planned: what ``choose_outputs`` returned.
        saving: what is to be done about what exists.
        read: see ``choose_outputs``.
        report: is told what was removed.

    Raises:
        OutputError: another run writes one of them, or has written it meanwhile.
    """
    planned = [output for output in planned if not output.is_stream]
    with _folders_for(planned), ExitStack() as stack:
        for output in planned:
            stack.enter_context(locked(output.path))
        for gone in [left for output in planned for left in clear(leftovers_of(output.path))]:
            report(Notice(f"removed {gone.path}, which a killed run left", "detail"))
        # Another run may have ended since it was looked whether they exist.
        settled: Existing = "overwrite" if saving.existing == "overwrite" else "refuse"
        _chosen(planned, replace(saving, existing=settled), read)
        yield


@contextmanager
def _folders_for(planned: Sequence[PlannedOutput]) -> Generator[None, None, None]:
    """Makes the folders that outputs go to; takes those that stay empty away again."""
    made: list[Path] = []
    try:
        for output in planned:
            missing = [output.path.parent, *output.path.parent.parents]
            for folder in reversed([folder for folder in missing if not folder.exists()]):
                with output_errors(output.path):
                    folder.mkdir(exist_ok=True)
                made.append(folder)
        yield
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
