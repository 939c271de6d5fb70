"""Files of text and folders that grow frame by frame and appear when they are complete.

What all sinks here have in common. Knows nothing about formats.
"""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sa2va_cli.authorship import LIST, listed
from sa2va_cli.datatypes import FoundObject, FrameMasks, Sink
from sa2va_cli.errors import OutputError
from sa2va_cli.staging import discard, output_errors, publish, staged
from sa2va_cli.written import Written, WrittenFiles


class FileSink(Sink):
    """One text file, written from its beginning to its end; memory does not grow with the length of a clip.

    Attributes:
        path: where the file appears when everything is written.
        objects: what the masks of a frame are, in their order.
    """

    def __init__(self, path: Path, objects: Sequence[FoundObject]) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            path: the final file; one that is there is replaced when the new one is complete.
            objects: what the masks of a frame are, in their order.
        """
        self.path = path
        self.objects = tuple(objects)
        self._part = staged(path)
        self._file: IO[str] | None = None

    @abstractmethod
    def _begin(self, file: IO[str]) -> None:
        """Writes what stands before the frames."""

    @abstractmethod
    def _frame(self, file: IO[str], masks: FrameMasks) -> None:
        """Writes one frame."""

    @abstractmethod
    def _end(self, file: IO[str]) -> None:
        """Writes what stands after the frames."""

    def __enter__(self) -> Self:
        """Opens the file under its temporary name.

        Raises:
            OutputError: it cannot be written.
        """
        with output_errors(self.path):
            file = self._part.open("x", encoding="utf-8", newline="\n")
            try:
                self._begin(file)
            except BaseException:
                file.close()
                discard(self._part)
                raise
        self._file = file
        return self

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame.

        Raises:
            OutputError: the disk is full, for example.
            ValueError: there are more or fewer masks than objects.
        """
        if self._file is None:
            raise ValueError("write() needs an open sink: use it in a with statement")
        _check_count(masks, self.objects)
        with output_errors(self.path):
            self._frame(self._file, masks)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the file and renames it into place, or removes it when ``kind`` is an exception.

        Raises:
            OutputError: the last bytes could not be written.
        """
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if kind is None:
                with output_errors(self.path):
                    self._end(file)
                    file.close()
                    publish(self._part, self.path, self.publication)
        finally:
            with suppress(OSError):
                file.close()
            discard(self._part)


class FolderSink(Sink):
    """A folder of files, one or more for each frame.

    Attributes:
        folder: where the folder appears when every frame is written.
        objects: what the masks of a frame are, in their order.
    """

    def __init__(self, folder: Path, objects: Sequence[FoundObject]) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            folder: the final folder; one that is there is replaced when the new one is complete.
            objects: what the masks of a frame are, in their order.
        """
        self.folder = folder
        self.objects = tuple(objects)
        self._part = staged(folder)
        self._is_open = False
        self._names: list[str] = []

    @property
    def meant(self) -> Written | None:
        """The files, with the list of them."""
        return WrittenFiles((LIST, *self._names))

    @abstractmethod
    def _begin(self) -> None:
        """Writes what does not belong to a frame."""

    @abstractmethod
    def _frame(self, masks: FrameMasks) -> None:
        """Writes one frame."""

    def add(self, name: str, text: str) -> None:
        """Writes one file of text, whose name may have folders in front.

        Raises:
            OutputError: it cannot be written, or there is one of this name.
        """
        path = self._part / name
        with output_errors(self.folder / name):
            if path.parent != self._part:
                path.parent.mkdir(exist_ok=True)
            content = text.encode()
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError as error:
                raise OutputError(f"two frames are called {name}; put them into different outputs") from error
            with (self._part / LIST).open("a", encoding="utf-8", newline="\n") as file:
                file.write(listed(name, content))
        self._names.append(name)

    def __enter__(self) -> Self:
        """Makes the folder under its temporary name.

        Raises:
            OutputError: it cannot be made.
        """
        with output_errors(self.folder):
            self._part.mkdir()
        self._is_open = True
        try:
            self._begin()
        except BaseException:
            discard(self._part)
            raise
        return self

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame.

        Raises:
            OutputError: its file cannot be written, or two frames have the same name.
            ValueError: there are more or fewer masks than objects.
        """
        if not self._is_open:
            raise ValueError("write() needs an open sink: use it in a with statement")
        _check_count(masks, self.objects)
        self._frame(masks)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Renames the folder into place, or removes it when ``kind`` is an exception.

        Raises:
            OutputError: the folder cannot be renamed.
        """
        self._is_open = False
        try:
            if kind is None:
                with output_errors(self.folder):
                    publish(self._part, self.folder, self.publication)
        finally:
            discard(self._part)


def _check_count(masks: FrameMasks, objects: Sequence[FoundObject]) -> None:
    if len(masks) != len(objects):
        raise ValueError(f"got {len(masks)} masks for {len(objects)} objects")
