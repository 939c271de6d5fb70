"""The files of a run: its state, from which it goes on after any end, and the table of its losses.

Every file appears whole or not at all. Knows nothing about what is trained.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sa2va_cli.errors import InputError, OutputError
from sa2va_cli.staging import atomic, output_error, output_errors

State = dict[str, Any]
"""What ``torch.save`` writes and ``weights_only`` reads again: tensors, numbers, texts, lists of them."""


@dataclass(frozen=True)
class RunFiles:
    """The folder of a run.

    Attributes:
        folder: made when something is written.
        state_name: of the file of its state.
        metrics_name: of the file that has a line of JSON for each step that is told.
    """

    folder: Path
    state_name: str = "last.pt"
    metrics_name: str = "metrics.jsonl"

    @property
    def state(self) -> Path:
        """The file of the last state."""
        return self.folder / self.state_name

    @property
    def metrics(self) -> Path:
        """The table of losses."""
        return self.folder / self.metrics_name

    def save(self, state: Mapping[str, Any]) -> None:
        """Writes a state; the one before stays until this one is whole.

        Raises:
            OutputError: the disk is full, or the like.
        """
        save(dict(state), self.state)

    def load(self, device: torch.device) -> State | None:
        """Reads the last state; None where there is none.

        Raises:
            InputError: it cannot be read.
        """
        if not self.state.exists():
            return None
        try:
            found: State = torch.load(self.state, map_location=device, weights_only=True)
        except Exception as error:  # torch raises whatever its parsers do
            raise self.unusable() from error
        return found

    def unusable(self) -> InputError:
        """What is said of a state that no run can go on from."""
        return InputError(f"{self.state} is damaged, or no state of this training; remove it to begin anew")

    def log(self, line: Mapping[str, Any]) -> None:
        """Adds a line to the table.

        Raises:
            OutputError: it cannot be written.
        """
        with output_errors(self.metrics):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def log_again(self, line: Mapping[str, Any]) -> None:
        """Adds a line in place of one of the same step with the same names, which a killed run may have left.

        Raises:
            OutputError: it cannot be written.
        """
        self._keep(lambda one: (one.get("step"), one.keys()) != (line.get("step"), line.keys()))
        self.log(line)

    def lines(self) -> list[dict[str, Any]]:
        """All lines; one that was cut off when the run was killed is left out."""
        if not self.metrics.exists():
            return []
        found = []
        for text in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(text))
            except json.JSONDecodeError:
                continue
        return found

    def forget_after(self, step: int) -> None:
        """Removes lines of steps that are made again."""
        self._keep(lambda line: line.get("step", 0) <= step)

    def _keep(self, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
        kept = [line for line in self.lines() if wanted(line)]
        if self.metrics.exists():
            with atomic(self.metrics) as part:
                part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")


def save(state: State, path: Path) -> None:
    """Writes a file of torch, whole or not at all.

    Raises:
        OutputError: the disk is full, or the like.
    """
    try:
        with atomic(path) as part, part.open("wb") as file:
            torch.save(state, file)
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:  # torch hides the one in the other
        cause = error if isinstance(error, OSError) else (error.__cause__ or error.__context__ or error)
        raise output_error(path, cause) from error
