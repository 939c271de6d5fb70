"""Tells people, and TensorBoard, how a training goes."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from sa2va_cli.events import Progress, Report
from sa2va_cli.training.run_files import RunFiles

_CURVES = ("total", "answer", "bce", "dice", "rate", "norm", "samples_per_second")


class TrainingProgress:
    """Watches a training: a context manager, as TensorBoard's file is to be closed.

    Args:
        report: shows progress.
        files: of the run.
        tensorboard: whether curves are written for TensorBoard, beside the run's table.

    Attributes:
        ending: whether the run is to end after this step; set by whoever wants it.
    """

    def __init__(self, report: Report, files: RunFiles, *, tensorboard: bool) -> None:
        self._report = report
        self.ending = False
        self._writer: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(files.folder / "tensorboard"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
        """See ``trainer.Watch``."""
        parts = ", ".join(f"{name} {line[name]:.3f}" for name in ("answer", "bce", "dice") if name in line)
        pace = f"lr {line['rate']:.1e}, {line['samples_per_second']:.2g} samples/s"
        told = f"loss {line['total']:.3f} ({parts}), {pace}"
        self._report(Progress("training", done, steps, f"steps, {told}"))
        if self._writer is not None:
            for name in _CURVES:
                if name in line:
                    self._writer.add_scalar(name, line[name], done)

    def saved(self, done: int) -> None:
        """See ``trainer.Watch``."""

    def ends(self) -> bool:
        """See ``trainer.Watch``."""
        return self.ending


class Unwatched:
    """Watches nothing: for processes that train along and say nothing."""

    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
        """See ``trainer.Watch``."""

    def saved(self, done: int) -> None:
        """See ``trainer.Watch``."""

    def ends(self) -> bool:
        """See ``trainer.Watch``."""
        return False
