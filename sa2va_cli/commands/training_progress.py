"""Tells people, and TensorBoard, how a training goes."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from sa2va_cli.events import Progress, Report
from sa2va_cli.training.run_files import RunFiles

_TOLD = ("total", "answer", "bce", "dice", "rate", "norm", "samples_per_second")


class TrainingProgress:
    """Watches a training: a context manager, as TensorBoard's file is to be closed.

    Args:
        report: shows progress.
        files: of the run.
        tensorboard: whether curves are written for TensorBoard, beside the run's table.
    """

    def __init__(self, report: Report, files: RunFiles, *, tensorboard: bool) -> None:
        self._report = report
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
        left = duration(float(line["seconds_left"]))
        losses = " ".join(
            f"{name} {line[name]:.3f}" for name in ("total", "answer", "bce", "dice") if name in line
        )
        pace = f"{line['samples_per_second']:.3g} samples/s, {left} left"
        told = f"training: {losses}, rate {line['rate']:.2g}, {pace}"
        self._report(Progress(told, done, steps, "steps"))
        if self._writer is not None:
            for name in _TOLD:
                if name in line:
                    self._writer.add_scalar(name, line[name], done)

    def saved(self, done: int) -> None:
        """See ``trainer.Watch``."""


def duration(seconds: float) -> str:
    """A time as people say it: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
