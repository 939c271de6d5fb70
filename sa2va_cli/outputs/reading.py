"""The files that a run reads, so that none of them is ever replaced, however input and output are spelt.

Files are known by what the system calls them (device and number), not by their names: links, hard ones too,
``..``, another case where case does not count, and folders mounted twice all lead to the same.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sa2va_cli.authorship import inside
from sa2va_cli.errors import OutputError
from sa2va_cli.staging import output_errors

Identity = tuple[int, int] | str

_LONGEST_CHAIN = 40
"""Links that lead to links; Linux follows no more."""


class FilesRead:
    """Files that are read, and the folders that hold one at any depth."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Looks the files up; those that are not there, such as a closed standard input, are left out.

        Args:
            files: all that is read; a folder stands for everything in it.
        """
        self._files: dict[Identity, Path] = {}
        self._whole: dict[Identity, Path] = {}  # folders of which everything is read
        self._above: dict[Identity, Path] = {}  # folders, and a file that is read somewhere in each
        seen: set[Path] = set()
        for file in files:
            identity = _identity(file)
            if identity is None:
                continue
            is_folder = file.is_dir()
            (self._whole if is_folder else self._files)[identity] = file
            for parent in _places(file):
                if parent not in seen:
                    seen.add(parent)
                    self._note_above(_real(parent), file)
            if is_folder:
                self._above[identity] = file

    def _note_above(self, folder: Path, file: Path) -> None:
        for above in (folder, *folder.parents):
            identity = _identity(above)
            if identity is not None:
                self._above.setdefault(identity, file)

    def check(self, path: Path) -> None:
        """Makes sure that nothing that is read would be lost if the file or folder at ``path`` were replaced.

        Raises:
            OutputError: it is read itself, or holds something that is.
        """
        with output_errors(path):
            identity = _identity(path)
            if identity is None:
                return
            file = self._files.get(identity)
            if file is not None:
                spelt = "" if file == path else f" ({file})"
                raise OutputError(f"{path} is the input itself{spelt}; choose another -o")
            file = self._above.get(identity) or self._within_whole(path)
            if file is None and path.is_dir():
                file = next((item for item in inside(path) if _identity(item) in self._files), None)
            if file is not None:
                raise OutputError(
                    f"{path} is never replaced: {file} is read, and lies there or above; choose another -o"
                )

    def _within_whole(self, path: Path) -> Path | None:
        """The folder of which everything is read that ``path`` lies in."""
        if not self._whole:
            return None
        parents = (above for place in map(_real, _places(path)) for above in (place, *place.parents))
        return next(
            (folder for above in parents if (folder := self._whole.get(_identity(above) or ""))), None
        )


def _identity(path: Path) -> Identity | None:
    """What the system knows a file or folder by, wherever a link leads; None for what is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    # Some file systems have no numbers.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(_real(path))


def _places(path: Path) -> Iterator[Path]:
    """The folder that a file lies in and, where it is a link, those of all that it leads through."""
    for _ in range(_LONGEST_CHAIN):
        yield path.parent
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
