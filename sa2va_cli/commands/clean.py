"""``sa2va clean``: removes what killed runs left."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import OutputError

if TYPE_CHECKING:
    from sa2va_cli.outputs.leftovers import Leftover

EPILOG = examples("sa2va clean", "sa2va clean out/ --recursive --dry-run", "sa2va clean out/ --json")

_REASONS = {
    "running": "its process runs",
    "elsewhere": "another computer or container made it",
}


def clean_command(
    *,
    session: Session,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Where outputs were written; the current folder by default.",
            show_default=False,
        ),
    ] = Path(),
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", metavar="", help="Look into the folders below it, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Say what would be removed, and remove nothing.")
    ] = False,
    talking: Annotated[Talking, only("as_json", "quiet", "debug")],
) -> None:
    """Remove the hidden files that runs leave when they are killed or the computer loses power.

    They lie beside outputs, and, of inputs and outputs that were piped, in the folder for temporary files.
    Only what carries the number of a process that is gone is removed. What a running process writes, what
    another computer or container made, and everything with another name stays. A folder that was about to be
    replaced when the run was killed gets its name back.
    """
    console = session.console
    from sa2va_cli.outputs.leftovers import clear, find_leftovers, find_temporary

    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise OutputError(f"{folder} {what}; name a folder that outputs were written to")
    here = list(find_leftovers(folder, recursive=recursive))
    known = {leftover.path.resolve() for leftover in here}
    found = [*here, *(one for one in find_temporary() if one.path.resolve() not in known)]
    dead = [leftover for leftover in found if leftover.is_dead]
    gone = dead if dry_run else clear(dead)
    if talking.as_json:
        console.data(_document(found, gone, dry_run=dry_run))
        return
    for leftover in found:
        console.answer(_line(leftover, is_gone=leftover in gone, dry_run=dry_run))
    verb = "would be removed" if dry_run else "removed"
    console.note(f"{_bytes(sum(leftover.size for leftover in gone if _is_removed(leftover)))} {verb}")


def _is_removed(leftover: "Leftover") -> bool:
    return leftover.state != "wanted"


def _line(leftover: "Leftover", *, is_gone: bool, dry_run: bool) -> str:
    what = f"{leftover.path}, {_bytes(leftover.size)}"
    if not is_gone:
        return f"kept {what}: {_REASONS.get(leftover.state, 'it cannot be removed')}"
    verb = "removed" if _is_removed(leftover) else "given its name back:"
    return f"would be {verb} {what}" if dry_run else f"{verb} {what}"


def _document(found: "list[Leftover]", gone: "list[Leftover]", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "removed": [_entry(leftover) for leftover in gone if _is_removed(leftover)],
        "restored": [_entry(leftover) for leftover in gone if not _is_removed(leftover)],
        "kept": [_entry(leftover) for leftover in found if leftover not in gone],
        "bytes": sum(leftover.size for leftover in gone if _is_removed(leftover)),
    }


def _entry(leftover: "Leftover") -> dict[str, Any]:
    return {"path": str(leftover.path), "bytes": leftover.size, "state": leftover.state}


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
