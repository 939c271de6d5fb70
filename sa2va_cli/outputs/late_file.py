"""One file that is written when the whole clip has been seen, under a hidden name from the beginning.

Knows nothing about what is in it.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from sa2va_cli.datatypes import Sink
from sa2va_cli.staging import discard, output_errors, publish, reserve_beside


class LateFileSink(Sink):
    """Takes frames and writes one file at the end.

    Args:
        path: the final file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hidden: Path | None = None

    def __enter__(self) -> Self:
        """Reserves a hidden file.

        Raises:
            OutputError: the file cannot be written.
        """
        self._hidden = reserve_beside(self.path)
        return self

    def finish(self, hidden: Path) -> None:
        """Writes what is known by now; errors of the operating system may be raised as they are."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the file and gives it its name, or removes it when ``kind`` is an exception.

        Raises:
            OutputError: it cannot be written.
        """
        if self._hidden is None:
            return
        try:
            if kind is None:
                with output_errors(self.path):
                    self._hidden.stat()  # its folder may have gone
                    self.finish(self._hidden)
                publish(self._hidden, self.path, self.publication)
        finally:
            discard(self._hidden)
