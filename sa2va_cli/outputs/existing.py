"""What is there already: which outputs may be made, which are kept, and the folders they need.

Knows nothing about what is in them.
"""

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.staging import output_error, output_errors


def choose_outputs(
    planned: Sequence[PlannedOutput], saving: Saving, source: str
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Decides about outputs that exist already, and makes sure that the others can be written.

    Args:
        planned: what a run would make.
        saving: what is to be done about what exists.
        source: the input, which is never replaced.

    Returns:
        What is to be made, and what is left alone.

    Raises:
        OutputError: something exists, is the input itself, or cannot be written.
    """
    existing = [output for output in planned if _is_there(output.path)]
    for output in existing:
        if Path(source).exists() and output.path.exists() and output.path.samefile(source):
            raise OutputError(f"{output.path} is the input itself; choose another -o")
    if saving.existing == "refuse" and existing:
        more = f" and {len(existing) - 1} more exist" if len(existing) > 1 else " exists"
        raise OutputError(
            f"{existing[0].path}{more} already; use --overwrite to replace or --skip-existing to keep"
        )
    if saving.existing == "overwrite":
        for output in existing:
            _check_replaceable(output)
    skipped = existing if saving.existing == "skip" else []
    wanted = tuple(output for output in planned if output not in skipped)
    for parent in dict.fromkeys(output.path.parent for output in wanted):
        _check_writable(parent, wanted[0].path)
    return wanted, tuple(output.path for output in skipped)


def _is_there(path: Path) -> bool:
    """Whether something has this name.

    Raises:
        OutputError: it cannot be told, as the name is too long or leads through a closed folder.
    """
    with output_errors(path):
        return path.exists() or path.is_symlink()


def _check_replaceable(output: PlannedOutput) -> None:
    """A folder is replaced as a whole, so it must hold nothing but what a run puts there."""
    if output.path.is_dir() and not output.folder:
        raise OutputError(f"cannot write {output.path}: it is a folder")
    if not output.folder:
        return
    if not output.path.is_dir():
        raise OutputError(f"cannot write {output.path}: a file is in the way of the folder; move it")
    strange = next((item.name for item in output.path.iterdir() if item.suffix.lower() != ".png"), None)
    if strange is not None:
        raise OutputError(
            f"{output.path} holds {strange}, which is not ours; it is not overwritten, choose another -o"
        )


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
def folders_for(planned: Sequence[PlannedOutput]) -> Generator[None, None, None]:
    """Makes the folders that outputs go to; takes the empty ones away again when the run fails."""
    made: list[Path] = []
    try:
        for output in planned:
            missing = [output.path.parent, *output.path.parent.parents]
            for folder in reversed([folder for folder in missing if not folder.exists()]):
                try:
                    folder.mkdir()
                except OSError as error:
                    raise output_error(output.path, error) from error
                made.append(folder)
        yield
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise
